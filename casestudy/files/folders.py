"""Where things live on disk."""

import os
import re
import tomllib
from pathlib import Path

from casestudy import CaseStudyError


def project_root() -> Path:
    """Return the folder that holds `notebooks/`: the clone this package was installed from.

    An installed copy of the package has no clone around it; then the working directory and
    its parents are searched.

    Raises
    ------
    CaseStudyError
        If neither place is in a clone.
    """
    for folder in (Path(__file__).resolve().parents[2], Path.cwd(), *Path.cwd().parents):
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
        folder = own_folder(dataset)
        run = re.sub(r"[^\w.-]+", "-", f"folder-{folder.name}" if folder else dataset)[:80]
    if not re.fullmatch(r"\w[\w.-]{0,79}", run):
        raise CaseStudyError(
            f"{run!r} cannot name a run, because it names a folder in reports/: at most 80 "
            "letters, digits, dots, dashes and underscores, the first a letter or digit."
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
