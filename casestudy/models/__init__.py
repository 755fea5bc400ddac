"""The networks, one file each, and how to get one by name."""

from importlib import import_module
from typing import TYPE_CHECKING

from casestudy import CaseStudyError
from casestudy.models import released

if TYPE_CHECKING:  # Keras takes seconds to import, and hundreds of megabytes
    import keras

# name: module and function that build it, and what the function is called with
BUILDERS = {
    "autoencoder": ("casestudy.models.autoencoder", "build_autoencoder", {}),
    "cbdnet": ("casestudy.models.cbdnet", "build_cbdnet", {}),
    "pridnet": ("casestudy.models.pridnet", "build_pridnet", {}),
    "pridnet-half": (
        "casestudy.models.pridnet",
        "build_pridnet",
        {"filters": 16, "name": "pridnet-half"},
    ),
    "ridnet": ("casestudy.models.ridnet", "build_ridnet", {}),
}


def build(name: str, seed: int = 0, precision: str = "float32", **sizes: int) -> "keras.Model":
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
    import keras

    # Imported here for a fast start-up.
    from casestudy.models.devices import all_devices

    module, function, arguments = BUILDERS[name]
    builder = getattr(import_module(module), function)
    keras.utils.set_random_seed(seed)
    usual = keras.config.dtype_policy()
    keras.config.set_dtype_policy(precision)
    try:
        with all_devices():
            return builder(**{**arguments, **sizes})
    finally:
        keras.config.set_dtype_policy(usual)


def load(name: str) -> "keras.Model":
    """Return a released network: trained weights that come with the package.

    Parameters
    ----------
    name : str
        A name in `casestudy.models.released.NETWORKS`. How it was trained, what it reaches
        and where it fails stands in its model card, `casestudy/models/released/<name>.md`.

    Returns
    -------
    keras.Model
        From noisy images (N, H, W, 3) in [0, 1] to denoised ones, see `build`;
        `casestudy.denoising.tiles.network_denoiser` takes images of any size.

    Raises
    ------
    CaseStudyError
        If there is no such network, or its file is missing or altered.
    """
    # Imported here for a fast start-up.
    from casestudy.models.weights import load_weights

    weights = released.released_file(name, ".safetensors")
    model = build(name)
    load_weights(model, weights)
    return model
