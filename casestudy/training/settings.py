"""Settings of a training: each with one default, one description and one check.

Keras is not imported: the `casestudy train` command reads its options from here.
"""

from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, model_validator

from casestudy.data.settings import DataSettings, Settings
from casestudy.models import NETWORKS


@dataclass(frozen=True)
class Loss:
    """What a training minimises.

    Parameters
    ----------
    image : {"mse", "mae"}
        Error of the image, by its name in Keras.
    map_weight : float
        Weight of `casestudy.training.losses.level_map_loss`, which is added; 0 if it is not.
    """

    image: str
    map_weight: float = 0


LOSSES = {
    "mse": Loss("mse"),
    "mae": Loss("mae"),
    "cbdnet": Loss("mse", map_weight=1),
    # The absolute error of an image is about as many times larger than the squared one.
    "cbdnet-mae": Loss("mae", map_weight=20),
}


def _released_network(name: str) -> str:
    known = [network for network, record in NETWORKS.items() if record.released]
    if name not in known:
        raise ValueError(f"known are {', '.join(known)}")
    return name


class TrainingSettings(Settings):
    """How a network is trained; see `casestudy.training.train.train`.

    The descriptions are also the help of the `casestudy train` command.
    """

    epochs: int = Field(25, ge=1, le=10_000, description="How often every patch is shown.")
    batch_size: int = Field(16, ge=1, le=1024, description="Patches per step.")
    crop_size: int = Field(
        64,
        ge=0,
        multiple_of=16,
        description="Side in pixels of the random squares that are cut out of the patches, a "
        "multiple of 16; 0: whole patches. Small ones allow more steps for the same work, as long "
        "as they are as wide as the network's receptive field.",
    )
    loss: Literal[tuple(LOSSES)] = Field(
        "mse",
        description="Mean squared or absolute error of the image. cbdnet adds CBDNet's loss on "
        "its noise level map to the squared error, cbdnet-mae to the absolute error.",
    )
    optimizer: Literal["adam", "muon"] = Field(
        "adam", description="muon, here for convolutions, needs fewer steps."
    )
    learning_rate: float = Field(
        1e-3, gt=0, allow_inf_nan=False, description="The highest learning rate."
    )
    schedule: Literal["cosine", "constant"] = Field(
        "cosine", description="How the learning rate changes: cosine falls to zero at the end."
    )
    warmup_steps: int = Field(
        0, ge=0, description="Steps in which the learning rate of cosine rises from zero."
    )
    clip_norm: float = Field(
        0.0,
        ge=0,
        allow_inf_nan=False,
        description="Largest norm of all gradients together; 0: no limit.",
    )
    simulated_share: float = Field(
        0.0, ge=0, le=1, description="Share of patches, 0 to 1, under simulated camera noise."
    )
    recompressed_share: float = Field(
        0.0,
        ge=0,
        le=1,
        description="Share, 0 to 1, of the other patches that are compressed to JPEG once more.",
    )
    exposure_matched: bool = Field(
        False,
        description="Shift the colours of clean patches to the mean of their noisy ones; not of "
        "those under simulated noise.",
    )
    max_minutes: float = Field(
        0.0,
        ge=0,
        allow_inf_nan=False,
        description="Minutes to train, validation included; 0: no limit. cosine falls to zero by "
        "then.",
    )
    checkpoint_steps: int = Field(
        200, ge=1, description="Steps between checkpoints; each epoch ends with another one."
    )


class NetworkSettings(Settings):
    """How a network is built before it is trained; see `casestudy.models.build`."""

    filters: int | None = Field(
        None, ge=4, le=1024, description="Width of the network; 0: the published one."
    )
    bfloat16: bool = Field(
        False, description="Compute in bfloat16; weights and the output stay float32."
    )


class Parameters(NetworkSettings, TrainingSettings, DataSettings):
    """Every setting that `casestudy train` takes or a notebook may declare."""

    weights: Literal["train", "run"] = "train"
    networks: Literal["released", "trained", "all"] = "released"
    beside: str = ""
    network: Annotated[str, AfterValidator(_released_network)] = "ridnet"

    @model_validator(mode="after")
    def _levels_are_known(self) -> "Parameters":
        if LOSSES[self.loss].map_weight and self.protocol == "article":
            raise ValueError(
                f"loss={self.loss} needs the noise level, which protocol=article changes by "
                "resizing; use loss=mse"
            )
        return self
