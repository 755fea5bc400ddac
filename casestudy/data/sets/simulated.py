"""Pairs made of one clean photograph: a simulated camera takes it again, with noise."""

import hashlib
from dataclasses import dataclass
from functools import cache, lru_cache
from importlib.metadata import version
from pathlib import Path

import cv2
import numpy as np

from casestudy.data import camera
from casestudy.data.pairs import Pair, file_fingerprint
from casestudy.files.photos import read_image

LONGEST_SIDE = 800  # px; larger photographs are halved, or two of them would outweigh the rest


@dataclass(frozen=True, kw_only=True)
class SimulatedPair(Pair):
    """A photograph seen by a simulated camera; the noise is the same at every `load`."""

    photograph: Path
    simulated_camera: camera.Camera

    def load(self) -> tuple[np.ndarray, np.ndarray]:
        return _captured(self)

    def size(self) -> tuple[int, int]:
        height, width = read_halved(self.photograph).shape[:2]
        return height // 2 * 2, width // 2 * 2  # as of `camera.capture`

    def fingerprint(self) -> str:
        taken = f"{self.id}|{self.simulated_camera}"
        return f"{taken}|{file_fingerprint(self.photograph)}|{simulation_fingerprint()}"


@lru_cache(maxsize=128)  # 150 MB at most, and all of `sample`
def _captured(pair: SimulatedPair) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(list(pair.id.encode()))
    image = read_halved(pair.photograph)
    noisy, clean = camera.capture(image, pair.simulated_camera, pair.iso, rng)
    noisy.flags.writeable = clean.flags.writeable = False
    return noisy, clean


def read_halved(path: Path) -> np.ndarray:
    """Return a photograph, uint8 RGB, halved if a side is longer than `LONGEST_SIDE`."""
    image = read_image(path)
    if max(image.shape[:2]) > LONGEST_SIDE:
        image = cv2.resize(image, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
    return image


@cache
def simulation_fingerprint() -> str:
    """Hash what determines the simulated pixels: this code, and the versions it builds on."""
    packages = ["numpy", "opencv-python-headless", "scikit-image", "scikit-learn", "matplotlib"]
    code = [Path(file).read_text() for file in (__file__, camera.__file__)]
    return hashlib.sha256("".join(code + [version(p) for p in packages]).encode()).hexdigest()
