"""PolyU: real noise of five cameras, the truth being the mean of many shots.

Xu, Li, Liang, Zhang, Zhang, "Real-world Noisy Image Denoising: A New Benchmark",
arXiv:1804.02603 (2018). Crops name camera, f-number, shutter speed, ISO, scene and crop
(`Canon5D2_5_160_3200_chair_11_real.JPG`); whole frames only camera and scene
(`Canon5D2_chair_Real.JPG`).

A scene here is the word in the name, whatever the camera, because the images show that cameras
took turns at one motif: Canon 600D and Sony show the same louvre ("toy"), the same cupboard door
("waterhouse") and the same mug ("book"). One word for several places ("classroom" is three rooms,
"plant" several pots) does no harm. Words for one place are merged, see `_SAME_PLACE`.
"""

import re
from collections.abc import Sequence
from pathlib import Path

from casestudy import CaseStudyError
from casestudy.data.dataset import Dataset
from casestudy.data.pairs import FilePair
from casestudy.data.sets.folder import match
from casestudy.files.folders import data_root

_FILE = re.compile(r"(?P<stem>.+)_(?P<kind>real|mean)\.jpe?g", re.IGNORECASE)
_STEM = re.compile(r"(?P<camera>.+?)(_[\d-]+_\d+_(?P<iso>\d+))?_(?P<scene>[A-Za-z]+)(_+\d+)?")

_CAMERAS = {
    "Canon5D2": "Canon EOS 5D Mark II",
    "Canon600D": "Canon EOS 600D",
    "Canon80D": "Canon EOS 80D",
    "NikonD800": "Nikon D800",
    "Nikon800": "Nikon D800",
    "Nikon_800": "Nikon D800",
    "Sony": "Sony A7 II",
    "SonyA7II": "Sony A7 II",
}

_SAME_PLACE = {
    "GO": "flower",  # the planter below the reception desk
    "wall": "door",  # crops "wall" are of the frame "door"; frame "wall" has the door's sign
    "desch": "classroom",  # the frame of the crops NikonD800_11_160_3200_classroom
    "compu": "comproom",  # two computer rooms with the same furniture
    "corne": "stair",  # stairwells of one building with the same sign
    # shortened in the names of whole frames
    "bicyc": "bicycle",
    "bulle": "bulletin",
    "carbi": "cabinet",
    "circu": "circuit",
    "class": "classroom",
    "compr": "comproom",
    "flowe": "flower",
    "plaso": "planandsofa",
    "print": "printer",
    "recie": "reciever",
    "water": "waterhouse",
}

# Never trained on: 43 of the 100 crops, by all five cameras. No frame shows what a crop of
# another scene shows, see `polyu-origins.csv`.
TEST_SCENES = {
    "bulletin",
    "circuit",
    "comproom",
    "fruit",
    "planandsofa",
    "plant",
    "toy",
    "waterhouse",
}
VALIDATION_SCENES = {"chair", "door", "printer"}

PAIRS = 100  # of crops
HOME = "github.com/csjunxu/PolyU-Real-World-Noisy-Images-Dataset"


def _incomplete(found: Sequence[FilePair]) -> str:
    if len(found) == PAIRS:
        return ""
    return (
        f"{data_root() / 'polyu' / 'CroppedImages'} holds {len(found)} of {PAIRS} pairs. Run "
        "`casestudy data fetch polyu`, which gets those that are missing."
    )


def _find(name: str, remedy: str) -> tuple[list[FilePair], list[Path]]:
    folder = data_root() / "polyu" / name
    files = {"real": {}, "mean": {}}
    for path in sorted(folder.iterdir()) if folder.is_dir() else []:
        if parts := _FILE.fullmatch(path.name):
            files[parts["kind"].lower()][parts["stem"]] = path
    if not files["real"] and not files["mean"]:
        raise CaseStudyError(
            f"PolyU's images are not in {folder}. {remedy}, "
            "or set CASESTUDY_DATA to the folder that holds polyu/."
        )
    matched, lonely = match(files["real"], files["mean"])
    return [_pair(stem, *paths) for stem, paths in matched.items()], lonely


def scene_of(stem: str) -> str:
    """Return the scene in the name of a crop or frame, such as `Canon5D2_chair`."""
    word = _STEM.fullmatch(stem)["scene"]
    return _SAME_PLACE.get(word, word)


def _pair(stem: str, noisy_path: Path, clean_path: Path) -> FilePair:
    parts = _STEM.fullmatch(stem)
    if not parts or parts["camera"] not in _CAMERAS:
        raise CaseStudyError(f"{noisy_path} is not named like an image of PolyU. Remove it.")
    scene = scene_of(stem)
    return FilePair(
        id=stem,
        scene=scene,
        camera=_CAMERAS[parts["camera"]],
        iso=int(parts["iso"]) if parts["iso"] else None,
        part=_part(scene),
        noisy_path=noisy_path,
        clean_path=clean_path,
    )


def _part(scene: str) -> str:
    if scene in TEST_SCENES:
        return "test"
    return "validation" if scene in VALIDATION_SCENES else "train"


CROPS = Dataset(
    name="polyu",
    summary="PolyU crops, 512x512, real noise of 5 cameras",
    terms="research and education, non-commercial, with the notice in License.txt",
    get="casestudy data fetch polyu (4.7 MB)",
    where=lambda found: str(found[0].noisy_path.parent),
    find=lambda: _find("CroppedImages", "Run `casestudy data fetch polyu`"),
    incomplete=_incomplete,
    families=("polyu",),
    fetch="casestudy.data.getting.polyu:fetch_polyu",
)
# Whole frames, 5 to 18 megapixels each, whose names hold no ISO. The crops are cut from them, so
# train on one and test on the other by scene only.
FRAMES = Dataset(
    name="polyu-frames",
    summary="PolyU whole frames, real noise of 5 cameras",
    terms=CROPS.terms,
    get=f"copy OriginalImages from {HOME} (104 MB)",
    where=CROPS.where,
    find=lambda: _find("OriginalImages", f"Copy that folder from {HOME}"),
    families=CROPS.families,
)
