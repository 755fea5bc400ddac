"""Memory that this process frees: keep it for the next step, or give it back to the system.

These functions change nothing where the C library is not glibc.
"""

import ctypes
import gc
import platform

_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD, _M_MMAP_MAX = -1, -3, -4  # of malloc.h


def keep_freed_memory() -> None:
    """Keep freed memory for the next step of a training.

    Every step on a CPU frees blocks of many megabytes and asks for them again. By default, glibc
    gives each back to the system, which has to clear it first: nearly half of the time of
    CBDNet's steps on two cores.
    """
    _set_glibc({_M_MMAP_MAX: 0, _M_TRIM_THRESHOLD: 2**31 - 1})


def give_back_large_blocks() -> None:
    """Give blocks of a megabyte and more back to the system as soon as they are free.

    By default, glibc moves this limit up to 32 MB with the blocks that are freed. In a server,
    photographs then lie among data that live longer, and the holes that they leave stay resident.
    """
    _set_glibc({_M_MMAP_THRESHOLD: 1 << 20})


def give_back_freed_memory() -> None:
    """Collect garbage, and give all free memory back to the system.

    Sessions of Streamlit refer to themselves, so only the garbage collector finds them, and glibc
    keeps free pages between those in use.
    """
    gc.collect()
    if platform.libc_ver()[0] == "glibc":
        ctypes.CDLL(None).malloc_trim(0)


def _set_glibc(options: dict[int, int]) -> None:
    if platform.libc_ver()[0] == "glibc":
        for name, value in options.items():
            ctypes.CDLL(None).mallopt(name, value)
