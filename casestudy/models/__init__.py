"""The networks, one file each, and how to get one by name."""

import keras

from casestudy.devices import all_devices
from casestudy.errors import CaseStudyError
from casestudy.models.autoencoder import build_autoencoder
from casestudy.models.cbdnet import build_cbdnet
from casestudy.models.pridnet import build_pridnet
from casestudy.models.ridnet import build_ridnet

BUILDERS = {
    "autoencoder": build_autoencoder,
    "cbdnet": build_cbdnet,
    "pridnet": build_pridnet,
    "ridnet": build_ridnet,
}

# An image's height and width must divide by this; see `casestudy.inference`.
MULTIPLES = {"autoencoder": 8, "cbdnet": 4, "pridnet": 16, "ridnet": 1}


def build(name: str, seed: int = 0, precision: str = "float32", **sizes: int) -> keras.Model:
    """Build a network with newly drawn weights, on all devices of the machine.

    Parameters
    ----------
    name : str
        A name in `BUILDERS`.
    seed : int
        Decides the weights.
    precision : {"float32", "mixed_bfloat16"}
        "mixed_bfloat16" computes in bfloat16, whose 8 significant bits are enough within the
        network; weights and the output stay float32.
    **sizes
        Passed to the network's own function, such as `filters`.

    Raises
    ------
    CaseStudyError
        If there is no such network.
    """
    if name not in BUILDERS:
        raise CaseStudyError(f"Unknown network {name!r}. Known: {', '.join(BUILDERS)}.")
    keras.utils.set_random_seed(seed)
    usual = keras.config.dtype_policy()
    keras.config.set_dtype_policy(precision)
    try:
        with all_devices():
            return BUILDERS[name](**sizes)
    finally:
        keras.config.set_dtype_policy(usual)
