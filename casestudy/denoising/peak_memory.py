"""The peak memory of a process that denoises, including the libraries that it imports."""

import re
from pathlib import Path

import numpy as np

from casestudy.denoising.own_process import in_new_process


def peak_memory_mb(network: str, file: Path | None, side: int) -> float:
    """Return the peak memory, in resident MB, of a new process that denoises one square tile.

    `file` is the released network as a LiteRT file, or None for Keras, whose libraries are then
    included. `side` is the side of the tile in pixels.

    Raises
    ------
    CaseStudyError
        As `litert_denoiser`, `casestudy.models.load` and `in_new_process`.
    """
    return in_new_process(_denoise_once, network, file, side)


def _denoise_once(network: str, file: Path | None, side: int) -> float:
    # Imported here for a fast start-up, and so that unused libraries are not measured.
    if file:
        from casestudy.denoising.litert import litert_denoiser

        denoiser = litert_denoiser(file, network)
    else:
        from casestudy.denoising.tiles import network_denoiser
        from casestudy.models import load

        denoiser = network_denoiser(load(network))
    denoiser(np.zeros((1, side, side, 3), np.float32))
    return peak_mb()


def peak_mb() -> float:
    """Return the peak resident memory of this process in MB."""
    try:
        status = Path("/proc/self/status").read_text()
    except FileNotFoundError:  # macOS, which counts bytes
        import resource  # does not exist on Windows

        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    # On Linux, getrusage begins with the peak of the process that started this one.
    return int(re.search(r"VmHWM:\s+(\d+) kB", status)[1]) * 1024 / 1e6
