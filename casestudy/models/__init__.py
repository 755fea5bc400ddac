"""The networks, one file each, and how to build or load one by its name.

Imports `files`.
"""

from pkgutil import resolve_name
from typing import TYPE_CHECKING

from casestudy.models.networks import NETWORKS, RECOMMENDED, Network, record
from casestudy.models.released import released_file

if TYPE_CHECKING:  # Keras takes seconds to import
    import keras

__all__ = ["NETWORKS", "RECOMMENDED", "Network", "build", "load", "record"]


def build(name: str, seed: int = 0, precision: str = "float32", **sizes: int) -> "keras.Model":
    """Build a network with newly drawn weights, on all devices of the machine.

    Parameters
    ----------
    name : str
        A name in `NETWORKS`.
    seed : int
        Decides the weights.
    precision : {"float32", "mixed_bfloat16"}
        "mixed_bfloat16" computes in bfloat16, whose 8 significant bits are enough within the
        network; the weights and the output stay float32.
    **sizes
        Passed to the network's own function, such as `filters`.

    Raises
    ------
    CaseStudyError
        If no network has this name.
    """
    network = record(name)
    # Imported here for a fast start-up.
    import keras

    from casestudy.models.devices import all_devices

    build_it = resolve_name(network.build)  # before seeding: its import may draw numbers
    keras.utils.set_random_seed(seed)
    usual = keras.config.dtype_policy()
    keras.config.set_dtype_policy(precision)
    try:
        with all_devices():
            return build_it(**{**network.arguments, **sizes})
    finally:
        keras.config.set_dtype_policy(usual)


def load(name: str) -> "keras.Model":
    """Return a released network, with the trained weights that come with the package.

    Its model card, `casestudy/models/released/<name>.md`, describes the training, the scores and
    the limits. `casestudy.denoising.tiles.network_denoiser` makes it a denoiser.

    Raises
    ------
    CaseStudyError
        If no released network has this name, or its file is missing or altered.
    """
    # Imported here for a fast start-up: Keras takes seconds.
    from casestudy.models.weights import load_weights

    weights = released_file(name, ".safetensors")
    model = build(name)
    load_weights(model, weights)
    return model
