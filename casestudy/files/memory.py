"""What becomes of memory that this process frees: kept for its next step, or given back."""

import ctypes
import gc
import platform

_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD, _M_MMAP_MAX = -1, -3, -4  # of malloc.h


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
