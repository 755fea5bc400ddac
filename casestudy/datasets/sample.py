"""The embedded dataset: photographs that installed packages ship, under simulated camera noise.

Nothing is downloaded. Each photograph is "captured" by two simulated phone cameras at three ISO
settings (see `casestudy.noise`). The photographs and their licences are listed in
`data/README.md`. Results on this dataset are results on simulated noise.
"""

import hashlib
from dataclasses import dataclass
from functools import cache
from importlib.metadata import version
from pathlib import Path

import cv2
import matplotlib
import numpy as np
import skimage
import sklearn

from casestudy import noise
from casestudy.datasets.images import read_image
from casestudy.datasets.pairs import Pair

SKIMAGE = Path(skimage.__file__).parent / "data"
MATPLOTLIB = Path(matplotlib.get_data_path()) / "sample_data"
SKLEARN = Path(sklearn.__file__).parent / "datasets" / "images"

SCENES = {
    "astronaut": SKIMAGE / "astronaut.png",
    "cat": SKIMAGE / "chelsea.png",
    "coffee": SKIMAGE / "coffee.png",
    "deep-field": SKIMAGE / "hubble_deep_field.jpg",
    "flower": SKLEARN / "flower.jpg",
    "motorcycle": SKIMAGE / "motorcycle_left.png",
    "officer": MATPLOTLIB / "grace_hopper.jpg",
    "palace": SKLEARN / "china.jpg",
    "retina": SKIMAGE / "retina.jpg",
    "rocket": SKIMAGE / "rocket.jpg",
    "tissue": SKIMAGE / "ihc.png",
}

# Noise of two phones as measured for the SIDD dataset (Noise Flow, ICCV 2019), as lines in ISO
# (shot noise) and ISO squared (read noise).
CAMERAS = (
    noise.Camera("simulated Pixel", shot_per_iso=2.2e-6, read_per_iso2=1.73e-11, read_floor=2e-6),
    noise.Camera(
        "simulated Nexus 6",
        shot_per_iso=4.3e-6,
        read_per_iso2=8.1e-11,
        read_floor=3e-6,
        red_gain=1.95,
        blue_gain=1.85,
        colour_weights=(0.6, 0.1, 0.2, 0.1),
        jpeg_quality=90,
    ),
)
CAMERAS_BY_NAME = {camera.name: camera for camera in CAMERAS}
ISOS = (100, 800, 3200)

LONGEST_SIDE = 800  # px; larger photographs are halved, or two of them would outweigh the rest


@dataclass(frozen=True, kw_only=True)
class SimulatedPair(Pair):
    """A photograph seen by a simulated camera; the noise is the same at every `load`."""

    photograph: Path
    simulated_camera: noise.Camera

    def load(self) -> tuple[np.ndarray, np.ndarray]:
        rng = np.random.default_rng(list(self.id.encode()))
        return noise.capture(_photograph(self.photograph), self.simulated_camera, self.iso, rng)

    def fingerprint(self) -> str:
        return f"{self.id}|{_simulation_fingerprint()}"


def pairs() -> list[Pair]:
    """Return every scene captured by every camera at every ISO setting."""
    return [
        SimulatedPair(
            id=f"{scene}-{camera.name.removeprefix('simulated ').replace(' ', '')}-iso{iso}",
            scene=scene,
            camera=camera.name,
            iso=iso,
            photograph=path,
            simulated_camera=camera,
        )
        for scene, path in SCENES.items()
        for camera in CAMERAS
        for iso in ISOS
    ]


def _photograph(path: Path) -> np.ndarray:
    image = read_image(path)
    if max(image.shape[:2]) > LONGEST_SIDE:
        image = cv2.resize(image, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
    return image


@cache
def _simulation_fingerprint() -> str:
    """Hash what determines the simulated pixels: this code, and the versions it builds on."""
    packages = ["numpy", "opencv-python-headless", "scikit-image", "scikit-learn", "matplotlib"]
    code = [Path(file).read_text() for file in (__file__, noise.__file__)]
    return hashlib.sha256("".join(code + [version(p) for p in packages]).encode()).hexdigest()
