"""How close a denoised image is to the clean one: PSNR, SSIM, and one path for all methods."""

import time
from collections.abc import Sequence
from functools import partial

import numpy as np
import pandas as pd
from scipy.ndimage import gaussian_filter
from skimage.metrics import peak_signal_noise_ratio, structural_similarity
from tqdm import tqdm

from casestudy import CaseStudyError
from casestudy.data.patches import Patches
from casestudy.denoising.tiles import Denoiser


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
    the window does not fit are left out. Papers that report `ssim_volume` have values higher by
    0.05 to 0.1.

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


def ssim_volume(clean: np.ndarray, denoised: np.ndarray) -> float:
    """Return the structural similarity of colour images as volumes, as MATLAB's `ssim` does.

    The Gaussian window of `ssim` reaches over 11 rows, 11 columns and 11 channels, of which there
    are three: outside, the nearest pixel counts. Papers that report results on SIDD use it
    (MIRNet, MPRNet, Uformer, Restormer; NAFNet and HINet in a copy).

    Parameters
    ----------
    clean, denoised : ndarray, shape (H, W, 3), float in [0, 1]
    """
    blur = partial(gaussian_filter, sigma=1.5, radius=5, mode="nearest")
    mean_clean, mean_denoised = blur(clean), blur(denoised)
    variances = blur(clean**2) - mean_clean**2 + blur(denoised**2) - mean_denoised**2
    covariance = blur(clean * denoised) - mean_clean * mean_denoised
    c1, c2 = 0.01**2, 0.03**2
    luminance = (2 * mean_clean * mean_denoised + c1) / (mean_clean**2 + mean_denoised**2 + c1)
    return float(np.mean(luminance * (2 * covariance + c2) / (variances + c2)))


def score(method: str, denoiser: Denoiser, patches: Patches, batch_size: int = 8) -> pd.DataFrame:
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

    Raises
    ------
    CaseStudyError
        If a result is not finite.
    """
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
        if not np.isfinite(result).all():
            raise CaseStudyError(
                f"{method}: a result holds values that are no numbers. Check the weights."
            )
        result = np.clip(result, 0.0, 1.0)
        for position, c, d in zip(chosen, clean, result, strict=True):
            measured.loc[position] = psnr(c, d), ssim(c, d), seconds
    scores = pd.concat([patches.table, measured.astype(float)], axis=1)
    scores.insert(0, "method", method)
    return scores.assign(megapixels=patches.size**2 / 1e6)


def denoise_patches(
    denoiser: Denoiser, patches: Patches, positions: Sequence[int] | np.ndarray
) -> np.ndarray:
    """Return some patches denoised, rounded to uint8, to look at."""
    denoised = np.asarray(denoiser(patches.noisy(positions)))
    return np.round(np.clip(denoised, 0, 1) * 255).astype(np.uint8)
