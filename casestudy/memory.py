"""How much memory denoising takes, measured in a process of its own."""

import multiprocessing
import re
import resource
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np


def peak_memory_mb(network: str, file: Path | None, side: int) -> float:
    """Return the most memory that a new process takes to denoise one square tile.

    Parameters
    ----------
    network : str
        A name in `casestudy.released.NETWORKS`.
    file : Path or None
        The network as a LiteRT file; None for Keras, whose libraries count as well.
    side : int
        Of the tile, in pixels.

    Returns
    -------
    float
        MB, of what is resident.

    Raises
    ------
    CaseStudyError
        As `casestudy.litert.litert_denoiser` or `casestudy.models.load`.
    """
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
        return pool.submit(_denoise_once, network, file, side).result()


def _denoise_once(network: str, file: Path | None, side: int) -> float:
    if file:
        from casestudy.litert import litert_denoiser

        denoiser = litert_denoiser(file, network)
    else:
        from casestudy.inference import network_denoiser
        from casestudy.models import load

        denoiser = network_denoiser(load(network))
    denoiser(np.zeros((1, side, side, 3), np.float32))
    return peak_mb()


def peak_mb() -> float:
    """Return the most memory that this process has taken, in MB."""
    try:
        status = Path("/proc/self/status").read_text()
    except FileNotFoundError:  # macOS, which counts bytes
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    # On Linux, getrusage begins with the peak of the process that started this one.
    return int(re.search(r"VmHWM:\s+(\d+) kB", status)[1]) * 1024 / 1e6
