"""Derived files and folders, made once and kept in the cache."""

import shutil
import sys
from collections.abc import Callable
from pathlib import Path

from filelock import FileLock

from casestudy import CaseStudyError
from casestudy.files.writing import remove_unfinished, written_whole


def made_once(
    path: Path,
    make: Callable[[Path], object],
    damaged: Callable[[Path], Path | None] = lambda path: None if path.exists() else path,
) -> Path:
    """Make a file or folder unless it exists, and return its path.

    Other processes that need it wait until it is complete.

    Parameters
    ----------
    path : Path
        Its name must change with everything that determines the content.
    make : callable
        Creates the file or folder at the path that it is given, which is renamed to `path`.
    damaged : callable
        Returns a missing or damaged file, or None. Because of that file, all of `path` is made
        again. By default, whatever exists is complete.

    Raises
    ------
    CaseStudyError
        If the cache cannot be written.
    """
    try:
        if damaged(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            with FileLock(f"{path}.lock"):
                if fault := damaged(path):  # no other process has made it meanwhile
                    if path.exists():
                        print(f"{fault} is damaged; {path} is made again.", file=sys.stderr)
                        shutil.rmtree(path)
                    remove_unfinished(path)
                    with written_whole(path) as temporary:
                        make(temporary)
    except OSError as error:
        raise CaseStudyError(
            f"{error.filename or path} cannot be written: {error.strerror or error}. Make room, "
            "or set CASESTUDY_CACHE to a folder that you may write to."
        ) from error
    return path
