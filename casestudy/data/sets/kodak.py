"""The 24 photographs of Kodak, clean or with noise of one kind each: all are to test on.

The noise is the same at every `load`. Papers report scores on white Gaussian noise, which they do
not clip to 8 bits; here it is clipped, as photographs are, so scores differ a little from theirs.
"""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import cv2
import numpy as np

from casestudy.data.camera import jpeg
from casestudy.data.dataset import Dataset
from casestudy.data.pairs import FilePair, Pair, file_fingerprint
from casestudy.data.sets.clean import find_photographs
from casestudy.data.sets.simulated import simulation_fingerprint
from casestudy.files.folders import data_root
from casestudy.files.photos import read_image

PHOTOGRAPHS = 24
REMEDY = "put 01.png to 24.png (r0k.us/graphics/kodak) into kodak24/ in the data root"

# Patterns have a standard deviation of 1. They take rows and columns, and the random numbers.
Pattern = Callable[[tuple[int, int], np.random.Generator], np.ndarray]


def white(size: tuple[int, int], rng: np.random.Generator) -> np.ndarray:
    """Return noise that is each pixel's and each colour's own."""
    return rng.standard_normal((*size, 3))


def shared(size: tuple[int, int], rng: np.random.Generator) -> np.ndarray:
    """Return noise that is each pixel's own, and equal in all colours."""
    return rng.standard_normal((*size, 1))


def grain(size: tuple[int, int], rng: np.random.Generator) -> np.ndarray:
    """Return noise that is equal in all colours and blurred by 0.8 pixels, like film's grain."""
    blurred = cv2.GaussianBlur(rng.standard_normal(size), (0, 0), 0.8)
    return (blurred / blurred.std())[..., None]


def enlarged(size: tuple[int, int], rng: np.random.Generator) -> np.ndarray:
    """Return noise of each colour's own that was enlarged by a half, as photographs are."""
    rows, columns = (round(side / 1.5) for side in size)
    noise = rng.standard_normal((rows, columns, 3))
    noise = cv2.resize(noise, size[::-1], interpolation=cv2.INTER_CUBIC)
    return noise / noise.std()


@dataclass(frozen=True, kw_only=True)
class Noise:
    """A kind of noise."""

    summary: str
    sigma: float  # standard deviation before clipping, levels of 255
    pattern: Pattern = white
    grey: bool = False  # whether the photograph is made grey first
    quality: int | None = None  # of the JPEG that the noisy image is compressed to, if any


NOISE = {
    "white15": Noise(summary="white noise of 15 levels", sigma=15),
    "white25": Noise(summary="white noise of 25 levels", sigma=25),
    "white50": Noise(summary="white noise of 50 levels", sigma=50),
    "sigma75": Noise(summary="white noise of 75 levels", sigma=75),
    "grey20": Noise(
        summary="made grey, white noise of 20 levels", sigma=20, pattern=shared, grey=True
    ),
    "grain": Noise(
        summary="grain of 12 levels, equal in all colours, 0.8 pixels wide",
        sigma=12,
        pattern=grain,
    ),
    "correlated": Noise(
        summary="noise of 15 levels that was enlarged by a half", sigma=15, pattern=enlarged
    ),
    "jpeg": Noise(
        summary="white noise of 15 levels, then JPEG of quality 80", sigma=15, quality=80
    ),
}


@dataclass(frozen=True, kw_only=True)
class NoisyPair(Pair):
    """A clean photograph to which noise is added; the same at every `load`."""

    photograph: Path
    noise: Noise

    def load(self) -> tuple[np.ndarray, np.ndarray]:
        clean = read_image(self.photograph)
        if self.noise.grey:
            clean = cv2.merge([cv2.cvtColor(clean, cv2.COLOR_RGB2GRAY)] * 3)
        rng = np.random.default_rng(list(self.id.encode()))
        disturbed = clean + self.noise.sigma * self.noise.pattern(clean.shape[:2], rng)
        noisy = np.clip(np.round(disturbed), 0, 255).astype(np.uint8)
        if self.noise.quality:
            noisy = jpeg(noisy, self.noise.quality)
        return noisy, clean

    def fingerprint(self) -> str:
        made_by = hashlib.sha256(Path(__file__).read_bytes()).hexdigest()
        photograph = file_fingerprint(self.photograph)
        return f"{self.id}|{photograph}|{made_by}|{simulation_fingerprint()}"


def _incomplete(found: Sequence[Pair]) -> str:
    if len(found) == PHOTOGRAPHS:
        return ""
    folder = data_root() / "kodak24"
    return f"{folder} holds {len(found)} of {PHOTOGRAPHS} photographs. To get all, {REMEDY}."


def _find() -> tuple[list[FilePair], list[Path]]:
    return find_photographs(data_root() / "kodak24", "test")


def _find_noisy(kind: str) -> tuple[list[NoisyPair], list[Path]]:
    clean, _ = _find()
    return [
        NoisyPair(
            id=f"{pair.id}-{kind}",
            scene=pair.scene,
            part=pair.part,
            photograph=pair.clean_path,
            noise=NOISE[kind],
        )
        for pair in clean
    ], []


KODAK = Dataset(
    name="kodak",
    summary="the 24 photographs of Kodak, 768x512, without noise",
    terms="released by Kodak for unrestricted use",
    get=REMEDY,
    where=lambda found: str(data_root() / "kodak24"),
    find=_find,
    incomplete=_incomplete,
    families=("kodak",),
)
NOISY = [
    replace(
        KODAK,
        name=f"kodak-{kind}",
        summary=f"the same photographs, {noise.summary}",
        find=partial(_find_noisy, kind),
    )
    for kind, noise in NOISE.items()
]
