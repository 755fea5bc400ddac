"""Every way to denoise a photograph by its name: Non-Local Means, and a network's runtimes."""

from collections.abc import Callable
from functools import partial

import numpy as np

from casestudy.inference import TILE, denoise, network_denoiser
from casestudy.litert import RUNTIMES, litert_denoiser, litert_file
from casestudy.nlm import nlm_opencv


def photo_denoiser(method: str, runtime: str, tile: int = TILE) -> Callable[..., np.ndarray]:
    """Return a method that denoises the pixels of one photograph of any size and depth.

    Parameters
    ----------
    method : str
        A name in `casestudy.released.NETWORKS`, or nlm.
    runtime : {"keras", "litert", "litert-int8", "openvino-int8"}
        In floats, or in 8-bit integers; without a meaning for nlm.
    tile : int
        As in `casestudy.inference.denoise`. NLM always gets the whole image, whose noise level
        it estimates.

    Returns
    -------
    callable
        `casestudy.inference.denoise` without its first arguments.

    Raises
    ------
    CaseStudyError
        If there is no such network, or its runtime is not installed.
    """
    if method == "nlm":
        return partial(denoise, partial(nlm_opencv, strength=1.0), tile=0)
    if runtime == "keras":
        from casestudy.models import load  # it takes seconds

        denoiser = network_denoiser(load(method))
    elif runtime == "openvino-int8":
        from casestudy.openvino_runtime import openvino_denoiser, openvino_file

        denoiser = openvino_denoiser(openvino_file(method), method)
    else:
        denoiser = litert_denoiser(litert_file(method, RUNTIMES[runtime]), method)
    return partial(denoise, denoiser, tile=tile)
