"""The networks, one file each, and how to get one by name."""

import keras
import pandas as pd

from casestudy.errors import CaseStudyError
from casestudy.models.autoencoder import build_autoencoder

BUILDERS = {"autoencoder": build_autoencoder}


def build(name: str, seed: int = 0, **sizes: int) -> keras.Model:
    """Build a network with newly drawn weights.

    Parameters
    ----------
    name : str
        A name in `BUILDERS`.
    seed : int
        Decides the weights.
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
    return BUILDERS[name](**sizes)


def layer_table(model: keras.Model) -> pd.DataFrame:
    """Return one row per layer: layer, kind, channels of its output, and parameters."""
    rows = [
        (layer.name, type(layer).__name__, layer.output.shape[-1], layer.count_params())
        for layer in model.layers
    ]
    return pd.DataFrame(rows, columns=["layer", "kind", "channels", "parameters"])
