"""How much memory a process takes that denoises. What it measures includes what it imports."""

import re
from pathlib import Path

import numpy as np

from casestudy.denoising.own_process import in_new_process


def peak_memory_mb(network: str, file: Path | None, side: int) -> float:
    """Return the most memory that a new process takes to denoise one square tile.

    Parameters
    ----------
    network : str
        A name in `casestudy.models.released.titles()`.
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
        As `litert_denoiser`, `casestudy.models.load` or `in_new_process`.
    """
    return in_new_process(_denoise_once, network, file, side)


def _denoise_once(network: str, file: Path | None, side: int) -> float:
    if file:
        # Imported here for a fast start-up.
        from casestudy.denoising.litert import litert_denoiser

        denoiser = litert_denoiser(file, network)
    else:
        from casestudy.denoising.tiles import network_denoiser
        from casestudy.models import load

        denoiser = network_denoiser(load(network))
    denoiser(np.zeros((1, side, side, 3), np.float32))
    return peak_mb()


def peak_mb() -> float:
    """Return the most memory that this process has taken, in MB."""
    try:
        status = Path("/proc/self/status").read_text()
    except FileNotFoundError:  # macOS, which counts bytes
        import resource  # there is none on Windows

        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    # On Linux, getrusage begins with the peak of the process that started this one.
    return int(re.search(r"VmHWM:\s+(\d+) kB", status)[1]) * 1024 / 1e6
