"""How much memory denoising takes, and what becomes of memory that was freed."""

import ctypes
import gc
import pickle
import platform
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np

from casestudy.errors import CaseStudyError

_NEW_PROCESS = """
import os, pickle, sys
answer = os.fdopen(os.dup(1), "wb")
os.dup2(2, 1)  # what libraries print is no part of it
from casestudy.errors import CaseStudyError
function, arguments = pickle.load(sys.stdin.buffer)
try:
    result = function(*arguments), None
except (CaseStudyError, OSError) as error:
    result = None, error
pickle.dump(result, answer)
"""

_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD, _M_MMAP_MAX = -1, -3, -4  # of malloc.h


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
        As `casestudy.litert.litert_denoiser`, `casestudy.models.load` or `in_new_process`.
    """
    return in_new_process(_denoise_once, network, file, side)


def in_new_process(function: Callable, *arguments: object) -> object:
    """Return what a function returns in a process of its own, which gives back all its memory.

    Unlike multiprocessing's, it does not import the script that asks for it, which then needs
    no `if __name__ == "__main__":`.

    Raises
    ------
    CaseStudyError
        If the function raises one, or the process fails or is killed.
    OSError
        If the function raises one.
    """
    process = subprocess.run(
        [sys.executable, "-P", "-c", _NEW_PROCESS],  # no modules of the working directory
        input=pickle.dumps((function, arguments)),
        stdout=subprocess.PIPE,
    )
    if process.returncode:
        raise CaseStudyError(
            f"A process of this one failed (exit code {process.returncode}). If it was killed for "
            "want of memory, close other programs and run the same again."
        )
    result, error = pickle.loads(process.stdout)
    if error:
        raise error
    return result


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
        import resource  # there is none on Windows

        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    # On Linux, getrusage begins with the peak of the process that started this one.
    return int(re.search(r"VmHWM:\s+(\d+) kB", status)[1]) * 1024 / 1e6


def keep_freed_memory() -> None:
    """Let this process keep memory that it freed, for the next step of a training.

    Every step on a CPU frees blocks of many megabytes and asks for the same again. By default
    glibc gives each back to the system, which has to clear it before it hands it out once more:
    nearly half of the time of CBDNet's steps on two cores. Other C libraries are left alone.
    """
    _set_glibc({_M_MMAP_MAX: 0, _M_TRIM_THRESHOLD: 2**31 - 1})


def give_back_large_blocks() -> None:
    """Let the system have memory of a megabyte and more as soon as it is free, for a server.

    By default, what glibc takes for small grows with each large block that is freed, up to 32 MB.
    Photographs then lie among what lives longer, and the holes that they leave stay resident.
    Other C libraries are left alone.
    """
    _set_glibc({_M_MMAP_THRESHOLD: 1 << 20})


def give_back_freed_memory() -> None:
    """Let the system have what this process does not need any more.

    Sessions of Streamlit refer to themselves, so Python finds them only when it looks for such;
    and glibc keeps the pages between what lives on. Other C libraries are left alone.
    """
    gc.collect()
    if platform.libc_ver()[0] == "glibc":
        ctypes.CDLL(None).malloc_trim(0)


def _set_glibc(options: dict[int, int]) -> None:
    if platform.libc_ver()[0] == "glibc":
        for name, value in options.items():
            ctypes.CDLL(None).mallopt(name, value)
