"""How close a denoised image is to the clean one: PSNR, SSIM, and one path for all methods."""

import time
from collections.abc import Callable, Mapping, Sequence
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


MEASURES = {"psnr_db": psnr, "ssim": ssim}


def score_batch(
    method: str,
    denoiser: Denoiser,
    noisy: np.ndarray,
    clean: np.ndarray,
    rounded: bool = False,
    measures: Mapping[str, Callable[[np.ndarray, np.ndarray], float]] = MEASURES,
) -> list[dict[str, float]]:
    """Denoise images and compare each with the clean one.

    Results are clipped to [0, 1].

    Parameters
    ----------
    method : str
        What an error names.
    denoiser : Denoiser
    noisy, clean : ndarray, shape (N, H, W, 3), float32 in [0, 1]
    rounded : bool
        Round results to 8 bits, which costs about 0.05 dB at 40 dB.
    measures : mapping of str to callable
        Functions of a clean and a denoised image, by name.

    Returns
    -------
    list of dict
        For each image, every measure, and seconds: the time of the denoiser, divided by N.

    Raises
    ------
    CaseStudyError
        If a result is not finite.
    """
    began = time.perf_counter()
    denoised = np.asarray(denoiser(noisy))
    seconds = (time.perf_counter() - began) / len(noisy)
    if not np.isfinite(denoised).all():
        raise CaseStudyError(
            f"{method}: a result holds values that are not numbers. Check the weights."
        )
    denoised = np.clip(denoised, 0.0, 1.0)
    if rounded:
        denoised = np.round(denoised * 255).astype(np.float32) / 255
    return [
        {name: measure(c, d) for name, measure in measures.items()} | {"seconds": seconds}
        for c, d in zip(clean, denoised, strict=True)
    ]


def score(method: str, denoiser: Denoiser, patches: Patches, batch_size: int = 4) -> pd.DataFrame:
    """Denoise every patch and compare it with the clean one.

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
        seconds and megapixels.
    """
    return score_in_turns({method: (denoiser, batch_size)}, patches)[method]


def score_in_turns(
    methods: Mapping[str, tuple[Denoiser, int]], patches: Patches
) -> dict[str, pd.DataFrame]:
    """Score several methods, which take turns from patch to patch; see `score_batch`.

    Whatever slows the machine down for a minute slows all methods, and ratios of times stay valid.
    Every method denoises its first batch once before the clock starts, since a network's first
    call compiles it.

    Parameters
    ----------
    methods : mapping of str to (Denoiser, int)
        Each with its number of patches per call.
    patches : Patches

    Returns
    -------
    dict of str to DataFrame
        See `score`.
    """
    sizes = {name: min(size, len(patches)) for name, (_, size) in methods.items()}
    for name, size in sizes.items():
        methods[name][0](patches.noisy(np.arange(size)))
    turns = [(i, name) for i in range(len(patches)) for name in methods if i % sizes[name] == 0]
    measured = {name: {} for name in methods}
    with tqdm(turns, unit="batch", leave=False, disable=None) as bar:
        for start, name in bar:
            bar.set_description(name)
            # The last batch reaches back to be as large as the others: a new shape would make a
            # network compile again while the clock runs.
            chosen = np.arange(sizes[name]) + min(start, len(patches) - sizes[name])
            noisy, clean = patches.noisy(chosen), patches.clean(chosen)
            rows = score_batch(name, methods[name][0], noisy, clean)
            measured[name] |= dict(zip(chosen, rows, strict=True))
    scores = {}
    for name, rows in measured.items():
        table = patches.table.join(pd.DataFrame.from_dict(rows, orient="index"))
        table.insert(0, "method", name)
        scores[name] = table.assign(megapixels=patches.size**2 / 1e6)
    return scores


def noisy_psnr_db(patches: Patches) -> np.ndarray:
    """Return the PSNR of each noisy patch in dB; infinite where there is no noise."""
    everyone = np.arange(len(patches))
    return np.array([psnr(patches.clean([i])[0], patches.noisy([i])[0]) for i in everyone])


def denoise_patches(
    denoiser: Denoiser, patches: Patches, positions: Sequence[int] | np.ndarray
) -> np.ndarray:
    """Return some patches denoised, rounded to uint8, to look at."""
    denoised = np.asarray(denoiser(patches.noisy(positions)))
    return np.round(np.clip(denoised, 0, 1) * 255).astype(np.uint8)
