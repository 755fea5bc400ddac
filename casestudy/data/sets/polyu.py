"""PolyU: real noise of five cameras, the truth being the mean of many shots.

Xu, Li, Liang, Zhang, Zhang, "Real-world Noisy Image Denoising: A New Benchmark",
arXiv:1804.02603 (2018). Crops name camera, f-number, shutter speed, ISO, scene and crop
(`Canon5D2_5_160_3200_chair_11_real.JPG`); whole frames only camera and scene
(`Canon5D2_chair_Real.JPG`).

A scene here is the word in the name, whatever the camera, because looking at the images shows
that cameras took turns at one motif: Canon 600D and Sony show the same louvre ("toy"), the same
cupboard door ("waterhouse") and the same mug ("book"). The other direction is not a loss but
caution: "classroom" is three rooms, "plant" several pots. Words for one place are merged, too:
`_SAME_PLACE` below.
"""

import re
from collections.abc import Sequence
from pathlib import Path

from casestudy import CaseStudyError
from casestudy.data.pairs import FilePair
from casestudy.data.sets.folder import match, refuse_lonely
from casestudy.files.folders import data_root

_FILE = re.compile(r"(?P<stem>.+)_(?P<kind>real|mean)\.jpe?g", re.IGNORECASE)
_STEM = re.compile(
    r"(?P<camera>.+?)(_(?P<f_number>[\d-]+)_(?P<shutter>\d+)_(?P<iso>\d+))?"
    r"_(?P<scene>[A-Za-z]+)(_+(?P<crop>\d+))?"
)

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
PAIRS = 100  # of crops

VALIDATION_SCENES = {"chair", "door", "printer"}


def pairs() -> list[FilePair]:
    """Return the 100 pairs of 512x512 crops, the benchmark, sorted by name.

    Raises
    ------
    CaseStudyError
        If they are not under the data root, or not all of them, or a file has no partner.
    """
    found, lonely = find_crops()
    refuse_lonely(lonely, "polyu")
    if message := incomplete(found):
        raise CaseStudyError(message)
    return found


def frame_pairs() -> list[FilePair]:
    """Return the pairs of whole frames, 5 to 18 megapixels each; their ISO is not in the name.

    Crops are cut from these frames: train on one and test on the other by scene only.

    Raises
    ------
    CaseStudyError
        If they are not under the data root, or a file has no partner.
    """
    found, lonely = find_frames()
    refuse_lonely(lonely, "polyu-frames")
    return found


def find_crops() -> tuple[list[FilePair], list[Path]]:
    """Return the pairs of crops, and the files that have no partner."""
    return _find("CroppedImages", "Run `casestudy data fetch polyu`")


def incomplete(found: Sequence[FilePair]) -> str:
    """Return how many pairs of crops are missing, and what to do; "" if there are all."""
    if len(found) == PAIRS:
        return ""
    return (
        f"{data_root() / 'polyu' / 'CroppedImages'} holds {len(found)} of {PAIRS} pairs. Run "
        "`casestudy data fetch polyu`, which gets those that are missing."
    )


def find_frames() -> tuple[list[FilePair], list[Path]]:
    """Return the pairs of whole frames, and the files that have no partner."""
    return _find(
        "OriginalImages",
        "Copy that folder from github.com/csjunxu/PolyU-Real-World-Noisy-Images-Dataset",
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
    """Return the scene that the name of a crop or frame tells, `Canon5D2_chair` for example."""
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
        exposure_s=1 / int(parts["shutter"]) if parts["shutter"] else None,
        part=_part(scene),
        noisy_path=noisy_path,
        clean_path=clean_path,
    )


def _part(scene: str) -> str:
    if scene in TEST_SCENES:
        return "test"
    return "validation" if scene in VALIDATION_SCENES else "train"
