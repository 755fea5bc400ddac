"""What networks are computed on: all GPUs of the machine at once, or its CPU."""

import ctypes
import gc
import platform
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache

import keras


@contextmanager
def all_devices() -> Iterator[int]:
    """Build and train networks in this block, on every GPU (or logical CPU) of the machine.

    Under TensorFlow that is `tf.distribute.MirroredStrategy`, under JAX
    `keras.distribution.DataParallel`. With one device it changes nothing.

    Yields
    ------
    int
        The number of devices.
    """
    if keras.backend.backend() == "tensorflow" and (strategy := _mirrored()):
        with strategy.scope():
            yield strategy.num_replicas_in_sync
    elif keras.backend.backend() == "jax" and len(keras.distribution.list_devices()) > 1:
        devices = keras.distribution.list_devices()
        with keras.distribution.DataParallel(devices=devices).scope():
            yield len(devices)
    else:
        yield 1


def device_names() -> list[str]:
    """Return what networks are computed on, such as "NVIDIA H100" or "cpu"."""
    if keras.backend.backend() == "jax":
        import jax

        return [device.device_kind for device in jax.devices()]
    import tensorflow as tf

    details = map(
        tf.config.experimental.get_device_details, tf.config.list_physical_devices("GPU")
    )
    return [detail.get("device_name", "GPU") for detail in details] or ["cpu"]


def on_gpu() -> bool:
    """Return whether networks are computed on something faster than a CPU."""
    return "cpu" not in device_names()


@cache
def _mirrored():
    """Return TensorFlow's strategy for several devices, or None."""
    import tensorflow as tf

    devices = tf.config.list_logical_devices("GPU") or tf.config.list_logical_devices("CPU")
    if len(devices) > 1:
        return tf.distribute.MirroredStrategy([device.name for device in devices])
    return None


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
