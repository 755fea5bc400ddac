"""Clean photographs with more detail and colour than those of BSDS500.

A pair holds one photograph twice: noise is added to it, or a denoiser should leave it alone.
"""

from pathlib import Path

from casestudy import CaseStudyError
from casestudy.data.dataset import Dataset
from casestudy.data.pairs import FilePair
from casestudy.files.folders import data_root
from casestudy.files.photos import SUFFIXES


def _find(folder: Path, part: str | None) -> tuple[list[FilePair], list[Path]]:
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
    find=lambda: _find(data_root() / "clean", None),
    families=("clean",),
)
KODAK = Dataset(
    name="kodak",
    summary="the 24 photographs of Kodak, 768x512, without noise; papers add Gaussian noise",
    terms="released by Kodak for unrestricted use",
    get="put 01.png to 24.png (r0k.us/graphics/kodak) into kodak24/ in the data root",
    where=lambda found: str(data_root() / "kodak24"),
    find=lambda: _find(data_root() / "kodak24", "test"),
    families=("kodak",),
)
