"""Where things live on disk, and how files are written so that a crash leaves no half of one."""

import os
import re
import shutil
import tempfile
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from casestudy.errors import CaseStudyError


def project_root() -> Path:
    """Return the folder that holds `notebooks/`: the clone this package was installed from.

    An installed copy of the package has no clone around it; then the working directory and
    its parents are searched.

    Raises
    ------
    CaseStudyError
        If neither place is in a clone.
    """
    for folder in (Path(__file__).resolve().parent.parent, Path.cwd(), *Path.cwd().parents):
        if (folder / "notebooks").is_dir() and _project_name(folder) == "casestudy":
            return folder
    raise CaseStudyError(
        "The case study's notebooks were not found. Run this inside a clone of the repository."
    )


def _project_name(folder: Path) -> str | None:
    """Return the name in a folder's pyproject.toml; None if there is none that can be read."""
    try:
        text = (folder / "pyproject.toml").read_text(encoding="utf-8")
        return tomllib.loads(text).get("project", {}).get("name")
    except (OSError, ValueError):  # not UTF-8 or not TOML
        return None


def data_root() -> Path:
    """Return the folder of downloaded datasets: `CASESTUDY_DATA`, or `data/` in the project.

    Raises
    ------
    CaseStudyError
        If the variable is not set, and there is no clone.
    """
    return _folder_setting("CASESTUDY_DATA", "data")


def cache_root() -> Path:
    """Return the folder of derived files: `CASESTUDY_CACHE`, or `data/cache/` in the project.

    Outside a clone, it is the user's own cache folder.
    """
    try:
        return _folder_setting("CASESTUDY_CACHE", "data/cache")
    except CaseStudyError:
        import pooch

        return Path(pooch.os_cache("casestudy"))


def reports_root() -> Path:
    """Return the folder that holds one sub-folder per run: `reports/` in the project."""
    return project_root() / "reports"


def run_name(dataset: str, run: str | None = None) -> str:
    """Return the name of a run's folder: the one given, or one made of the dataset's name.

    Raises
    ------
    CaseStudyError
        If it cannot name a folder in `reports/`.
    """
    if run is None:
        kind, _, path = dataset.partition(":")
        run = re.sub(r"[^\w.-]+", "-", f"{kind}-{Path(path).name}" if path else kind)[:80]
    if not re.fullmatch(r"\w[\w.-]{0,79}", run):
        raise CaseStudyError(
            f"{run!r} cannot name a run, because it names a folder in reports/: at most 80 "
            "letters, digits, dots, dashes and underscores, the first a letter or digit."
        )
    return run


def absolute(dataset: str) -> str:
    """Return a dataset's name with a folder's path made absolute, for any working directory."""
    if not dataset.startswith("folder:"):
        return dataset
    return f"folder:{Path(dataset.removeprefix('folder:')).expanduser().resolve()}"


def _folder_setting(variable: str, default: str) -> Path:
    if value := os.environ.get(variable):
        return Path(value).expanduser().resolve()
    try:
        return project_root() / default
    except CaseStudyError as error:
        raise CaseStudyError(f"{error} Or name a folder in {variable}.") from None


def writable_file(path: Path) -> Path:
    """Return the path after making its folder; called before long work whose result goes there.

    Raises
    ------
    CaseStudyError
        If no file can be written there.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise CaseStudyError(
            f"{path} cannot be written: {error.strerror}. Name another file."
        ) from error
    if path.is_dir():
        raise CaseStudyError(f"{path} is a folder. Name a file in it.")
    if not os.access(path.parent, os.W_OK):
        raise CaseStudyError(f"{path.parent} cannot be written to. Name a file elsewhere.")
    return path


@contextmanager
def only_writer(folder: Path, remedy: str) -> Iterator[None]:
    """Let one process at a time write to a folder, which is made if needed.

    Parameters
    ----------
    folder : Path
    remedy : str
        What to do where it cannot be written to.

    Raises
    ------
    CaseStudyError
        If another process is at work there, or something cannot be read or written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with FileLock(folder / ".lock", timeout=0):
            yield
    except Timeout as error:
        raise CaseStudyError(
            f"Another process is at work in {folder}. Wait until it has finished."
        ) from error
    except OSError as error:
        raise CaseStudyError(
            f"{error.filename or folder} could not be read or written: "
            f"{error.strerror or error}. {remedy}; the same command goes on."
        ) from error


@contextmanager
def written_whole(path: Path) -> Iterator[Path]:
    """Yield a temporary path beside `path` and rename it to `path` when the block succeeds.

    Whatever happens, a reader finds the old content, the new content, or nothing. The file
    (or folder) reaches the disk before its name does. An existing folder is not replaced.

    Parameters
    ----------
    path : Path
        The final name. Its parent is created if needed.

    Yields
    ------
    Path
        A name, of the same suffix, for the block to create a file or a folder at.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    scratch = Path(tempfile.mkdtemp(prefix=f".{path.stem[:40]}-", dir=path.parent))
    try:
        temporary = scratch / path.name
        yield temporary
        for file in [temporary, *temporary.rglob("*")]:
            if file.is_file():
                with file.open("rb+") as handle:
                    os.fsync(handle.fileno())
        temporary.replace(path)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
