"""Parameters of notebooks and trainings: names, types, ranges; checked before any work starts."""

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    model_validator,
)

from casestudy import CaseStudyError


def _known_dataset(name: str) -> str:
    # Imported here for a fast start-up.
    from casestudy.data.catalogue import DATASETS

    if name not in DATASETS and not name.startswith("folder:"):
        raise ValueError(f"known are {', '.join(DATASETS)} and folder:PATH")
    return name


def _known_size(side: int) -> int:
    # Each divides the article's 1024 pixels, and can be halved as often as a network needs.
    if side not in (32, 64, 128, 256, 512):
        raise ValueError("known are 32, 64, 128, 256 and 512 pixels")
    return side


def _enough_to_split(pairs: int) -> int:
    if pairs in (1, 2):
        raise ValueError("0 for all, or at least 3: to train, to validate and to test")
    return pairs


class Parameters(BaseModel):
    """Every parameter that a notebook may declare or a training take."""

    model_config = ConfigDict(extra="forbid")

    dataset: Annotated[str, AfterValidator(_known_dataset)] = "sample"
    run_folder: str = ""
    seed: int = Field(0, ge=0, lt=2**32)
    split_by: Literal["", "scene", "image"] = ""
    protocol: Literal["native", "article"] = "native"
    patch_size: Annotated[int, AfterValidator(_known_size)] = 256
    max_pairs: Annotated[int, Field(ge=0), AfterValidator(_enough_to_split)] = 0
    max_train_patches: int = Field(0, ge=0)
    max_validation_patches: int = Field(0, ge=0)
    max_test_patches: int = Field(0, ge=0)
    filters: int = Field(64, ge=4, le=1024)
    weights: Literal["train", "run"] = "train"
    networks: Literal["released", "trained", "all"] = "released"
    beside: str = ""
    network: Literal["autoencoder", "cbdnet", "pridnet-half", "ridnet"] = "ridnet"
    epochs: int = Field(15, ge=1, le=10_000)
    batch_size: int = Field(32, ge=1, le=1024)
    crop_size: int = Field(0, ge=0, multiple_of=16)
    loss: Literal["mse", "mae", "cbdnet", "cbdnet-mae"] = "mse"
    optimizer: Literal["adam", "muon"] = "adam"
    learning_rate: float = Field(1e-3, gt=0, allow_inf_nan=False)
    schedule: Literal["cosine", "constant"] = "cosine"
    warmup_steps: int = Field(0, ge=0)
    clip_norm: float = Field(0.0, ge=0, allow_inf_nan=False)
    simulated_share: float = Field(0.0, ge=0, le=1)
    recompressed_share: float = Field(0.0, ge=0, le=1)
    exposure_matched: bool = False
    max_minutes: float = Field(0.0, ge=0, allow_inf_nan=False)
    checkpoint_steps: int = Field(200, ge=1)

    @model_validator(mode="after")
    def _levels_are_known(self) -> "Parameters":
        if self.loss.startswith("cbdnet") and self.protocol == "article":
            raise ValueError(
                f"loss={self.loss} needs the noise's level, which protocol=article changes by "
                "resizing; use loss=mse"
            )
        return self


def check_parameters(values: Mapping[str, object]) -> dict[str, object]:
    """Return the values in their declared types, or say what is wrong with them.

    Parameters
    ----------
    values : mapping
        Some of the parameters by name. Text is converted where a number is meant, as it comes
        from a command line.

    Returns
    -------
    dict
        The same names with checked values.

    Raises
    ------
    CaseStudyError
        For an unknown name, a wrong type or a value out of range; all of them in one message.
    """
    unknown = sorted(set(values) - set(Parameters.model_fields))
    if unknown:
        known = ", ".join(Parameters.model_fields)
        raise CaseStudyError(f"Unknown parameter {', '.join(unknown)}. Known: {known}.")
    try:
        checked = Parameters.model_validate(dict(values))
    except ValidationError as error:
        complaints = [
            "".join(f"{name}={problem['input']!r}: " for name in problem["loc"][:1])
            + problem["msg"].removeprefix("Value error, ")
            for problem in error.errors()
        ]
        raise CaseStudyError("Wrong parameter. " + "; ".join(complaints)) from None
    return {name: getattr(checked, name) for name in values}
