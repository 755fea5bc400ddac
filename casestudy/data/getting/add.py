"""Add datasets that come as archives, downloaded by hand or, where that can be, from here."""

from collections.abc import Sequence
from pathlib import Path

import requests

from casestudy import CaseStudyError
from casestudy.data.getting.archives import open_archive, require_space, unpack
from casestudy.data.getting.download import download
from casestudy.data.sets import renoir, sidd
from casestudy.files.folders import data_root
from casestudy.files.writing import only_writer

_REMEDY = "Free some space, or set CASESTUDY_DATA to a folder you may write to"


def add(dataset: str, archives: Sequence[Path]) -> Path:
    """Verify archives and unpack them into the data root; they stay where they are.

    SIDD's archives must have the published size and checksums, RENOIR's the published layout.
    After an interruption the same call goes on.

    Parameters
    ----------
    dataset : {"sidd", "renoir"}
    archives : sequence of Path

    Returns
    -------
    Path
        The dataset's folder.

    Raises
    ------
    CaseStudyError
        If an archive is not there or not the right one, cannot be unpacked without harm (see
        `archives`), or the disk has too little space or may not be written to.
    """
    if dataset not in ("sidd", "renoir"):
        raise CaseStudyError(
            f"{dataset!r} does not come as archives. `casestudy data add` knows: sidd, renoir; "
            "`casestudy data list` tells how to get the others."
        )
    if missing := [archive for archive in archives if not archive.is_file()]:
        raise CaseStudyError(f"{missing[0]} is not there. Give the name of a file you downloaded.")
    folder = data_root() / dataset
    with only_writer(folder, _REMEDY):
        for archive in archives:
            if dataset == "sidd":
                _published(archive).verify(archive)
            _unpack(dataset, archive, folder)
    return folder


def fetch_sidd(server: str = sidd.SERVER) -> Path:
    """Download SIDD's Medium set and unpack it; what is there already is not fetched again.

    Parameters
    ----------
    server : str
        Address of a folder; ends in "/".

    Returns
    -------
    Path
        The dataset's folder. The archive stays in it.

    Raises
    ------
    CaseStudyError
        As `add`; or if the archive cannot be had from the server.
    """
    if there := _medium_set():
        return there
    folder = data_root() / "sidd"
    archive = folder / sidd.MEDIUM.name
    part = archive.with_name(f"{archive.name}.part")
    if archive.exists():
        if (size := archive.stat().st_size) != sidd.MEDIUM.size:
            raise CaseStudyError(
                f"{archive} has {size:,} bytes, not {sidd.MEDIUM.size:,} as published: its "
                f"download was cut off, or it is something else. Rename it to {part.name}, and "
                "the same command goes on from there; or delete it."
            )
        return add("sidd", [archive])
    with only_writer(folder, _REMEDY):
        done = part.stat().st_size if part.exists() else 0
        require_space(folder, 2 * sidd.MEDIUM.size - done)  # for the archive, and unpacked
        _download(server + archive.name, part)
        try:
            sidd.MEDIUM.verify(part)
        except CaseStudyError as error:
            part.unlink()
            raise CaseStudyError(
                f"{server} sent another file than the published {archive.name}; it was deleted. "
                f"Run the command again, or {sidd.BY_HAND}."
            ) from error
        part.rename(archive)
        _unpack("sidd", archive, folder)
    return folder


def _medium_set() -> Path | None:
    """Return the folder of the Medium set, if all of it is there."""
    try:
        pairs = sidd.pairs()
    except CaseStudyError:
        return None
    return pairs[0].noisy_path.parent.parent if len(pairs) == sidd.MEDIUM_PAIRS else None


def _download(url: str, part: Path) -> None:
    try:
        download(url, part, sidd.MEDIUM.size)
    except requests.RequestException as error:
        status = getattr(error.response, "status_code", None)
        reason = f"the server answered {status}" if status else type(error).__name__
        raise CaseStudyError(
            f"{url} could not be had ({reason}). Run the command again later, which goes on from "
            f"here; or {sidd.BY_HAND}."
        ) from error


def _published(archive: Path) -> sidd.Archive:
    """Return which of SIDD's archives a file must be by its size."""
    size = archive.stat().st_size
    for published in (sidd.MEDIUM, sidd.SMALL):
        if size == published.size:
            return published
    known = " or ".join(f"{a.name} ({a.size:,} bytes)" for a in (sidd.MEDIUM, sidd.SMALL))
    raise CaseStudyError(
        f"{archive} has {size:,} bytes, so it is not {known}: its download was cut off, or it is "
        "something else. Download it again. Images from elsewhere: unpack them yourself and run "
        "`casestudy data check sidd`."
    )


def _unpack(dataset: str, archive: Path, folder: Path) -> None:
    with open_archive(archive) as members:
        if dataset == "renoir":
            folder = folder / renoir.place(archive, [member.path for member in members])
        unpack(archive, members, folder)
