"""Unpack zip and tar archives so that nothing in them can do harm.

An archive with a name that leads out of the folder, a link or a device is refused before anything
is written. Files are unpacked into a hidden folder first and moved to their places when all are
whole.
"""

import lzma
import os
import shutil
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import BinaryIO, NamedTuple

from tqdm import tqdm

from casestudy import CaseStudyError

MAX_FILES = 50_000
MAX_EXPANSION = 50  # times the archive's size; photographs hardly shrink in an archive
SMALL = 100_000_000  # bytes; an archive of any size may unpack to this much
RESERVE = 500_000_000  # bytes of disk that are left free

CHUNK = 1 << 20  # bytes that are read at once

_DAMAGED = (
    zipfile.BadZipFile,
    tarfile.TarError,
    zlib.error,
    lzma.LZMAError,
    EOFError,
    NotImplementedError,  # a compression that zipfile does not know
)


class Member(NamedTuple):
    """A file in an archive."""

    path: PurePosixPath  # relative, without ".."
    size: int  # bytes when unpacked
    open: Callable[[], BinaryIO]  # returns a stream of its content


@contextmanager
def open_archive(archive: Path) -> Iterator[list[Member]]:
    """Yield the files in a zip or tar archive (plain, gzip, bzip2 or xz).

    Raises
    ------
    CaseStudyError
        If it is neither or is damaged; if it is encrypted, holds names that lead out of a folder,
        equal names, links or devices, or unpacks to much more than photographs do.
    """
    try:
        if zipfile.is_zipfile(archive):
            with zipfile.ZipFile(archive) as file:
                yield _checked(archive, _zip_members(file))
        else:
            with tarfile.open(archive) as file:
                yield _checked(archive, _tar_members(file))
    except (*_DAMAGED, OSError) as error:
        if isinstance(error, OSError) and error.errno is not None:  # of the disk
            raise
        raise CaseStudyError(
            f"{archive} is not a whole zip or tar archive ({error}): its download was cut off, or "
            "it is damaged. Download it again."
        ) from error


def unpack(archive: Path, members: Sequence[Member], folder: Path) -> None:
    """Unpack an archive into a folder, with a progress bar.

    After an interruption the same call resumes: whole files are not unpacked again. Files that
    are in the folder already stay as they are, if their content is the same.

    Parameters
    ----------
    archive : Path
    members : sequence of Member
        From `open_archive`, which must still be open.
    folder : Path
        Created if needed.

    Raises
    ------
    CaseStudyError
        If another file is in the place of one, or the disk has too little space.
    OSError
        If the folder cannot be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    missing = [member for member in members if not _is_there(archive, member, folder)]
    staging = _staging(archive, folder)
    left = [m for m in missing if not (staging / "files" / m.path).exists()]
    total, title = sum(member.size for member in left), f"Unpacking {archive.name}"
    require_space(folder, total)
    with tqdm(total=total, desc=title, unit="B", unit_scale=True, disable=None) as bar:
        for member in left:
            _unpack_one(member, staging)
            bar.update(member.size)
    _put_in_place(staging / "files", missing, folder)
    shutil.rmtree(staging, ignore_errors=True)


def require_space(folder: Path, size: int) -> None:
    """Raise CaseStudyError if a folder's disk has less than `size` bytes and a reserve left."""
    free = shutil.disk_usage(folder).free
    if size and free < size + RESERVE:
        raise CaseStudyError(
            f"{folder} needs {size / 1e9:.1f} GB of disk, of which {free / 1e9:.1f} GB are free "
            f"({RESERVE / 1e9:.1f} GB are to stay so). Free some space, or set CASESTUDY_DATA to "
            "a folder on a larger disk; the same command resumes."
        )


def _zip_members(file: zipfile.ZipFile) -> Iterator[tuple[str, Member]]:
    """Yield each file, after the reason to refuse it or ""."""
    for info in file.infolist():
        kind = stat.S_IFMT(info.external_attr >> 16)
        wrong = "" if kind in (0, stat.S_IFREG, stat.S_IFDIR) else "is a link or a device"
        if info.flag_bits & 1:
            wrong = "is encrypted"
        if wrong or not info.is_dir():
            yield wrong, Member(_path(info.filename), info.file_size, lambda i=info: file.open(i))


def _tar_members(file: tarfile.TarFile) -> Iterator[tuple[str, Member]]:
    for info in file:
        wrong = "" if info.isfile() or info.isdir() else "is a link or a device"
        if wrong or not info.isdir():
            yield wrong, Member(_path(info.name), info.size, lambda i=info: file.extractfile(i))
    # A damaged header looks like the end to tarfile, which never reads on to the checksum of a
    # compressed stream.
    file.fileobj.seek(file.offset)
    while rest := file.fileobj.read(CHUNK):
        if rest.strip(b"\0"):
            raise tarfile.ReadError("something follows its end")


def _path(name: str) -> PurePosixPath:
    """Return a name as a path; its separators may be those of Windows."""
    return PurePosixPath(name.replace("\\", "/"))


def _checked(archive: Path, members: Iterator[tuple[str, Member]]) -> list[Member]:
    checked, seen, total = [], set(), 0
    limit = max(SMALL, MAX_EXPANSION * archive.stat().st_size)
    for wrong, member in members:
        name = str(member.path)
        total += member.size
        if _leads_out(member.path):
            wrong = "leads out of the folder"
        elif not name.isprintable():
            wrong = "cannot name a file"
        elif name.casefold() in seen:
            wrong = "is there twice"
        elif len(checked) >= MAX_FILES or total > limit:
            wrong = "is one file too many: it unpacks to more than photographs do"
        if wrong:
            raise CaseStudyError(
                f"{archive} is not unpacked, because {name!r} in it {wrong}. Nothing was written. "
                "Download the archive again from its official page."
            )
        seen.add(name.casefold())
        checked.append(member)
    return checked


def _leads_out(path: PurePosixPath) -> bool:
    """Return whether a path is absolute, on a drive of Windows, goes up or is empty."""
    return not path.parts or path.is_absolute() or ".." in path.parts or ":" in path.parts[0]


def _is_there(archive: Path, member: Member, folder: Path) -> bool:
    """Return whether a file is in its place; raise CaseStudyError if another one is."""
    place = folder / member.path
    if not place.exists():
        return False
    if not place.is_file() or place.stat().st_size != member.size or not _equal(member, place):
        raise CaseStudyError(
            f"{place} differs from the file of this name in {archive}; another program may have "
            "unpacked it in part. Move it away; the same command then resumes."
        )
    return True


def _equal(member: Member, place: Path) -> bool:
    with member.open() as packed, place.open("rb") as file:
        while chunk := packed.read(CHUNK):
            if file.read(len(chunk)) != chunk:
                return False
    return True


def _staging(archive: Path, folder: Path) -> Path:
    """Return where this archive is unpacked first; the remains of an older one are deleted."""
    state, prefix = archive.stat(), f".unpacking-{archive.name}-"
    staging = folder / f"{prefix}{state.st_size}-{state.st_mtime_ns}"
    for older in folder.glob(".unpacking-*"):
        if older.name.startswith(prefix) and older != staging:
            shutil.rmtree(older)
    return staging


def _unpack_one(member: Member, staging: Path) -> None:
    """Write a file to the staging folder; under its own name only when it is whole."""
    place, part = staging / "files" / member.path, staging / "part"
    place.parent.mkdir(parents=True, exist_ok=True)
    with member.open() as packed, part.open("wb") as file:
        shutil.copyfileobj(packed, file, CHUNK)
        file.flush()
        os.fsync(file.fileno())
    if part.stat().st_size != member.size:
        raise EOFError(f"{member.path} ends early")
    part.replace(place)


def _put_in_place(unpacked: Path, members: Sequence[Member], folder: Path) -> None:
    """Move the files to their places: whole outermost folders, where there is none of the name."""
    for top in dict.fromkeys(member.path.parts[0] for member in members):
        if not (folder / top).exists():
            (unpacked / top).rename(folder / top)
    for member in members:
        place = folder / member.path
        if not place.exists():
            place.parent.mkdir(parents=True, exist_ok=True)
            (unpacked / member.path).rename(place)
