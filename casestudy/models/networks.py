"""Everything that is known of a network by its name. To add one: a file and a record here."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # names, titles and settings are asked for where Keras is not worth its seconds
    import keras


@dataclass(frozen=True)
class Network:
    """Everything that distinguishes one network from the others.

    Parameters
    ----------
    build : str or callable
        The function that builds it, or "module:function", which is imported at the first use.
    title : str
        Its name in comparisons.
    multiple : int
        Number of pixels by which height and width of its images have to divide.
    arguments : mapping
        Keyword arguments of `build` that are not its defaults, such as filters.
    floats : tuple of str
        Blocks (`casestudy.models.inspection.block_of`) that int8 leaves in floats.
    recipe : mapping, optional
        Settings of `casestudy.training.train.train` that its released weights were trained with.
    released : bool
        Whether trained weights come with the package.
    remark : str
        Advice for choosing among the networks, as the web app shows it.
    """

    build: "str | Callable[..., keras.Model]"
    title: str
    multiple: int
    arguments: Mapping[str, object] = field(default_factory=dict)
    floats: tuple[str, ...] = ()
    recipe: Mapping[str, object] | None = None
    released: bool = False
    remark: str = ""


_RECIPE = {
    "epochs": 60,
    "batch_size": 4,
    "crop_size": 128,
    "loss": "mae",
    "optimizer": "muon",
    "learning_rate": 6e-4,
    "warmup_steps": 100,
    "simulated_share": 0.4,
    "recompressed_share": 0.75,
    "exposure_matched": True,
    "bfloat16": False,
}

# Blocks stay in floats where `casestudy.results.quantized.sensitivity` is highest. In PRIDNet:
# blocks without a skip, which carry the picture, and the end of one scale, where an error covers
# 8x8 pixels. In RIDNet: the head and the ends of the modules, which hold the channels' weights,
# what they weigh, and the sums of the skips, where a module's small addition would be rounded
# together with the picture that it is added to.
_MODULE_ENDS = [f"eam{i}.{end}" for i in (1, 2, 3, 4) for end in ("attention", "short_skip")]

NETWORKS: dict[str, Network] = {
    "autoencoder": Network(
        build="casestudy.models.autoencoder:build_autoencoder",
        title="autoencoder",
        multiple=8,
        recipe=_RECIPE,
        released=True,
        remark="poor",
    ),
    "cbdnet": Network(
        build="casestudy.models.cbdnet:build_cbdnet",
        title="CBDNet",
        multiple=4,
        recipe=_RECIPE | {"loss": "cbdnet-mae"},
        released=True,
    ),
    "pridnet": Network(
        build="casestudy.models.pridnet:build_pridnet",
        title="PRIDNet",
        multiple=16,
        recipe=_RECIPE,
    ),
    "pridnet-half": Network(
        build="casestudy.models.pridnet:build_pridnet",
        title="PRIDNet, half width",
        multiple=16,
        arguments={"filters": 16, "name": "pridnet-half"},
        floats=("estimate", "fusion", "pyramid8.up1", "pyramid8.out", "pyramid8.enlarge"),
        recipe=_RECIPE,
        released=True,
    ),
    "ridnet": Network(
        build="casestudy.models.ridnet:build_ridnet",
        title="RIDNet",
        multiple=1,
        floats=("head", *_MODULE_ENDS, "long_skip"),
        # It never halves its picture: it needs no wide crops, and pays for each pixel in full.
        recipe=_RECIPE | {"batch_size": 8, "crop_size": 48},
        released=True,
        remark="best",
    ),
}
