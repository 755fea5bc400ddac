"""SIDD's real noise of phones, embedded: eight pairs to test on, at their own resolution.

Abdelhamed, Lin, Brown, "A High-Quality Denoising Dataset for Smartphone Cameras", CVPR 2018, under
the MIT licence (`phones/LICENSE.txt`). They are the crops of `sample/` in `sidd_crops`, as
lossless WebP.
"""

from pathlib import Path

from casestudy.data.dataset import Dataset
from casestudy.data.pairs import FilePair
from casestudy.data.sets.sidd_crops import CROPS, SCENES

FOLDER = Path(__file__).with_suffix("")


def _find() -> tuple[list[FilePair], list[Path]]:
    return [
        FilePair(
            id=name,
            scene=scene,
            part="test",
            noisy_path=FOLDER / f"{name}_noisy.webp",
            clean_path=FOLDER / f"{name}_clean.webp",
        )
        for name, scene in SCENES.items()
    ], []


PHONES = Dataset(
    name="phones",
    summary="SIDD crops to test on, 256 to 1024 pixels, real noise of phones",
    terms="MIT licence",
    get="",
    where=lambda found: "built in",
    find=_find,
    families=CROPS.families,
)
