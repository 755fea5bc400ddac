"""RENOIR: real noise of a phone and two Canon cameras in 120 dim scenes.

Anaya and Barbu, "RENOIR - A Dataset for Real Low-Light Image Noise Reduction", JVCIR 2018,
arXiv:1409.8230. Every batch of the aligned images is one scene of one camera:

    Mi3_Aligned/Batch_001/IMG_20160202_015216Reference.bmp    low noise, the truth here
    Mi3_Aligned/Batch_001/IMG_20160202_015247Noisy.bmp        one or two of them
    Mi3_Aligned/Batch_001/IMG_...full.bmp                     another with low noise, not used

As in the article, each noisy image makes a pair with the reference. (VDN and DANet take the mean
of reference and full instead.)
"""

import re
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path, PurePosixPath

from casestudy import CaseStudyError
from casestudy.data.dataset import Dataset
from casestudy.data.getting.archives import open_archive, unpack
from casestudy.data.pairs import FilePair
from casestudy.data.sets.search import find_folders
from casestudy.files.folders import data_root

HOME = "ani.stat.fsu.edu/~abarbu/Renoir.html"
REMEDY = (
    f"download the aligned images of the three cameras from {HOME} and run `casestudy data add "
    "renoir ARCHIVE...` with the files you got"
)
STEPS = f"""RENOIR cannot be fetched by a program, because its archives have no fixed address.
1. Open {HOME}, or adrianbarburesearch.blogspot.com/p/renoir-dataset.html.
2. Download the aligned images (not the raw ones) of the cameras Mi3, S90 and T3i.
3. casestudy data add renoir ARCHIVE...    (the files you got, as many as there are)
4. casestudy data check renoir"""
CAMERAS = {"Mi3": "Xiaomi Mi3", "S90": "Canon S90", "T3i": "Canon T3i"}
BATCHES = 40  # of each camera
PAIRS = 221

BATCH = re.compile(r"Batch_\d{3}")
ALIGNED = re.compile(r"(Mi3|S90|T3i)_Aligned")
FILE = re.compile(r"(?P<stem>[^.].*)(?P<kind>Reference|Noisy)\.bmp", re.I)


def _find() -> tuple[list[FilePair], list[Path]]:
    places = defaultdict(lambda: defaultdict(list))  # camera: folder of batches: batches
    for batch in find_folders(BATCH):
        if camera := _camera_of(batch.parts):
            places[camera][batch.parent].append(batch)
    found, lonely = [], []
    for camera in CAMERAS:
        for batch in max(places[camera].values(), key=len, default=[]):
            made, left = _read(batch, camera)
            found += made
            lonely += left
    if not found and not lonely:
        raise CaseStudyError(
            f"RENOIR's images are not in {data_root()}. To get them, {REMEDY}; or set "
            "CASESTUDY_DATA to the folder that holds them."
        )
    return found, lonely


def _camera_of(folders: Sequence[str]) -> str | None:
    """Return the camera that the innermost folder named after one is of."""
    names = [parts[1] for folder in folders if (parts := ALIGNED.fullmatch(folder))]
    return names[-1] if names else None


def _add(archive: Path, folder: Path) -> None:
    with open_archive(archive) as members:
        place = _place(archive, [member.path for member in members])
        unpack(archive, members, folder / place)


def _place(archive: Path, files: Sequence[PurePosixPath]) -> str:
    """Return the camera's folder if only the archive's name says whose it is; else ""."""
    images = [f for f in files if BATCH.fullmatch(f.parent.name) and FILE.fullmatch(f.name)]
    if not images:
        raise CaseStudyError(
            f"{archive} holds no Batch_.../...Reference.bmp and ...Noisy.bmp, so it is not one of "
            f"RENOIR's archives of aligned images. Get them from {HOME}."
        )
    if all(_camera_of(image.parts) for image in images):
        return ""
    if parts := ALIGNED.match(archive.name):
        return parts[0]
    raise CaseStudyError(
        f"Nothing in {archive} names the camera of its images. Rename it to Mi3_Aligned, "
        f"S90_Aligned or T3i_Aligned, whichever it is, followed by {archive.suffix}."
    )


def _incomplete(found: Sequence[FilePair]) -> str:
    for camera, title in CAMERAS.items():
        there = {pair.scene for pair in found if pair.camera == title}
        numbers = range(1, BATCHES + 1)
        missing = [f"Batch_{n:03d}" for n in numbers if f"{camera}_Batch_{n:03d}" not in there]
        if missing:
            return (
                f"RENOIR in {data_root()}: of {camera}_Aligned {len(missing)} of {BATCHES} "
                f"batches have no pair, such as {missing[0]}. Unpack it again: `casestudy data "
                "add renoir ARCHIVE` with the archive of this camera."
            )
    if len(found) != PAIRS:
        return (
            f"RENOIR in {data_root()} has {len(found)} noisy images; known are {PAIRS}. Unpack "
            "its archives again with `casestudy data add renoir ARCHIVE...`."
        )
    return ""


def _read(batch: Path, camera: str) -> tuple[list[FilePair], list[Path]]:
    files = {"reference": [], "noisy": []}
    for path in sorted(batch.iterdir()):
        if parts := FILE.fullmatch(path.name):
            files[parts["kind"].lower()].append(path)
    references, noisy = files.values()
    if len(references) != 1 or not noisy:
        return [], [*references, *noisy]
    scene = f"{camera}_{batch.name}"
    return [
        FilePair(
            id=f"{scene}_{FILE.fullmatch(path.name)['stem']}",
            scene=scene,
            camera=CAMERAS[camera],
            collection="renoir",
            noisy_path=path,
            clean_path=references[0],
        )
        for path in noisy
    ], []


RENOIR = Dataset(
    name="renoir",
    summary="RENOIR, whole frames in dim light, real noise of 3 cameras",
    terms="not stated; see its page",
    get=REMEDY,
    where=lambda found: str(found[0].noisy_path.parents[1]),
    find=_find,
    incomplete=_incomplete,
    # The number of noisy images is known from other readers of the set, not from its authors.
    enough=lambda found: len({pair.scene for pair in found}) >= BATCHES * len(CAMERAS),
    families=("renoir",),
    steps=STEPS,
    add=_add,
)
