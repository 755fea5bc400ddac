"""Markers: what a notebook's last success was made from, and what it left.

A marker is written last and by rename, so a notebook without one has not finished, whatever
else lies in the run folder.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path

from casestudy.commands.report.notebooks import Notebook
from casestudy.files.provenance import hash_file, hash_rooms, hash_text
from casestudy.files.writing import written_whole

# What decides a notebook's numbers: every room but `commands`, and the released networks.
_ROOMS = ("files", "data", "models", "training", "denoising", "results")
_NO_NUMBERS = (
    # They only draw; `casestudy report --force` draws all figures again.
    "results/plots.py",
    "results/images.py",
    "results/slider.*",
    # Model cards, and the list that changes with them.
    "models/released/*.md",
    "models/released/SHA256SUMS",
)


def hash_study() -> str:
    """Return a hash of the code and of the released networks that notebooks' numbers rest on."""
    return hash_rooms(*_ROOMS, without=_NO_NUMBERS)


@dataclass
class Marker:
    """The last success of one notebook in one run folder.

    Parameters
    ----------
    key : dict
        Hash (or value) by ingredient: notebook, parameters, package, ...
    outputs : dict
        Hash by path in the run folder: the executed notebook and all that it wrote.
    record : dict
        What the pages show: seconds, date, parameters, versions, commit, machine.
    page_key : str
        What else the page was made from.
    page_outputs : dict
        Hash by path of the page and its thumbnail.
    """

    key: dict[str, object]
    outputs: dict[str, str]
    record: dict[str, object]
    page_key: str = ""
    page_outputs: dict[str, str] = field(default_factory=dict)

    def identity(self) -> str:
        """Return a text that changes with each execution: what notebooks that need it hash."""
        return hash_text(json.dumps([self.key, self.outputs], sort_keys=True))


def read_marker(folder: Path, stem: str) -> Marker | None:
    """Return a notebook's marker; None when there is none or it cannot be read."""
    try:
        return Marker(**json.loads(_path(folder, stem).read_text()))
    except (OSError, ValueError, TypeError):
        return None


def write_marker(folder: Path, stem: str, marker: Marker) -> None:
    """Write a notebook's marker whole."""
    with written_whole(_path(folder, stem)) as path:
        path.write_text(json.dumps(asdict(marker), indent=1))


def _path(folder: Path, stem: str) -> Path:
    return folder / ".markers" / f"{stem}.json"


def hash_notebook(notebook: Notebook) -> str:
    """Return a hash of what a notebook computes: cells and what it needs, without outputs."""
    cells = [
        (cell.cell_type, cell.source, cell.metadata.get("tags", []))
        for cell in notebook.source.cells
    ]
    return hash_text(json.dumps([cells, notebook.needs]))


def changes(folder: Path, marker: Marker | None, key: Mapping[str, object]) -> list[str]:
    """Return the ingredients of a notebook that changed since its last success, in words.

    Returns
    -------
    list of str
        Empty when the notebook is up to date.
    """
    if marker is None:
        return ["never finished"]
    names = [name for name in {**marker.key, **key} if marker.key.get(name) != key.get(name)]
    changed = [f"{name} changed" for name in names]
    return changed + [f"{name} changed" for name in altered(folder, marker.outputs)]


def altered(folder: Path, outputs: Mapping[str, str]) -> list[str]:
    """Return the paths of those outputs that are gone or whose content is not as recorded."""
    return [
        name
        for name, digest in outputs.items()
        if not (folder / name).is_file() or hash_file(folder / name) != digest
    ]


def hash_outputs(folder: Path, names: Iterable[str]) -> dict[str, str]:
    """Return the hash of each file by its path in the run folder."""
    return {name: hash_file(folder / name) for name in sorted(names)}
