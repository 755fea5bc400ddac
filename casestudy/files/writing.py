"""Write files so that a crash leaves no half of one, and one process at a time writes."""

import glob
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from casestudy import CaseStudyError


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
            f"{error.strerror or error}. {remedy}; the same command resumes."
        ) from error


@contextmanager
def written_whole(path: Path) -> Iterator[Path]:
    """Yield a temporary path next to `path` and rename it to `path` when the block succeeds.

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
    scratch = Path(tempfile.mkdtemp(prefix=_scratch_prefix(path), dir=path.parent))
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


def remove_unfinished(path: Path) -> None:
    """Remove what killed calls of `written_whole` left; call it where none can be running."""
    for scratch in path.parent.glob(f"{glob.escape(_scratch_prefix(path))}????????"):
        shutil.rmtree(scratch)


def _scratch_prefix(path: Path) -> str:
    return f".{path.stem[:40]}-"
