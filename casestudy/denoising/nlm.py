"""Non-Local Means, the classical baseline: average pixels whose surroundings look alike.

Buades, Coll, Morel, "A non-local algorithm for image denoising", CVPR 2005,
doi:10.1109/CVPR.2005.38, as implemented in OpenCV and scikit-image. Strengths are multiples of the
noise level that is estimated from the image, so that one strength suits weak and strong noise.
"""

import cv2
import numpy as np
import pywt

PATCH = 7  # px, side of the neighbourhoods that are compared
WINDOW = 21  # px, side of the window that is searched for similar ones


def noise_level(image: np.ndarray) -> float:
    """Estimate the standard deviation of an image's noise.

    Donoho and Johnstone, "Ideal spatial adaptation by wavelet shrinkage", Biometrika 1994,
    doi:10.1093/biomet/81.3.425: median absolute wavelet detail over 0.6745. The details of the
    second finest scale are used, because demosaicking and JPEG leave little of a real camera's
    noise in the finest; for white noise, both give the same.

    Parameters
    ----------
    image : ndarray, shape (H, W, 3), float in [0, 1]

    Returns
    -------
    float
        Mean over the channels, on the scale of the image.
    """
    # `pywt.wavedec2` would do both steps, but prints a warning for each small image.
    coarse, _ = pywt.dwt2(image, "db2", axes=(0, 1))
    _, (_, _, details) = pywt.dwt2(coarse, "db2", axes=(0, 1))
    return float(np.mean(np.median(np.abs(details), axis=(0, 1))) / 0.6745)


def nlm_opencv(noisy: np.ndarray, strength: float) -> np.ndarray:
    """Denoise with OpenCV's NLM, which separates lightness from colour (CIE Lab).

    Parameters
    ----------
    noisy : ndarray, shape (N, H, W, 3), float32 in [0, 1]
        Rounded to 8 bits, the only depth that OpenCV's colour NLM accepts.
    strength : float
        Filter strength h in multiples of each image's `noise_level`.

    Returns
    -------
    ndarray of noisy's shape, float32 in [0, 1]
    """
    return np.stack([_opencv(image, strength * noise_level(image)) for image in noisy])


def nlm_skimage(noisy: np.ndarray, strength: float, level: float | None = None) -> np.ndarray:
    """Denoise with scikit-image's NLM, which compares all three channels at once.

    Parameters and return value are those of `nlm_opencv`, but nothing is rounded. `level`, if
    given, replaces each image's noise level.
    """
    levels = [noise_level(image) if level is None else level for image in noisy]
    return np.stack([_skimage(i, strength * own) for i, own in zip(noisy, levels, strict=True)])


NLM = {"NLM (OpenCV)": nlm_opencv, "NLM (scikit-image)": nlm_skimage}


def _opencv(image: np.ndarray, h: float) -> np.ndarray:
    h *= 255
    levels = cv2.cvtColor(np.round(image * 255).astype(np.uint8), cv2.COLOR_RGB2BGR)
    denoised = cv2.fastNlMeansDenoisingColored(levels, None, h, h, PATCH, WINDOW)
    return cv2.cvtColor(denoised, cv2.COLOR_BGR2RGB) / np.float32(255)


def _skimage(image: np.ndarray, h: float) -> np.ndarray:
    from skimage.restoration import denoise_nl_means  # takes a second; networks do not need it

    sizes = {"patch_size": PATCH, "patch_distance": WINDOW // 2}
    denoised = denoise_nl_means(image, h=h, fast_mode=True, channel_axis=-1, **sizes)
    return denoised.reshape(image.shape)  # it drops sides of one pixel
