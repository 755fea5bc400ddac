"""The numbered notebooks: what they declare, and what they need of each other."""

import re
from collections.abc import Collection
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path
from typing import TYPE_CHECKING

from casestudy import CaseStudyError

if TYPE_CHECKING:  # nbformat and papermill take seconds to import
    import nbformat

MODELS = "models"  # in a run folder; `casestudy train` may be at work there meanwhile

_KERNEL = {"name": "python3", "display_name": "Python 3", "language": "python"}


@dataclass(frozen=True)
class Notebook:
    """A numbered notebook of the notebooks folder."""

    path: Path  # for example notebooks/03_autoencoder.ipynb
    source: "nbformat.NotebookNode"
    parameters: dict[str, str]  # of the cell tagged `parameters`: defaults, as code, by name
    needs: tuple[str, ...]  # stems of the earlier notebooks whose results it reads, in order

    @property
    def stem(self) -> str:
        return self.path.stem

    @property
    def title(self) -> str:
        """The first heading, or the stem in words."""
        heading = re.search(r"^#+\s+(.+?)\s*#*$", self._prose, re.MULTILINE)
        return heading[1] if heading else self.stem.replace("_", " ")

    @property
    def first_sentence(self) -> str:
        """The first sentence of prose, without Markdown; may be empty."""
        paragraphs = re.split(r"\n\s*\n", re.sub(r"^#.*$", "", self._prose, flags=re.MULTILINE))
        first = next((text for text in paragraphs if re.match(r"\s*[*_`\"\[(]*\w", text)), "")
        first = re.sub(r"^\s*\*\*[^*]*[.:]\*\*", "", first)  # a run-in heading
        plain = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", " ".join(first.split()))
        plain = re.sub(r"[*`]|(?<!\w)_|_(?!\w)", "", plain)
        return re.split(r"(?<=[.?!])\s+(?=[A-Z])", plain, maxsplit=1)[0]

    @property
    def _prose(self) -> str:
        cells = self.source.cells
        return "\n\n".join(cell.source for cell in cells if cell.cell_type == "markdown")


def notebook_files(folder: Path) -> dict[str, Path]:
    """Return the notebooks `NN_name.ipynb` of a folder by stem, in order of their numbers.

    Raises
    ------
    CaseStudyError
        If there are none.
    """
    paths = sorted(folder.glob("[0-9][0-9]_*.ipynb"))
    if not paths:
        raise CaseStudyError(f"No notebook named like 01_name.ipynb in {folder}.")
    return {path.stem: path for path in paths}


def find_notebooks(files: dict[str, Path]) -> dict[str, Notebook]:
    """Return the content of notebooks by stem.

    Raises
    ------
    CaseStudyError
        If one cannot be read, does not have exactly one cell tagged `parameters`, or needs itself
        or a later one.
    """
    return {stem: _read(path, list(files)) for stem, path in files.items()}


def _read(path: Path, stems: list[str]) -> Notebook:
    # Imported here for a fast start-up.
    import nbformat
    import papermill

    try:
        source = nbformat.read(path, as_version=4)
    except Exception as error:
        raise CaseStudyError(f"{path} is not a readable notebook: {error}") from error
    tagged = [cell for cell in source.cells if "parameters" in cell.metadata.get("tags", [])]
    if len(tagged) != 1:
        raise CaseStudyError(
            f"{path} has {len(tagged)} cells tagged `parameters`; it must have exactly one."
        )
    # papermill needs to know the language, which a stripped notebook may have lost.
    source.metadata.setdefault("kernelspec", _KERNEL)
    declared = papermill.inspect_notebook(source)
    defaults = {name: parameter["default"] for name, parameter in declared.items()}
    return Notebook(path, source, defaults, _needed(path, source, stems))


def _needed(path: Path, source: "nbformat.NotebookNode", stems: list[str]) -> tuple[str, ...]:
    patterns = source.metadata.get("casestudy", {}).get("needs", [])
    needed = [stem for stem in stems if any(fnmatch(stem, pattern) for pattern in patterns)]
    if needed and needed[-1] >= path.stem:
        raise CaseStudyError(
            f"{path} needs {needed[-1]}, which is not an earlier notebook. "
            "Correct `casestudy.needs` in the notebook's metadata."
        )
    return tuple(needed)


def choose(notebooks: Collection[str], only: tuple[str, ...]) -> list[str]:
    """Return those of the stems that `only` names or numbers; all if it is empty.

    Raises
    ------
    CaseStudyError
        If an entry is not the name or the number of a notebook.
    """
    names = {stem: {stem, stem[:2]} for stem in notebooks}
    for entry in only:
        if not any(entry in known for known in names.values()):
            raise CaseStudyError(
                f"No notebook is called {entry!r}. Known: {', '.join(notebooks)}."
            )
    return [stem for stem in notebooks if not only or names[stem] & set(only)]


def with_needs(notebooks: dict[str, Notebook], chosen: list[str]) -> list[str]:
    """Return the chosen stems and all that they need, directly or not, in order."""
    wanted = set(chosen)
    for stem in reversed(notebooks):
        if stem in wanted:
            wanted.update(notebooks[stem].needs)
    return [stem for stem in notebooks if stem in wanted]
