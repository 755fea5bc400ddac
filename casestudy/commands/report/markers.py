"""Markers: what a notebook's last success was made from, and which files it wrote.

A marker is written last and whole. A notebook without a marker has not finished, even if some of
its files are there.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path

from casestudy.commands.report.notebooks import Notebook
from casestudy.files.provenance import hash_file, hash_rooms, hash_text
from casestudy.files.writing import written_whole

# They decide a notebook's numbers; `models` includes the released networks.
_ROOMS = ("files", "data", "models", "training", "denoising", "results")
_NO_NUMBERS = (
    # These only draw. `casestudy report --force` draws all figures again.
    "results/plots.py",
    "results/images.py",
    "results/slider.*",
    # Model cards, and the checksums that change with them.
    "models/released/*.md",
    "models/released/SHA256SUMS",
    "models/equal_cost/*.md",
    "models/equal_cost/SHA256SUMS",
)


def hash_study() -> str:
    """Return a hash of the code and the released networks that decide notebooks' numbers."""
    return hash_rooms(*_ROOMS, without=_NO_NUMBERS)


@dataclass
class Marker:
    """The last success of one notebook in one run folder; files are named from there."""

    key: dict[str, object]  # hash or value by ingredient: notebook, parameters, package, ...
    outputs: dict[str, str]  # hashes of the executed notebook and of all files that it wrote
    record: dict[str, object]  # for pages: seconds, date, parameters, versions, commit, machine
    page_key: str = ""  # hash of all else that the page was made from
    page_outputs: dict[str, str] = field(default_factory=dict)  # hashes of page and thumbnail

    def identity(self) -> str:
        """Return a hash that changes with each execution, for notebooks that need this one."""
        return hash_text(json.dumps([self.key, self.outputs], sort_keys=True))


def read_marker(folder: Path, stem: str) -> Marker | None:
    """Return a notebook's marker; None if there is none or it cannot be read."""
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
    """Return a hash of a notebook's cells, without outputs, and of what it needs."""
    cells = [
        (cell.cell_type, cell.source, cell.metadata.get("tags", []))
        for cell in notebook.source.cells
    ]
    return hash_text(json.dumps([cells, notebook.needs]))


def changes(folder: Path, marker: Marker | None, key: Mapping[str, object]) -> list[str]:
    """Return what has changed since a notebook's last success, in words; empty if nothing has."""
    if marker is None:
        return ["never finished"]
    names = [name for name in {**marker.key, **key} if marker.key.get(name) != key.get(name)]
    changed = [f"{name} changed" for name in names]
    return changed + [f"{name} changed" for name in altered(folder, marker.outputs)]


def altered(folder: Path, outputs: Mapping[str, str]) -> list[str]:
    """Return the paths of outputs that are missing or differ from what was recorded."""
    return [
        name
        for name, digest in outputs.items()
        if not (folder / name).is_file() or hash_file(folder / name) != digest
    ]


def hash_outputs(folder: Path, names: Iterable[str]) -> dict[str, str]:
    """Return the hash of each file by its path in the run folder."""
    return {name: hash_file(folder / name) for name in sorted(names)}
