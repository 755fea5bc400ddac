"""Clean photographs with more detail and colour than those of BSDS500.

A pair holds one photograph twice: noise is added to it, or a denoiser should leave it alone.
"""

from pathlib import Path

from casestudy import CaseStudyError
from casestudy.data.dataset import Dataset
from casestudy.data.pairs import FilePair
from casestudy.files.folders import data_root
from casestudy.files.photos import SUFFIXES


def find_photographs(folder: Path, part: str | None = None) -> tuple[list[FilePair], list[Path]]:
    """Return every photograph of a folder as both images of a pair, for `Dataset.find`.

    Parameters
    ----------
    folder : Path
    part : {"train", "validation", "test"}, optional
        Part of a split that all belong to.

    Raises
    ------
    CaseStudyError
        If there is none.
    """
    paths = sorted(path for path in folder.glob("*") if path.suffix.lower() in SUFFIXES)
    if not paths:
        raise CaseStudyError(
            f"{folder} holds no photographs. Put some there, or set CASESTUDY_DATA to the folder "
            f"that holds {folder.name}/."
        )
    return [
        FilePair(id=path.stem, scene=path.stem, part=part, noisy_path=path, clean_path=path)
        for path in paths
    ], []


CLEAN = Dataset(
    name="clean",
    summary="clean photographs of Unsplash and of a Canon EOS 1200D, reduced in size",
    terms="Unsplash licence; BSD-3",
    get="put clean photographs, which are much reduced in size, into clean/ in the data root",
    where=lambda found: str(data_root() / "clean"),
    find=lambda: find_photographs(data_root() / "clean"),
    families=("clean",),
)
