"""How close a denoised image is to the clean one: PSNR, SSIM, and one path for all methods."""

import time
from collections.abc import Callable

import numpy as np
import pandas as pd
from skimage.metrics import peak_signal_noise_ratio, structural_similarity
from tqdm import tqdm

from casestudy.patches import Patches

# A batch of noisy images to a batch of denoised ones, both (N, H, W, 3) float32 in [0, 1].
Denoiser = Callable[[np.ndarray], np.ndarray]


def psnr(clean: np.ndarray, denoised: np.ndarray) -> float:
    """Return the peak signal-to-noise ratio, 10 log10(1 / MSE), in dB (higher is better).

    Parameters
    ----------
    clean, denoised : ndarray, shape (H, W, 3), float in [0, 1]
        The range is fixed at 1 and never inferred from the values.
    """
    with np.errstate(divide="ignore"):  # equal images: infinity
        return float(peak_signal_noise_ratio(clean, denoised, data_range=1.0))


def ssim(clean: np.ndarray, denoised: np.ndarray) -> float:
    """Return the structural similarity, mean over pixels and channels (1 for equal images).

    Wang, Bovik, Sheikh, Simoncelli, "Image quality assessment: from error visibility to
    structural similarity", IEEE TIP 2004, doi:10.1109/TIP.2003.819861: Gaussian window of
    11x11 with a standard deviation of 1.5, K1 = 0.01, K2 = 0.03, per channel. Borders where
    the window does not fit are left out. Papers that feed the colour image to a
    three-dimensional window report values higher by 0.05 to 0.1.

    Parameters
    ----------
    clean, denoised : ndarray, shape (H, W, 3), float in [0, 1], at least 11x11 pixels
    """
    return float(
        structural_similarity(
            clean,
            denoised,
            data_range=1.0,
            channel_axis=-1,
            gaussian_weights=True,
            sigma=1.5,
            use_sample_covariance=False,
        )
    )


def score(
    method: str, denoiser: Denoiser, patches: Patches, batch_size: int = 8
) -> tuple[pd.DataFrame, np.ndarray]:
    """Denoise every patch and compare it with the clean one.

    Results are clipped to [0, 1] and stay float: rounding to 8 bits would cost about 0.05 dB
    at 40 dB. The first batch is denoised once before the clock starts, since a network's
    first call compiles it.

    Parameters
    ----------
    method : str
        Name of the method in every table.
    denoiser : Denoiser
    patches : Patches
    batch_size : int
        Patches per call of the denoiser.

    Returns
    -------
    DataFrame
        One row per patch: dataset, image, scene, camera, iso, patch, method, psnr_db, ssim,
        seconds (of the denoiser alone, its batch's time divided by the batch) and megapixels.
    ndarray, shape (N, H, W, 3), uint8
        The denoised patches, rounded, to look at.
    """
    denoised = np.empty((len(patches), patches.size, patches.size, 3), np.uint8)
    measured = pd.DataFrame(index=range(len(patches)), columns=["psnr_db", "ssim", "seconds"])
    batch_size = min(batch_size, len(patches))
    denoiser(patches.noisy(np.arange(batch_size)))
    for start in tqdm(range(0, len(patches), batch_size), desc=method, unit="batch", leave=False):
        # The last batch reaches back to be as large as the others: a new shape would make a
        # network compile again while the clock runs.
        chosen = np.arange(batch_size) + min(start, len(patches) - batch_size)
        noisy, clean = patches.noisy(chosen), patches.clean(chosen)
        began = time.perf_counter()
        result = np.asarray(denoiser(noisy))
        seconds = (time.perf_counter() - began) / batch_size
        result = np.clip(result, 0.0, 1.0)
        denoised[chosen] = np.round(result * 255)
        for position, c, d in zip(chosen, clean, result, strict=True):
            measured.loc[position] = psnr(c, d), ssim(c, d), seconds
    scores = pd.concat([patches.table, measured.astype(float)], axis=1)
    scores.insert(0, "method", method)
    return scores.assign(megapixels=patches.size**2 / 1e6), denoised
