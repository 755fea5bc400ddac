"""Add datasets that come as archives."""

from collections.abc import Sequence
from pathlib import Path

from casestudy import CaseStudyError
from casestudy.data.catalogue import DATASETS
from casestudy.files.folders import data_root
from casestudy.files.writing import only_writer

REMEDY = "Free some space, or set CASESTUDY_DATA to a folder you may write to"


def add(dataset: str, archives: Sequence[Path]) -> Path:
    """Verify archives and unpack them into the data root; they stay where they are.

    SIDD's archives must have the published size and checksums, RENOIR's the published layout.
    After an interruption the same call resumes.

    Parameters
    ----------
    dataset : str
        A name in `DATASETS`.
    archives : sequence of Path

    Returns
    -------
    Path
        The dataset's folder.

    Raises
    ------
    CaseStudyError
        If the dataset does not come as archives; if one is not there or not the right one,
        cannot be unpacked without harm (see `archives`), or the disk has too little space or may
        not be written to.
    """
    adds = {name: known.add for name, known in DATASETS.items() if known.add}
    if dataset not in adds:
        raise CaseStudyError(
            f"{dataset!r} does not come as archives. `casestudy data add` knows: "
            f"{', '.join(adds)}; `casestudy data list` shows how to get the others."
        )
    if missing := [archive for archive in archives if not archive.is_file()]:
        raise CaseStudyError(f"{missing[0]} is not there. Give the name of a file you downloaded.")
    folder = data_root() / dataset
    with only_writer(folder, REMEDY):
        for archive in archives:
            adds[dataset](archive, folder)
    return folder
