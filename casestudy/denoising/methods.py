"""All methods that denoise a photograph, by name: Non-Local Means, and networks in a runtime."""

from collections.abc import Callable, Iterable
from functools import partial

import numpy as np

from casestudy.denoising.litert import litert_denoiser, litert_file
from casestudy.denoising.nlm import PATCH, WINDOW, nlm_skimage, noise_level
from casestudy.denoising.tiles import TILE, denoise, full_scale, network_denoiser
from casestudy.models import load

NLM_STRENGTH = 1.0  # between the best strengths for real and for simulated noise


def photo_denoiser(method: str, runtime: str, tile: int = TILE) -> Callable[..., np.ndarray]:
    """Return a method that denoises the pixels of one photograph of any size and depth.

    Parameters
    ----------
    method : str
        A name in `casestudy.models.released.titles()`, or nlm for
        `casestudy.denoising.nlm.nlm_skimage`, the better of the two filters.
    runtime : {"keras", "litert", "litert-int8", "openvino-int8"}
        Of a network: in floats, or in 8-bit integers.
    tile : int
        See `casestudy.denoising.tiles.denoise`; for nlm, smaller tiles become 128.

    Returns
    -------
    callable
        `casestudy.denoising.tiles.denoise` without its first argument.

    Raises
    ------
    CaseStudyError
        If no released network has this name, or the runtime is not installed.
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
        kind = {"litert": "float32", "litert-int8": "int8"}[runtime]
        denoiser = litert_denoiser(litert_file(method, kind), method)
    return partial(denoise, denoiser, tile=tile)


def _denoise_by_nlm(
    image: np.ndarray, tile: int, progress: Callable[[list], Iterable] = iter
) -> np.ndarray:
    # The noise of the whole image: a tile may show little but texture, which looks like noise.
    channels = np.atleast_3d(image)
    colours = channels[..., : 3 if channels.shape[2] > 2 else 1]
    level = noise_level(colours / np.float32(full_scale(image)))
    nlm = partial(nlm_skimage, strength=NLM_STRENGTH, level=level)
    reach = PATCH // 2 + WINDOW // 2
    overlap = -(-4 * reach // 16) * 16  # of which the outer quarter is not used
    tiles = (max(tile, 2 * overlap), overlap) if tile else (0, 0)
    return denoise(nlm, image, *tiles, progress)
