"""What kind of noise it is: how strong at which brightness, who shares it, how it is distributed.

With the clean image the noise is known, so it is measured. Of a photograph alone it is estimated
where little else is to be seen.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from tqdm import tqdm

from casestudy.data.catalogue import Pair, load_pairs
from casestudy.data.sets.simulated import SimulatedPair
from casestudy.denoising.nlm import noise_level
from casestudy.denoising.strength import by_noise
from casestudy.denoising.tiles import full_scale
from casestudy.files.folders import own_folder
from casestudy.results.exploration import autocorrelation

REACH = 4  # pixels, the largest distance between neighbours
RANGES = 16  # of brightness
EDGES = np.linspace(-8, 8, 65)  # of the histogram, in standard deviations
FAR = 3  # standard deviations
GAUSSIAN_FAR = 0.0027  # share of a Gaussian's values farther than that from the mean
GAUSSIAN = "Gaussian noise"
SMOOTH = 16  # px, side of squares in which little but noise is to be seen


@dataclass(frozen=True)
class NoiseKind:
    """Measurements of the noise of some pictures; means over pictures, each counted alike."""

    sigmas: np.ndarray  # (pictures,): standard deviation of the noise, levels of 255
    # Rows of picture, brightness (levels of 255), and relative: the standard deviation at this
    # brightness divided by that of the whole picture.
    by_brightness: pd.DataFrame
    neighbours: np.ndarray  # (2 REACH + 1, 2 REACH + 1): correlation with the pixel at a distance
    colours: np.ndarray  # (3, 3): correlation between red, green and blue at one pixel
    density: np.ndarray  # of noise / standard deviation, between `EDGES`
    far: float  # share of values more than `FAR` standard deviations from the mean
    closeup: np.ndarray  # (48, 48, 3), float in [0, 1]: a typical picture's noise around mid-grey

    @property
    def numbers(self) -> dict[str, float]:
        """Return the measurements as one number each, for tables and sentences."""
        spread = self.by_brightness.groupby("picture")["relative"].agg(["min", "max"])
        return {
            "pictures": len(self.sigmas),
            "sigma, weakest": self.sigmas.min(),
            "sigma, strongest": self.sigmas.max(),
            "strongest / weakest brightness": (spread["max"] / spread["min"]).median(),
            "next pixel": (self.neighbours[REACH, REACH + 1] + self.neighbours[REACH + 1, REACH])
            / 2,
            "other colour": self.colours[np.triu_indices(3, 1)].mean(),
            "beyond 3 sigma": self.far,
        }


def noise_kinds(dataset: str, pairs: Sequence[Pair], seed: int = 0) -> dict[str, NoiseKind]:
    """Measure real noise, that of a dataset, and Gaussian noise, alike.

    Parameters
    ----------
    dataset : str
        Its name; `phones` is measured only once.
    pairs : sequence of Pair
        Its pairs; those without noise are left out.
    seed : int
        Of the Gaussian noise, which is added to the clean pictures of `phones`, as strong in each
        as the picture's own, and neither rounded nor cut off at black and white.

    Returns
    -------
    dict of str to NoiseKind
        `phones` first and Gaussian noise last; the keys are for people to read.
    """
    real = load_pairs("phones")
    images = {"phones (real)": (pair.load() for pair in real)}
    if dataset != "phones":
        images[_label(dataset, pairs)] = (
            pair.load()
            for pair in tqdm(pairs, desc="measuring noise", unit="pair", leave=False, disable=None)
        )
    images[GAUSSIAN] = with_gaussian_noise(real, seed)
    measured = {label: measure_noise(each) for label, each in images.items()}
    return {label: kind for label, kind in measured.items() if kind is not None}


def _label(dataset: str, pairs: Sequence[Pair]) -> str:
    if own_folder(dataset):
        return "your pairs"
    simulated = all(isinstance(pair, SimulatedPair) for pair in pairs)
    return f"{dataset} (simulated)" if simulated else dataset


def with_gaussian_noise(
    pairs: Sequence[Pair], seed: int
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield each clean picture under Gaussian noise of its own noise's variance, and clean.

    The first is float32 in levels of 255 and not cut off, the second uint8; shape (H, W, 3).
    """
    rng = np.random.default_rng(seed)
    for pair in pairs:
        noisy, clean = pair.load()
        sigma = (noisy.astype(np.float32) - clean).std()
        yield clean + sigma * rng.standard_normal(clean.shape, np.float32), clean


def measure_noise(images: Iterable[tuple[np.ndarray, np.ndarray]]) -> NoiseKind | None:
    """Measure the noise of pictures, one in memory at a time.

    Parameters
    ----------
    images : iterable of (ndarray, ndarray)
        Noisy and clean, each of shape (H, W, 3), in levels of 255.

    Returns
    -------
    NoiseKind or None
        None if no picture has noise.
    """
    rows, sigmas, closeups = [], [], []
    neighbours, colours, density, far = [], [], [], []
    for noisy, clean in images:
        noise = noisy.astype(np.float32) - clean
        sigma = float(noise.std())
        if not sigma:
            continue
        scaled = (noise - noise.mean()) / sigma
        rows += [(len(sigmas), *row) for row in _by_brightness(scaled, clean)]
        neighbours.append(autocorrelation(noise, REACH))
        colours.append(correlation(noise))
        density.append(np.histogram(scaled, EDGES, density=True)[0])
        far.append((np.abs(scaled) > FAR).mean())
        closeups.append(_closeup(scaled, clean))
        sigmas.append(sigma)
    if not sigmas:
        return None
    typical = int(np.argsort(sigmas)[len(sigmas) // 2])
    return NoiseKind(
        sigmas=np.array(sigmas),
        by_brightness=pd.DataFrame(rows, columns=["picture", "brightness", "relative"]),
        neighbours=np.mean(neighbours, axis=0),
        colours=np.mean(colours, axis=0),
        density=np.mean(density, axis=0),
        far=float(np.mean(far)),
        closeup=closeups[typical],
    )


def _by_brightness(scaled: np.ndarray, clean: np.ndarray) -> list[tuple[float, float]]:
    """Return ranges of clean values that are frequent enough, and the deviation in each."""
    place = (clean.astype(int) * RANGES // 256).ravel()
    count, first, second = (
        np.bincount(place, scaled.ravel().astype(float) ** power, RANGES) for power in (0, 1, 2)
    )
    frequent = np.flatnonzero(count >= min(5000, count.sum() / RANGES))
    mean = first[frequent] / count[frequent]
    deviation = np.sqrt(np.maximum(second[frequent] / count[frequent] - mean**2, 0))
    return list(zip((frequent + 0.5) * 256 / RANGES, deviation, strict=True))


def _closeup(scaled: np.ndarray, clean: np.ndarray, side: int = 48) -> np.ndarray:
    """Return the noise around mid-grey of the plainest square that is neither black nor white."""
    corners = [
        (top, left)
        for top in range(0, max(clean.shape[0] - side, 0) + 1, side)
        for left in range(0, max(clean.shape[1] - side, 0) + 1, side)
    ]

    def plainness(corner: tuple[int, int]) -> tuple[bool, float]:
        top, left = corner
        square = clean[top : top + side, left : left + side]
        return not 32 < square.mean() < 224, square.std()

    top, left = min(corners, key=plainness)
    return np.clip(0.5 + scaled[top : top + side, left : left + side] / 6, 0, 1)


def correlation(noise: np.ndarray) -> np.ndarray:
    """Return the correlation between the channels of noise at one pixel.

    Parameters
    ----------
    noise : ndarray, shape (H, W, C), float

    Returns
    -------
    ndarray, shape (C, C), float
        1 on the diagonal; 0 where a channel has no noise.
    """
    values = noise.reshape(-1, noise.shape[2]).astype(float)
    covariance = np.atleast_2d(np.cov(values.T))
    deviation = np.sqrt(np.diag(covariance))
    scale = np.maximum(np.outer(deviation, deviation), np.finfo(float).tiny)
    return np.where(np.eye(len(deviation)) > 0, 1.0, covariance / scale)


def estimate_noise(pixels: np.ndarray) -> dict[str, float]:
    """Estimate the noise of a photograph without its clean image.

    Whether neighbours and colours share it is measured where there is little but noise: in the
    smoothest small squares of the quietest parts, after a plane is subtracted from each.

    Parameters
    ----------
    pixels : ndarray, shape (H, W, C), uint8 or uint16
        As of a `casestudy.files.photos.Photo`.

    Returns
    -------
    dict of str to float
        level, of the whole photograph, as the filter Non-Local Means estimates it, and
        quietest, of the quietest part, both a standard deviation in levels of 255; next pixel
        and other colour, correlations as in `NoiseKind.numbers`. A photograph without colour has
        no "other colour".
    """
    colours = pixels[..., : 3 if pixels.shape[2] > 2 else 1]
    image = colours / np.float32(full_scale(pixels))
    parts = by_noise(pixels)
    noise = _smoothest(image, parts[: -(-len(parts) // 4)])
    variance = max(float(np.mean(noise**2)), np.finfo(float).tiny)
    neighbours = (noise[:, 1:] * noise[:, :-1]).mean(), (noise[:, :, 1:] * noise[:, :, :-1]).mean()
    estimated = {
        "level": 255 * noise_level(image),
        "quietest": 255 * noise_level(image[parts[0]]),
        "next pixel": float(np.mean(neighbours)) / variance,
    }
    if image.shape[2] == 3 and (image != image[..., :1]).any():
        between = correlation(noise.reshape(-1, SMOOTH, 3))
        estimated["other colour"] = float(between[np.triu_indices(3, 1)].mean())
    return estimated


def _smoothest(image: np.ndarray, parts: list[tuple[slice, ...]]) -> np.ndarray:
    """Return the smoothest quarter of all small squares, without their planes."""
    squares = np.stack(
        [
            image[part][top : top + SMOOTH, left : left + SMOOTH]
            for part in parts
            for top in range(0, image[part].shape[0] - SMOOTH + 1, SMOOTH)
            for left in range(0, image[part].shape[1] - SMOOTH + 1, SMOOTH)
        ]
    ).astype(float)
    ramp = np.linspace(-1, 1, SMOOTH)
    for slope in (np.ones((SMOOTH, SMOOTH)), *np.meshgrid(ramp, ramp)):
        plane = (slope / np.linalg.norm(slope))[..., None]
        squares -= (squares * plane).sum(axis=(1, 2), keepdims=True) * plane
    order = np.argsort((squares**2).sum(axis=(1, 2, 3)))
    return squares[order[: -(-len(order) // 4)]]
