"""Stand-ins for SIDD and RENOIR, small or of full size, in the official folders and names.

Layouts as several independent loaders read them. Only what the pictures show is made up: soft
random colours, and noise.
"""

import re
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np

PHONES = ("GP", "IP", "S6", "N6", "G4")

# 200 instances, 20 of each scene, four by each phone; every fifth was kept for the benchmark.
SIDD_INSTANCES = [
    f"{number:04d}_{(number - 1) // 20 + 1:03d}_{PHONES[(number - 1) // 4 % 5]}"
    f"_{100 * 2 ** (number % 6):05d}_{(60, 100, 1000)[number % 3]:05d}"
    f"_{(3200, 4400, 5500)[number % 3]}_{'LNH'[number % 3]}"
    for number in range(1, 201)
    if number % 5
]
SIDD_PAIRS = 320

RENOIR_CAMERAS = ("Mi3", "S90", "T3i")
RENOIR_BATCHES = [
    f"{camera}_Aligned/Batch_{number:03d}" for camera in RENOIR_CAMERAS for number in range(1, 41)
]
RENOIR_PAIRS = 221  # two in each of 120 batches, but for 19

# (height, width) of the photographs by phone or camera. SIDD's are known; RENOIR's own are not, so
# these are of such cameras, and a small one.
FULL_SIZES = {
    "GP": (3044, 4048),
    "IP": (3024, 4032),
    "S6": (3000, 5328),
    "N6": (3120, 4208),
    "G4": (2988, 5312),
    "Mi3": (3120, 4208),
    "S90": (2000, 3000),
    "T3i": (3456, 5184),
}
# Standard deviation in levels. PNG files then take 2.4 and 1.2 bytes a pixel; SIDD's take 1.4.
GRAIN = {"noisy": 15.0, "clean": 1.2}


def make_medium(
    data: Path, shape: tuple[int, int] = (8, 8), instances: Sequence[str] = SIDD_INSTANCES
) -> Path:
    """Make SIDD's Medium set of images of shape (height, width); return the folder made."""
    root = data / "SIDD_Medium_Srgb"
    for instance in instances:
        number = instance[:4]
        for shot in ("010", "011"):
            stems = f"{number}_GT_SRGB_{shot}.PNG", f"{number}_NOISY_SRGB_{shot}.PNG"
            _write_images(root / "Data" / instance, stems, shape, int(number))
    (root / "_ReadMe_sRGB.txt").touch()
    (root / "Scene_Instances.txt").write_text("\n".join(instances))
    return root


def make_small(
    data: Path, shape: tuple[int, int] = (8, 8), instances: Sequence[str] = SIDD_INSTANCES
) -> Path:
    """Make SIDD's Small set, as `make_medium`."""
    root = data / "SIDD_Small_sRGB_Only"
    for instance in instances:
        stems = "GT_SRGB_010.PNG", "NOISY_SRGB_010.PNG"
        _write_images(root / "Data" / instance, stems, shape, int(instance[:4]))
    return root


def make_renoir(
    data: Path,
    shape: tuple[int, int] = (8, 8),
    batches: Sequence[str] = RENOIR_BATCHES,
    nested: bool = False,
) -> Path:
    """Make RENOIR's aligned images, as `make_medium`; nested as some archives unpack to."""
    for batch in batches:
        position = RENOIR_BATCHES.index(batch)
        camera, name = batch.split("/")
        folder = data / camera / (batch if nested else name)
        # Every name has a time or number of its own.
        stamps = [f"IMG_20160202_{15_0000 + 10 * position + shot}" for shot in range(4)]
        if camera != "Mi3_Aligned":
            stamps = [f"IMG_{4 * position + shot:04d}" for shot in range(4)]
        noisy = 1 if position % 6 == 5 and position < 19 * 6 else 2
        names = [f"{stamps[0]}Reference.bmp", f"{stamps[1]}full.bmp"]
        names += [f"{stamp}Noisy.bmp" for stamp in stamps[2 : 2 + noisy]]
        _write_images(folder, names, shape, 1000 + position)
        _write_images(folder, ["Mask.bmp", "Plot.png"], shape, 0)
        (folder / "Thumbs.db").touch()
    return data


def make_article_data(data: Path, shape: tuple[int, int] = (8, 8)) -> Path:
    """Make both sets, 541 pairs, below a data root; return it."""
    make_medium(data / "sidd", shape)
    make_renoir(data / "renoir", shape)
    return data


def enlarge(data: Path, share: float = 1.0) -> None:
    """Put photographs of full size in the place of the small ones that `make_article_data` made.

    Those of a phone or camera are links to one noisy and one clean file, since it takes seconds
    to compress one. Every name is read by itself all the same.

    Parameters
    ----------
    data : Path
        Receives the files that are linked to, in a hidden folder.
    share : float
        Of the full area, for a shorter measurement.
    """
    folder = data / ".photographs"
    folder.mkdir()
    for position, (camera, shape) in enumerate(FULL_SIZES.items()):
        height, width = (round(side * share**0.5) for side in shape)
        suffix = ".PNG" if camera in PHONES else ".bmp"
        for kind, deviation in GRAIN.items():
            image = np.zeros((height, width, 3), np.int16)
            cv2.setRNGSeed(position)
            image = cv2.randn(image, (0, 0, 0), (deviation, deviation, deviation))
            image = cv2.add(_soft_colours(position, image.shape[:2]), image, dtype=cv2.CV_8U)
            # As libpng writes by default; OpenCV would prefer speed.
            as_usual = (cv2.IMWRITE_PNG_COMPRESSION, 6, cv2.IMWRITE_PNG_STRATEGY, 0)
            options = as_usual if camera in PHONES else ()
            cv2.imwrite(str(folder / f"{camera}-{kind}{suffix}"), image, options)
    for path in [*data.glob("sidd/*/Data/*/*.PNG"), *data.glob("renoir/*/*/IMG*.bmp")]:
        camera = re.search(r"_(GP|IP|S6|N6|G4)_|(Mi3|S90|T3i)_Aligned", str(path.parent))
        kind = "noisy" if "NOISY" in path.name.upper() else "clean"
        path.unlink()
        path.hardlink_to(folder / f"{camera[1] or camera[2]}-{kind}{path.suffix}")


def _write_images(folder: Path, names: Sequence[str], shape: tuple[int, int], seed: int) -> None:
    """Write images of one scene: those that are named NOISY or Noisy with noise."""
    folder.mkdir(parents=True, exist_ok=True)
    clean = _soft_colours(seed, shape)
    for number, name in enumerate(names):
        image = clean
        if "NOISY" in name.upper():
            noise = np.random.default_rng([seed, number]).normal(0, 15, clean.shape)
            image = np.clip(np.round(clean + noise), 0, 255).astype(np.uint8)
        cv2.imwrite(str(folder / name), image)


def _soft_colours(seed: int, shape: tuple[int, int]) -> np.ndarray:
    coarse = np.random.default_rng(seed).integers(40, 215, (6, 8, 3), np.uint8)
    return cv2.resize(coarse, shape[::-1], interpolation=cv2.INTER_CUBIC)
