"""Crops of SIDD: real noise of phones; see `casestudy.data.sets.sidd`.

`train/` holds few scenes and mostly a colour chart and cloth, under very strong noise; `sample/`,
other scenes, is to test on.
"""

from pathlib import Path

from casestudy import CaseStudyError
from casestudy.data.dataset import Dataset
from casestudy.data.pairs import FilePair
from casestudy.data.sets.folder import match
from casestudy.data.sets.sidd import HOME, SIDD
from casestudy.files.folders import data_root

# What the crops of `sample/` show. Where several show one motif, they count as one scene.
SCENES = {
    "yilmaz_0": "scrabble",
    "yilmaz_1": "chess",
    "yilmaz_10": "chess",
    "yilmaz_2": "chess",
    "yilmaz_3": "pepper",
    "yilmaz_5": "pens",
    "yilmaz_7": "bottle",
    "yilmaz_8": "mug",
}
VALIDATION = {"pngan_0010-0013", "pngan_0010-0022", "pngan_0012-0027"}


def _find() -> tuple[list[FilePair], list[Path]]:
    folder = data_root() / "sidd-crops"
    found, lonely = [], []
    for part in ("train", "sample"):
        noisy, clean = (
            {path.name.removesuffix(ending): path for path in (folder / part).glob(f"*{ending}")}
            for ending in ("_noisy.png", "_gt.png")
        )
        matched, left = match(noisy, clean)
        lonely += left
        found += [_pair(name, part, *paths) for name, paths in matched.items()]
    if not found and not lonely:
        raise CaseStudyError(
            f"SIDD's crops are not in {folder}. Set CASESTUDY_DATA to the folder that holds "
            "sidd-crops/."
        )
    return found, lonely


def _pair(name: str, part: str, noisy: Path, clean: Path) -> FilePair:
    if part == "sample":
        part = "test"
    elif name in VALIDATION:
        part = "validation"
    return FilePair(
        id=name, scene=SCENES.get(name, name), part=part, noisy_path=noisy, clean_path=clean
    )


CROPS = Dataset(
    name="sidd-crops",
    summary="SIDD crops, 256 to 1024 pixels, real noise of phones",
    terms=SIDD.terms,
    get=f"cut from the photographs at {HOME}: put them into sidd-crops/ in the data root",
    where=lambda found: str(data_root() / "sidd-crops"),
    find=_find,
    families=SIDD.families,
)
