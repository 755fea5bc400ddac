"""Measurements of the data: how strong the noise is, where, and whether it is white."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from scipy import fft
from tqdm import tqdm

from casestudy.data.catalogue import Pair
from casestudy.data.cutting import resize_as_article
from casestudy.results.metrics import psnr, ssim


def pair_statistics(pairs: Sequence[Pair]) -> pd.DataFrame:
    """Measure every pair, one in memory at a time.

    Parameters
    ----------
    pairs : sequence of Pair

    Returns
    -------
    DataFrame
        One row per pair: image, scene, camera, iso, width, height, psnr_db, ssim, mean_noisy
        and mean_clean (levels of 255), black_noisy and black_clean (share of values that are
        zero) and sigma (standard deviation of noisy minus clean, levels of 255).
    """
    rows = []
    for pair in tqdm(pairs, desc="measuring pairs", unit="pair", leave=False, disable=None):
        noisy, clean = pair.load()
        rows.append(
            {
                "image": pair.id,
                "scene": pair.scene,
                "camera": pair.camera or "unknown",
                "iso": pair.iso,
                "width": clean.shape[1],
                "height": clean.shape[0],
                "psnr_db": psnr(_unit(clean), _unit(noisy)),
                "ssim": ssim(_unit(clean), _unit(noisy)),
                "mean_noisy": noisy.mean(),
                "mean_clean": clean.mean(),
                "black_noisy": (noisy == 0).mean(),
                "black_clean": (clean == 0).mean(),
                "sigma": float((noisy.astype(np.float32) - clean).std()),
            }
        )
    return pd.DataFrame(rows).astype({"iso": "Int64"})


def by_noise(statistics: pd.DataFrame) -> dict[str, int]:
    """Return positions of the pairs with the strongest, the median and the weakest noise.

    By the PSNR of noisy against clean in `pair_statistics`, which the labels state.
    """
    ranked = statistics["psnr_db"].sort_values()
    picked = {"strongest": 0, "median": len(ranked) // 2, "weakest": -1}
    return {f"{name}: {ranked.iloc[i]:.1f} dB": ranked.index[i] for name, i in picked.items()}


def agreement(statistics: pd.DataFrame) -> pd.Series:
    """Return the share of pairs, 0 to 1, that agree with each observation of the article."""
    return pd.DataFrame(
        {
            "mean pixel value of the noisy image from 20 to 75": statistics["mean_noisy"].between(
                20, 75
            ),
            "more black values in the noisy image": statistics["black_noisy"]
            > statistics["black_clean"],
            "PSNR from 25 to 30 dB": statistics["psnr_db"].between(25, 30),
            "SSIM from 0.1 to 0.7": statistics["ssim"].between(0.1, 0.7),
        }
    ).mean()


def by_setting(statistics: pd.DataFrame) -> pd.DataFrame | None:
    """Return means of `pair_statistics` by camera and ISO; None where neither is known."""
    known = (statistics["camera"] != "unknown") | statistics["iso"].notna()
    if not known.any():
        return None
    groups = statistics[known].groupby(
        ["camera", statistics["iso"].astype(object).fillna("unknown")]
    )
    means = groups[["psnr_db", "ssim", "sigma", "mean_clean"]].mean()
    return means.assign(pairs=groups.size())


def noise_by_intensity(pairs: Sequence[Pair], bins: int = 24) -> pd.DataFrame:
    """Measure how the noise depends on the brightness underneath it.

    Parameters
    ----------
    pairs : sequence of Pair
    bins : int
        Number of equal ranges of clean intensity.

    Returns
    -------
    DataFrame
        One row per camera, ISO, channel and range of intensity: camera, iso, channel, intensity
        (centre of the range, levels of 255) and sigma (standard deviation of noisy minus clean,
        levels of 255). Ranges need at least 5,000 values, or 1 / `bins` of all if that is less.
    """
    moments: dict[tuple, np.ndarray] = {}
    for pair in tqdm(pairs, desc="noise by intensity", unit="pair", leave=False, disable=None):
        noisy, clean = pair.load()
        noise = noisy.astype(np.float64) - clean
        for channel, name in enumerate(("red", "green", "blue")):
            place = (clean[..., channel].ravel().astype(int) * bins) // 256
            values = noise[..., channel].ravel()
            sums = [np.bincount(place, values**power, bins) for power in (0, 1, 2)]
            key = (pair.camera or "unknown", pair.iso, name)
            moments[key] = moments.get(key, 0) + np.array(sums)
    rows = []
    for (camera, iso, channel), (count, first, second) in moments.items():
        for place in np.flatnonzero(count >= min(5000, count.sum() / bins)):
            mean = first[place] / count[place]
            sigma = np.sqrt(max(second[place] / count[place] - mean**2, 0))
            rows.append((camera, iso, channel, (place + 0.5) * 256 / bins, sigma))
    columns = ["camera", "iso", "channel", "intensity", "sigma"]
    return pd.DataFrame(rows, columns=columns).astype({"iso": "Int64"})


def resizing(pairs: Sequence[Pair]) -> pd.DataFrame:
    """Measure what the article's resizing to 1024x1024 does to the noise.

    Parameters
    ----------
    pairs : sequence of Pair

    Returns
    -------
    DataFrame
        Means over pairs, rows "as photographed" and "resized": megapixels, psnr_db and sigma as
        in `pair_statistics`, and next_in_row and next_in_column, the correlation of the noise
        with that of the next pixel.
    """
    rows = []
    for pair in tqdm(pairs, desc="resizing pairs", unit="pair", leave=False, disable=None):
        images = pair.load()
        for name, (noisy, clean) in {
            "as photographed": images,
            "resized": [resize_as_article(image) for image in images],
        }.items():
            noise = noisy.astype(np.float32) - clean
            neighbours = autocorrelation(noise, reach=1)
            rows.append(
                {
                    "image": name,
                    "megapixels": noisy.shape[0] * noisy.shape[1] / 1e6,
                    "psnr_db": psnr(_unit(clean), _unit(noisy)),
                    "sigma": noise.std(),
                    "next_in_row": neighbours[1, 2],
                    "next_in_column": neighbours[2, 1],
                }
            )
    return pd.DataFrame(rows).groupby("image").mean()


def autocorrelation(noise: np.ndarray, reach: int) -> np.ndarray:
    """Return the mean autocorrelation over the channels of one (H, W, C) noise image.

    By the Wiener-Khinchin theorem: the inverse Fourier transform of the power spectrum.
    """
    centred = noise - noise.mean(axis=(0, 1))
    # Zeros are added at the borders, so that opposite ones do not meet.
    size = [fft.next_fast_len(side + reach, real=True) for side in noise.shape[:2]]
    spectrum = np.abs(fft.rfft2(centred, size, axes=(0, 1), workers=-1)) ** 2
    covariance = fft.irfft2(spectrum.mean(axis=-1), size, workers=-1)
    covariance = np.roll(covariance, (reach, reach), axis=(0, 1))[: 2 * reach + 1, : 2 * reach + 1]
    return covariance / max(covariance[reach, reach], np.finfo(float).tiny)


def _unit(image: np.ndarray) -> np.ndarray:
    return image.astype(np.float32) / 255
