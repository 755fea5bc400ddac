"""The folders of the project: clone, datasets, cache and reports."""

import os
import re
from pathlib import Path

from casestudy import CaseStudyError


def project_root() -> Path:
    """Return the folder of the clone around this package, or else around the working directory.

    Raises
    ------
    CaseStudyError
        If neither is in a clone, which has `notebooks/` and the project's pyproject.toml.
    """
    for folder in (Path(__file__).resolve().parents[2], Path.cwd(), *Path.cwd().parents):
        file = folder / "pyproject.toml"
        found = file.is_file() and (folder / "notebooks").is_dir()
        if found and 'name = "casestudy"' in file.read_text("utf-8", errors="replace"):
            return folder
    raise CaseStudyError(
        "The case study's notebooks were not found. Run this inside a clone of the repository."
    )


def data_root() -> Path:
    """Return the folder of downloaded datasets: `CASESTUDY_DATA`, or `data/` in the project.

    Raises
    ------
    CaseStudyError
        If the variable is not set and there is no clone.
    """
    return _folder_setting("CASESTUDY_DATA", "data")


def cache_root() -> Path:
    """Return the folder of derived files: `CASESTUDY_CACHE`, or `data/cache/` in the project.

    Outside a clone, the default is the user's cache folder.
    """
    try:
        return _folder_setting("CASESTUDY_CACHE", "data/cache")
    except CaseStudyError:
        import pooch

        return Path(pooch.os_cache("casestudy"))


def reports_root() -> Path:
    """Return the folder of runs, one sub-folder each: `reports/` in the project."""
    return project_root() / "reports"


def run_name(dataset: str, run: str | None = None) -> str:
    """Return the name of a run's folder, by default made of the dataset's name.

    Raises
    ------
    CaseStudyError
        If it cannot name a folder in `reports/`.
    """
    if run is None:
        folder = own_folder(dataset)
        run = re.sub(r"[^\w.-]+", "-", f"folder-{folder.name}" if folder else dataset)[:80]
    if not re.fullmatch(r"\w[\w.-]{0,79}", run):
        raise CaseStudyError(
            f"{run!r} cannot name a run, which is a folder in reports/. Use at most 80 letters, "
            "digits, dots, dashes and underscores, and begin with a letter or digit."
        )
    return run


def own_folder(dataset: str) -> Path | None:
    """Return PATH if a dataset's name is `folder:PATH`, for pairs of your own; else None."""
    return Path(dataset.removeprefix("folder:")) if dataset.startswith("folder:") else None


def absolute(dataset: str) -> str:
    """Return a dataset's name with a folder's path made absolute, for any working directory."""
    folder = own_folder(dataset)
    return f"folder:{folder.expanduser().resolve()}" if folder else dataset


def _folder_setting(variable: str, default: str) -> Path:
    if value := os.environ.get(variable):
        return Path(value).expanduser().resolve()
    try:
        return project_root() / default
    except CaseStudyError as error:
        raise CaseStudyError(f"{error} Or name a folder in {variable}.") from None
