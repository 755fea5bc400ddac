"""Write files completely or not at all, and by one process at a time."""

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
    """Make the folder of a file, before long work, and return the file's path.

    Raises
    ------
    CaseStudyError
        If the file cannot be written there.
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
    """Make a folder if needed, and let one process at a time write to it.

    `remedy` is the advice if the folder cannot be written to.

    Raises
    ------
    CaseStudyError
        If another process works in the folder, or a file cannot be read or written.
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
    """Yield a temporary path of the same name, and move it to `path` when the block succeeds.

    The block creates a file or a folder at the temporary path. A reader of `path` always finds
    the old content, the new content, or nothing. Files reach the disk before they are renamed. The
    parent of `path` is created if needed. An existing folder is not replaced.
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
    """Remove the remains of killed calls of `written_whole`; none may be running."""
    for scratch in path.parent.glob(f"{glob.escape(_scratch_prefix(path))}????????"):
        shutil.rmtree(scratch)


def _scratch_prefix(path: Path) -> str:
    return f".{path.stem[:40]}-"
