"""Every way to denoise a photograph by its name: Non-Local Means, and a network's runtimes."""

from collections.abc import Callable, Iterable
from functools import partial

import numpy as np

from casestudy.denoising.litert import RUNTIMES, litert_denoiser, litert_file
from casestudy.denoising.nlm import PATCH, WINDOW, nlm_skimage, noise_level
from casestudy.denoising.tiles import TILE, denoise, full_scale, network_denoiser
from casestudy.models import load

NLM_STRENGTH = 1.0  # between what is best for real and for simulated noise


def photo_denoiser(method: str, runtime: str, tile: int = TILE) -> Callable[..., np.ndarray]:
    """Return a method that denoises the pixels of one photograph of any size and depth.

    Parameters
    ----------
    method : str
        A name in `casestudy.models.released.titles()`, or nlm:
        `casestudy.denoising.nlm.nlm_skimage`, the better one of the two filters.
    runtime : {"keras", "litert", "litert-int8", "openvino-int8"}
        In floats, or in 8-bit integers; without a meaning for nlm.
    tile : int
        As in `casestudy.denoising.tiles.denoise`; for nlm at least 128, so that tiles share
        all that it looks at.

    Returns
    -------
    callable
        `casestudy.denoising.tiles.denoise` without its first arguments.

    Raises
    ------
    CaseStudyError
        If there is no such network, or its runtime is not installed.
    """
    if method == "nlm":
        return partial(_denoise_by_nlm, tile=tile)
    if runtime == "keras":
        denoiser = network_denoiser(load(method))
    elif runtime == "openvino-int8":
        # Imported here for a fast start-up.
        from casestudy.denoising.openvino import openvino_denoiser, openvino_file

        denoiser = openvino_denoiser(openvino_file(method), method)
    else:
        denoiser = litert_denoiser(litert_file(method, RUNTIMES[runtime]), method)
    return partial(denoise, denoiser, tile=tile)


def _denoise_by_nlm(
    image: np.ndarray, tile: int, progress: Callable[[list], Iterable] = iter
) -> np.ndarray:
    # A tile may show little but texture, which would be taken for noise.
    channels = np.atleast_3d(image)
    colours = channels[..., : 3 if channels.shape[2] > 2 else 1]
    level = noise_level(colours / np.float32(full_scale(image)))
    nlm = partial(nlm_skimage, strength=NLM_STRENGTH, level=level)
    reach = PATCH // 2 + WINDOW // 2
    overlap = -(-4 * reach // 16) * 16  # of which the outer quarter is not used
    tiles = (max(tile, 2 * overlap), overlap) if tile else (0, 0)
    return denoise(nlm, image, *tiles, progress)
