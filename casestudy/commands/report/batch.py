"""One call's work on a run folder: execute what changed, keep what is good, report the rest."""

import os
import time
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import nbformat
from filelock import FileLock, Timeout

from casestudy.commands.report.execution import NotebookError, execute
from casestudy.commands.report.index import Card, write_index
from casestudy.commands.report.markers import (
    Marker,
    altered,
    changes,
    hash_notebook,
    hash_outputs,
    hash_study,
    read_marker,
    write_marker,
)
from casestudy.commands.report.notebooks import MODELS, Notebook
from casestudy.commands.report.pages import Page, in_words, write_page
from casestudy.files import provenance
from casestudy.files.writing import written_whole
from casestudy.results.comparison import runs_beside

_OWN_SUFFIXES = (".ipynb", ".html", ".failed.ipynb", ".failed.html")


@dataclass
class Batch:
    """The notebooks of one call, after all checks."""

    folder: Path  # of the run
    dataset: str
    data_hash: str  # changes with the dataset's content
    values: dict[str, object]  # the parameters that the user gave, checked
    notebooks: dict[str, Notebook]  # all of them, by stem
    plan: list[str]  # stems of those to bring up to date, in order
    failures: dict[str, str] = field(default_factory=dict)  # messages, by stem
    stopped: dict[str, list[str]] = field(default_factory=dict)  # failed needs, by stem
    ahead: list[str] = field(default_factory=list)  # stems of those still to come, in order

    def __post_init__(self):
        self.code_hash = hash_study()
        self.page_hash = provenance.hash_rooms("commands/report")
        self.versions = provenance.library_versions()
        self.commit = provenance.commit()
        self.machine = provenance.machine()

    def run(self, forced: list[str]) -> None:
        """Bring the planned notebooks up to date, then the links between all pages.

        The index says meanwhile what is done, what is running and what is left.
        """
        try:
            for position, stem in enumerate(self.plan):
                print(f"[{position + 1}/{len(self.plan)}] {stem}", flush=True)
                self.ahead = self.plan[position:]
                self.write_index()
                outcome = self._bring_up_to_date(self.notebooks[stem], stem in forced)
                print(f"      {outcome}", flush=True)
        finally:
            self.ahead = []
        for stem, marker in self._markers().items():
            if not altered(self.folder, marker.outputs):
                self._bring_page_up_to_date(self.notebooks[stem], marker)

    def _bring_up_to_date(self, notebook: Notebook, forced: bool) -> str:
        blocking = [need for need in notebook.needs if need in self.failures | self.stopped]
        if blocking:
            self.stopped[notebook.stem] = blocking
            return f"not run, because it needs {', '.join(blocking)}"
        marker = read_marker(self.folder, notebook.stem)
        outcome = "unchanged, not run again"
        if forced or changes(self.folder, marker, self._key(notebook)):
            try:
                marker = self._execute(notebook)
            except NotebookError as error:
                self.failures[notebook.stem] = str(error)
                return f"FAILED: {error}"
            outcome = f"done in {in_words(marker.record['seconds'])}"
        self._bring_page_up_to_date(notebook, marker)
        for suffix in (".failed.ipynb", ".failed.html"):
            (self.folder / f"{notebook.stem}{suffix}").unlink(missing_ok=True)
        return outcome

    def _execute(self, notebook: Notebook) -> Marker:
        key, before, start = self._key(notebook), self._results(), time.monotonic()
        in_training = self._in_training()
        try:
            content = execute(notebook, self._parameters(notebook))
            in_training |= self._in_training()
            after = self._results()
            written = {name for name, state in after.items() if before.get(name) != state}
            written = {name for name in written if _network(name) not in in_training}
            written |= after.keys() & self._trained_earlier(notebook)
            self._refuse_overwriting(notebook, written, content)
        except NotebookError as error:
            self._keep_failed(notebook, error)
            raise
        with written_whole(self.folder / notebook.path.name) as path:
            nbformat.write(content, path)
        record = self._record(notebook) | {"seconds": time.monotonic() - start}
        outputs = hash_outputs(self.folder, {notebook.path.name, *written})
        return Marker(key, outputs, record)

    def _in_training(self) -> set[str]:
        """Return the networks that trainings have locked in the run folder."""
        networks = set()
        for lock in (self.folder / MODELS).glob(".*.lock"):
            try:
                with FileLock(lock, timeout=0):
                    pass
            except Timeout:
                networks.add(lock.stem.removeprefix("."))
        return networks

    def _trained_earlier(self, notebook: Notebook) -> set[str]:
        """Return what a notebook trained in an earlier execution; it loads that in the next."""
        marker = read_marker(self.folder, notebook.stem)
        return {name for name in marker.outputs if _network(name)} if marker else set()

    def _refuse_overwriting(
        self, notebook: Notebook, written: set[str], content: nbformat.NotebookNode
    ) -> None:
        """Refuse two writers of one file: each would outdate the other at every run."""
        for stem, marker in self._markers().items():
            shared = sorted(written & marker.outputs.keys())
            if shared and stem != notebook.stem:
                raise NotebookError(
                    f"{notebook.stem} overwrote {shared[0]}, which {stem} wrote. "
                    "Let each file be written by one notebook.",
                    content,
                )

    def _keep_failed(self, notebook: Notebook, error: NotebookError) -> None:
        kept = self.folder / f"{notebook.stem}.failed.ipynb"
        with written_whole(kept) as path:
            nbformat.write(error.content, path)
        page = self._page(notebook, self._record(notebook))
        write_page(error.content, page, kept.with_suffix(".html"), failure=error)

    def _bring_page_up_to_date(self, notebook: Notebook, marker: Marker) -> None:
        """Write a notebook's page unless it is there, then its marker as the very last."""
        page = self._page(notebook, marker.record)
        key = provenance.hash_text(self.page_hash, repr(page))
        if marker.page_key == key and not altered(self.folder, marker.page_outputs):
            return
        executed = self.folder / notebook.path.name
        names = write_page(nbformat.read(executed, 4), page, executed.with_suffix(".html"))
        marker.page_key, marker.page_outputs = key, hash_outputs(self.folder, names)
        write_marker(self.folder, notebook.stem, marker)

    def _page(self, notebook: Notebook, record: dict[str, object]) -> Page:
        titles = [
            (stem, other.title)
            for stem, other in self.notebooks.items()
            if stem == notebook.stem or (self.folder / f"{stem}.html").is_file()
        ]
        position = titles.index((notebook.stem, notebook.title))
        return Page(
            folder=self.folder,
            images=notebook.path.parent,
            dataset=self.dataset if "dataset" in notebook.parameters else "",
            record=record,
            previous=titles[:position][-1:],
            following=titles[position + 1 :][:1],
        )

    def _parameters(self, notebook: Notebook) -> dict[str, object]:
        given = self.values | {"dataset": self.dataset, "run_folder": str(self.folder)}
        return {name: given[name] for name in notebook.parameters if name in given}

    def _key(self, notebook: Notebook) -> dict[str, object]:
        parameters = self._parameters(notebook)
        parameters.pop("run_folder", None)  # it does not change the results
        needed = {need: read_marker(self.folder, need) for need in notebook.needs}
        return {
            "notebook": hash_notebook(notebook),
            "parameters": parameters,
            "package": self.code_hash,
            "libraries": self.versions,
            "dataset": self.data_hash,
            "trained before": self._trained_before(parameters),
            "other runs": self._other_runs(parameters),
            "needed results": {need: m and m.identity() for need, m in needed.items()},
        }

    def _trained_before(self, parameters: dict[str, object]) -> dict[str, str]:
        """Return hashes of the manifests of the networks that a notebook has to load."""
        if parameters.get("weights") != "run":
            return {}
        manifests = sorted((self.folder / MODELS).glob("*.json"))
        return {manifest.name: provenance.hash_file(manifest) for manifest in manifests}

    def _other_runs(self, parameters: dict[str, object]) -> dict[str, str]:
        """Return hashes of what a notebook reads of the runs that it has to compare with."""
        others = set(runs_beside(self.folder, parameters.get("beside", "")).values())
        return {
            f"{folder.name}/{path.name}": provenance.hash_file(path)
            for folder in sorted(others - {self.folder})
            for path in [*folder.glob("scores/*.csv"), *folder.glob("models/*.json")]
        }

    def _record(self, notebook: Notebook) -> dict[str, object]:
        given = {name: repr(value) for name, value in self._parameters(notebook).items()}
        return {
            "title": notebook.title,
            "sentence": notebook.first_sentence,
            "date": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
            "parameters": notebook.parameters | given,
            "versions": self.versions,
            "commit": self.commit,
            "machine": self.machine,
        }

    def _results(self) -> dict[str, tuple[int, ...]]:
        """Return size and times of what notebooks wrote, by its path in the run folder."""
        own = {f"{stem}{suffix}" for stem in self.notebooks for suffix in _OWN_SUFFIXES}
        own |= {"index.html", *(f"figures/{stem}.webp" for stem in self.notebooks)}
        results = {}
        for folder, subfolders, files in os.walk(self.folder):
            subfolders[:] = [name for name in subfolders if not name.startswith(".")]
            for path in (Path(folder, file) for file in files if not file.startswith(".")):
                name = path.relative_to(self.folder).as_posix()
                if name not in own:
                    with suppress(FileNotFoundError):  # renamed by a training meanwhile
                        stat = path.stat()
                        results[name] = (stat.st_ino, stat.st_size, stat.st_mtime_ns)
        return results

    def _markers(self) -> dict[str, Marker]:
        markers = {stem: read_marker(self.folder, stem) for stem in self.notebooks}
        return {stem: marker for stem, marker in markers.items() if marker}

    def summary(self) -> str:
        """Return what failed, what was kept and how to resume, in words."""
        lines = []
        for stem, failure in self.failures.items():
            kept = self.folder / f"{stem}.failed.html"
            lines += [failure, f"  as far as it got: {kept} (and {kept.stem}.ipynb)"]
        if self.stopped:
            lines.append(f"Not run, because they need it: {', '.join(self.stopped)}.")
        lines.append("Earlier reports are as they were. The same command resumes from there.")
        return "\n".join(lines)

    def write_index(self) -> Path:
        """Write the index page of the run folder as it is now, and return its path.

        After an interruption, what was running and waiting is what it was before the call.
        """
        cards, current = [], set()
        for stem, notebook in self.notebooks.items():
            marker = read_marker(self.folder, stem)
            status, detail = self._status(notebook, marker, current)
            if status == "up to date":
                current.add(stem)
            introduction = {"title": notebook.title, "sentence": notebook.first_sentence}
            cards.append(Card(stem, status, detail, marker.record if marker else introduction))
        return write_index(self.folder, self.dataset, cards)

    def _status(self, notebook: Notebook, marker: Marker | None, current: set[str]):
        stem = notebook.stem
        if stem in self.ahead:
            return ("running" if stem == self.ahead[0] else "waiting"), ""
        if stem in self.failures or (self.folder / f"{stem}.failed.html").is_file():
            return "failed", self.failures.get(stem, "in an earlier call")
        if stem in self.stopped:
            return "stopped", f"needs {', '.join(self.stopped[stem])}"
        if marker is None:
            return "not run", ""
        reasons = changes(self.folder, marker, self._key(notebook))
        reasons += [f"{need} is not up to date" for need in notebook.needs if need not in current]
        return ("outdated", "; ".join(reasons)) if reasons else ("up to date", "")


def _network(name: str) -> str | None:
    """Return the network that a file belongs to; None for what is not in the models folder."""
    parts = name.split("/")  # events of TensorBoard are in sub-folders
    return parts[1].split(".")[0] if parts[0] == MODELS else None
