"""Download SIDD's Medium set and unpack it."""

from pathlib import Path

import requests

from casestudy import CaseStudyError
from casestudy.data.getting.archives import open_archive, require_space, unpack
from casestudy.data.getting.download import download, failure
from casestudy.data.getting.fetch import REMEDY, add
from casestudy.data.sets import sidd
from casestudy.files.folders import data_root
from casestudy.files.writing import only_writer

SERVER = "http://130.63.97.225/share/"


def fetch_sidd(server: str = SERVER) -> Path:
    """Download the Medium set and unpack it; what is there already is not fetched again.

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
        As `add`; or if the server does not send the archive.
    """
    if there := _medium_set():
        return there
    folder = data_root() / sidd.SIDD.name
    archive = folder / sidd.MEDIUM.name
    part = archive.with_name(f"{archive.name}.part")
    if archive.exists():
        if (size := archive.stat().st_size) != sidd.MEDIUM.size:
            raise CaseStudyError(
                f"{archive} has {size:,} bytes, not {sidd.MEDIUM.size:,} as published: its "
                f"download was cut off, or it is something else. Rename it to {part.name}, and "
                "the same command resumes there; or delete it."
            )
        return add(sidd.SIDD.name, [archive])
    with only_writer(folder, REMEDY):
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
        with open_archive(archive) as members:
            unpack(archive, members, folder)
    return folder


def _medium_set() -> Path | None:
    """Return the folder of the Medium set, if all of it is there."""
    try:
        pairs = sidd.SIDD.load()
    except CaseStudyError:
        return None
    return pairs[0].noisy_path.parents[1] if len(pairs) == sidd.MEDIUM_PAIRS else None


def _download(url: str, part: Path) -> None:
    try:
        download(url, part, sidd.MEDIUM.size)
    except requests.RequestException as error:
        raise CaseStudyError(
            f"{url} could not be downloaded ({failure(error)}). Run the command again later, "
            f"which resumes here; or {sidd.BY_HAND}."
        ) from error
