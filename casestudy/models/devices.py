"""The devices that run networks: all GPUs of the machine at once, or its CPU."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache

import keras


@contextmanager
def all_devices() -> Iterator[int]:
    """Build and train the networks of this block on every GPU (or logical CPU) of the machine.

    TensorFlow uses `tf.distribute.MirroredStrategy`, and JAX `keras.distribution.DataParallel`.
    With one device, nothing changes.

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
    """Return the devices that run networks, such as "NVIDIA H100" or "cpu"."""
    if keras.backend.backend() == "jax":
        import jax

        return [device.device_kind for device in jax.devices()]
    import tensorflow as tf

    details = map(
        tf.config.experimental.get_device_details, tf.config.list_physical_devices("GPU")
    )
    return [detail.get("device_name", "GPU") for detail in details] or ["cpu"]


def on_gpu() -> bool:
    """Return whether networks run on something other than a CPU."""
    return "cpu" not in device_names()


@cache
def _mirrored():
    """Return TensorFlow's strategy for several devices, or None."""
    import tensorflow as tf

    devices = tf.config.list_logical_devices("GPU") or tf.config.list_logical_devices("CPU")
    if len(devices) > 1:
        return tf.distribute.MirroredStrategy([device.name for device in devices])
    return None
