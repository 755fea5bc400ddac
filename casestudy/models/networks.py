"""One record per network. To add a network, add a file, and a record here."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from casestudy import CaseStudyError


@dataclass(frozen=True)
class Network:
    """The properties of a network."""

    build: str  # "module:function" that builds it
    title: str  # its name in comparisons
    multiple: int  # height and width of its images must be multiples of this number of pixels
    # Keyword arguments of the function that differ from its defaults, such as filters.
    arguments: Mapping[str, object] = field(default_factory=dict)
    floats: tuple[str, ...] = ()  # blocks (`inspection.block_of`) that int8 keeps in floats
    # Settings of its training by the recipes of `casestudy.training.recipes`.
    recipes: Mapping[str, Mapping[str, object]] = field(default_factory=dict)
    released: bool = False  # whether trained weights come with the package
    remark: str = ""  # advice for choosing a network, which the web app shows


_RELEASED = {
    "epochs": 60,
    "batch_size": 4,
    "crop_size": 128,
    "loss": "mae",
    "optimizer": "muon",
    "learning_rate": 6e-4,
    "warmup_steps": 100,
    "recompressed_share": 0.6,
    "exposure_matched": True,
    "bfloat16": False,
}
# The same minutes for each network, on one core of one machine, to compare what they learn.
_EQUAL_COST = _RELEASED | {
    "batch_size": 8,
    "crop_size": 128,
    "learning_rate": 1e-3,
    "clip_norm": 1.0,
    "max_minutes": 120.0,
    "bfloat16": True,
}

# Blocks stay in floats where `casestudy.results.quantized.sensitivity` is highest. In PRIDNet,
# these are blocks without a skip, which carry the picture, and the end of one scale, where an
# error covers 8x8 pixels. In RIDNet, they are the head, the attention at the end of each module,
# and the sums of the skips: there, a module's small addition would be rounded together with the
# picture that it is added to. In DRUNet, it is all that works at full resolution.
_MODULE_ENDS = [f"eam{i}.{end}" for i in (1, 2, 3, 4) for end in ("attention", "short_skip")]

NETWORKS: dict[str, Network] = {
    "autoencoder": Network(
        build="casestudy.models.autoencoder:build_autoencoder",
        title="autoencoder",
        multiple=8,
        recipes={"released": _RELEASED},
        released=True,
        remark="poor",
    ),
    "cbdnet": Network(
        build="casestudy.models.cbdnet:build_cbdnet",
        title="CBDNet",
        multiple=4,
        recipes={"released": _RELEASED | {"loss": "cbdnet-mae"}},
        released=True,
    ),
    "pridnet": Network(
        build="casestudy.models.pridnet:build_pridnet",
        title="PRIDNet",
        multiple=16,
        recipes={"released": _RELEASED},
    ),
    "pridnet-half": Network(
        build="casestudy.models.pridnet:build_pridnet",
        title="PRIDNet, half width",
        multiple=16,
        arguments={"filters": 16, "name": "pridnet-half"},
        floats=("estimate", "fusion", "pyramid8.up1", "pyramid8.out", "pyramid8.enlarge"),
        recipes={"released": _RELEASED},
        released=True,
    ),
    "ridnet": Network(
        build="casestudy.models.ridnet:build_ridnet",
        title="RIDNet",
        multiple=1,
        floats=("head", *_MODULE_ENDS, "long_skip"),
        # It never halves the picture: it needs no wide crops, and every pixel is expensive.
        recipes={"released": _RELEASED | {"batch_size": 8, "crop_size": 48}},
        released=True,
    ),
    "drunet": Network(
        build="casestudy.models.drunet:build_drunet",
        title="DRUNet, half width",
        multiple=8,
        floats=("head", "down1", "up1"),
        recipes={
            "released": _RELEASED | {"batch_size": 8, "learning_rate": 1e-3, "clip_norm": 1.0},
            "equal-cost": _EQUAL_COST,
        },
        released=True,
        remark="best",
    ),
    # Not in the article. The slim variants take about as many multiply-adds as `drunet`.
    "ridnet-slim": Network(
        build="casestudy.models.ridnet:build_ridnet",
        title="RIDNet, slim",
        multiple=1,
        arguments={"filters": 25, "name": "ridnet-slim"},
        recipes={"equal-cost": _EQUAL_COST},
    ),
    "nafnet": Network(
        build="casestudy.models.nafnet:build_nafnet",
        title="NAFNet",
        multiple=16,
    ),
    "nafnet-slim": Network(
        build="casestudy.models.nafnet:build_nafnet",
        title="NAFNet, slim",
        multiple=8,
        arguments={
            "filters": 44,
            "down_blocks": (1, 2, 4),
            "bottom_blocks": 6,
            "up_blocks": (1, 1, 2),
            "name": "nafnet-slim",
        },
        recipes={"equal-cost": _EQUAL_COST},
    ),
    "hinet": Network(
        build="casestudy.models.hinet:build_hinet",
        title="HINet",
        multiple=16,
    ),
    "hinet-slim": Network(
        build="casestudy.models.hinet:build_hinet",
        title="HINet, slim",
        multiple=16,
        arguments={"filters": 20, "name": "hinet-slim"},
        recipes={"equal-cost": _EQUAL_COST | {"loss": "hinet-mae"}},
    ),
    "mirnet": Network(
        build="casestudy.models.mirnet:build_mirnet",
        title="MIRNet",
        multiple=4,
    ),
    "mirnet-slim": Network(
        build="casestudy.models.mirnet:build_mirnet",
        title="MIRNet, slim",
        multiple=4,
        arguments={"filters": 20, "groups": 1, "name": "mirnet-slim"},
        recipes={"equal-cost": _EQUAL_COST},
    ),
    "mirnet-v2": Network(
        build="casestudy.models.mirnet_v2:build_mirnet_v2",
        title="MIRNet-v2",
        multiple=4,
    ),
    "uformer": Network(
        build="casestudy.models.uformer:build_uformer",
        title="Uformer",
        multiple=128,
    ),
    "uformer-slim": Network(
        build="casestudy.models.uformer:build_uformer",
        title="Uformer, slim",
        multiple=128,
        arguments={"filters": 18, "name": "uformer-slim"},
        recipes={"equal-cost": _EQUAL_COST},
    ),
}
RECOMMENDED = "drunet"  # what the command, the web app and the notebooks use by default


def record(name: str) -> Network:
    """Return the record of a network.

    Raises
    ------
    CaseStudyError
        If no network has this name.
    """
    if name not in NETWORKS:
        raise CaseStudyError(f"Unknown network {name!r}. Known: {', '.join(NETWORKS)}.")
    return NETWORKS[name]
