"""Settings of a training: each has one default, one description and one check.

The command `casestudy train` reads its options from here, so Keras is not imported.
"""

from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, model_validator

from casestudy import CaseStudyError
from casestudy.data.settings import DataSettings, Settings
from casestudy.models import NETWORKS, RECOMMENDED

RECIPE = "released"  # see `casestudy.training.recipes`
EQUAL_COST = "equal-cost"
RECIPES = RECIPE, EQUAL_COST


@dataclass(frozen=True)
class Loss:
    """What a training minimises."""

    image: str  # error of the image, by its name in Keras; or "psnr": `negative_psnr`
    map_weight: float = 0  # of `casestudy.training.losses.level_map_loss`, which is added
    both: bool = False  # of HINet's two results


LOSSES = {
    "mse": Loss("mse"),
    "mae": Loss("mae"),
    "psnr": Loss("psnr"),
    "cbdnet": Loss("mse", map_weight=1),
    # An image's absolute error is larger than its squared error, by about this factor.
    "cbdnet-mae": Loss("mae", map_weight=20),
    "hinet-mae": Loss("mae", both=True),
}


def _released_network(name: str) -> str:
    known = [network for network, record in NETWORKS.items() if record.released]
    if name not in known:
        raise ValueError(f"known are {', '.join(known)}")
    return name


class TrainingSettings(Settings):
    """How a network is trained; the descriptions are also the help of `casestudy train`."""

    epochs: int = Field(25, ge=1, le=10_000, description="Number of times every patch is shown.")
    batch_size: int = Field(16, ge=1, le=1024, description="Number of patches in a step.")
    crop_size: int = Field(
        64,
        ge=0,
        multiple_of=16,
        description="Side in pixels of the random squares that are cut out of the patches, a "
        "multiple of 16; 0: whole patches. Small squares allow more steps for the same work, but "
        "should be as wide as the network's receptive field.",
    )
    loss: Literal[tuple(LOSSES)] = Field(
        "mse",
        description="Mean squared error (mse), absolute error (mae) or negative PSNR (psnr) of "
        "the image. cbdnet adds CBDNet's loss on its noise level map to the mse, cbdnet-mae to "
        "the mae. hinet-mae is the sum for HINet's two results.",
    )
    optimizer: Literal["adam", "muon"] = Field(
        "adam", description="muon, adapted to convolutions, needs fewer steps than adam."
    )
    learning_rate: float = Field(
        1e-3, gt=0, allow_inf_nan=False, description="Highest learning rate of the training."
    )
    schedule: Literal["cosine", "constant"] = Field(
        "cosine", description="Learning rate over time: cosine falls to zero at the end."
    )
    warmup_steps: int = Field(
        0, ge=0, description="Steps in which a cosine learning rate first rises from zero."
    )
    clip_norm: float = Field(
        0.0,
        ge=0,
        allow_inf_nan=False,
        description="Largest norm of all gradients together; larger ones are scaled down. 0: no "
        "limit.",
    )
    critic_weight: float = Field(
        0.0,
        ge=0,
        allow_inf_nan=False,
        description="Weight of the score of a critic, which is trained to tell denoised images "
        "from clean ones; 0: no critic. Needs --start released.",
    )
    simulated_share: float = Field(
        0.0, ge=0, le=1, description="Share of patches, 0 to 1, with simulated camera noise."
    )
    recompressed_share: float = Field(
        0.0,
        ge=0,
        le=1,
        description="Share of the patches without simulated noise, 0 to 1, that are compressed to "
        "JPEG once more.",
    )
    exposure_matched: bool = Field(
        False,
        description="Shift the colours of each clean patch to the mean of its noisy patch, but "
        "not where noise is simulated.",
    )
    max_minutes: float = Field(
        0.0,
        ge=0,
        allow_inf_nan=False,
        description="Time limit in minutes, validation included; a cosine learning rate reaches "
        "zero by then. 0: no limit.",
    )
    checkpoint_minutes: float = Field(
        1.0,
        ge=0,
        allow_inf_nan=False,
        description="Minutes between checkpoints; another follows each epoch.",
    )


class NetworkSettings(Settings):
    """How a network is built before it is trained; see `casestudy.models.build`."""

    filters: int = Field(
        0, ge=0, le=1024, description="Width of the network; 0: the published width."
    )
    bfloat16: bool = Field(
        False, description="Compute in bfloat16; weights and output stay in float32."
    )


class Parameters(NetworkSettings, TrainingSettings, DataSettings):
    """Every setting that `casestudy train` takes or a notebook may declare."""

    weights: Literal["train", "run"] = "train"
    networks: Literal["released", "trained", "all"] = "released"
    beside: str = ""
    network: Annotated[str, AfterValidator(_released_network)] = RECOMMENDED
    photo: str = ""
    output: str = ""

    @model_validator(mode="after")
    def _levels_are_known(self) -> "Parameters":
        if LOSSES[self.loss].map_weight and self.protocol == "article":
            raise ValueError(
                f"loss={self.loss} needs the noise level, which protocol=article changes by "
                "resizing; use loss=mse or loss=mae"
            )
        return self


def recipe(name: str, network: str) -> dict[str, object]:
    """Return the settings of a recipe for a network.

    Raises
    ------
    CaseStudyError
        If there is no such recipe, or it has no such network; the message lists the known ones.
    """
    if name not in RECIPES:
        raise CaseStudyError(f"Unknown recipe {name!r}. Known: {', '.join(RECIPES)}.")
    settings = {n: one.recipes[name] for n, one in NETWORKS.items() if name in one.recipes}
    if network not in settings:
        known = ", ".join(settings)
        raise CaseStudyError(f"Recipe {name} has no network {network!r}. It has: {known}.")
    return dict(settings[network])
