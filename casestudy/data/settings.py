"""Settings of the data, and the check that all settings pass before any work starts."""

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from casestudy import CaseStudyError
from casestudy.files.folders import own_folder


def _known_dataset(name: str) -> str:
    # Imported here for a fast start-up: help does not need the catalogue.
    from casestudy.data.catalogue import DATASETS

    if name not in DATASETS and not own_folder(name):
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


class Settings(BaseModel):
    """What data and training have in common."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    seed: int = Field(
        0,
        ge=0,
        lt=2**32,
        description="Decides the first weights, and order, crops, flips and noise.",
    )


class DataSettings(Settings):
    """Which pairs are used, and how they are cut and split.

    The descriptions are also the help of the `casestudy train` command.
    """

    dataset: Annotated[str, AfterValidator(_known_dataset)] = Field(
        "sample", description="A name from `casestudy data list`, or folder:PATH."
    )
    run_folder: str = Field("", description="Folder for results.  [default: reports/DATASET]")
    split_seed: int = Field(
        0, ge=0, lt=2**32, description="Decides the split, unless the dataset has one."
    )
    split_by: Literal["", "scene", "image"] = Field(
        "", description="What is drawn to test on.  [default: image if --protocol article]"
    )
    protocol: Literal["native", "article"] = Field(
        "native",
        description="native cuts photographs as they are; article resizes them to 1024x1024 first "
        "and splits by image.",
    )
    patch_size: Annotated[int, AfterValidator(_known_size)] = Field(
        256, description="Side of a patch in pixels: 32, 64, 128, 256 or 512."
    )
    max_pairs: Annotated[int, AfterValidator(_enough_to_split)] = Field(
        0, ge=0, description="Use at most this number of pairs; 0: all."
    )
    max_train_patches: int = Field(
        0, ge=0, description="Train on at most this number of patches; 0: all."
    )
    max_validation_patches: int = Field(
        0, ge=0, description="Validate on at most this number of patches; 0: all."
    )
    max_test_patches: int = Field(
        0, ge=0, description="Score at most this number of patches; 0: all."
    )


def check_parameters(
    values: Mapping[str, object], model: type[BaseModel] = DataSettings
) -> dict[str, object]:
    """Return the values in their declared types, or say what is wrong with them.

    Parameters
    ----------
    values : mapping
        Some of the model's fields by name. Text is converted where a number is meant, as it comes
        from a command line.
    model : type of BaseModel

    Returns
    -------
    dict
        The same names with checked values.

    Raises
    ------
    CaseStudyError
        For an unknown name, a wrong type or a value out of range; all of them in one message.
    """
    unknown = sorted(set(values) - set(model.model_fields))
    if unknown:
        known = ", ".join(model.model_fields)
        raise CaseStudyError(f"Unknown parameter {', '.join(unknown)}. Known: {known}.")
    try:
        checked = model.model_validate(dict(values))
    except ValidationError as error:
        complaints = [
            "".join(f"{name}={problem['input']!r}: " for name in problem["loc"][:1])
            + problem["msg"].removeprefix("Value error, ")
            for problem in error.errors()
        ]
        raise CaseStudyError("Wrong parameter. " + "; ".join(complaints)) from None
    return {name: getattr(checked, name) for name in values}
