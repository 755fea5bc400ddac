"""Finished trainings: their weights, and what their manifests say."""

import json
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from casestudy import CaseStudyError
from casestudy.data.catalogue import DATASETS
from casestudy.files import provenance
from casestudy.models.weights import load_weights

if TYPE_CHECKING:  # Keras takes seconds to import
    import keras

ARTICLE_MEGAPIXELS = 6_912 * 256**2 / 1e6  # one epoch


def load_training(model: "keras.Model", folder: Path) -> pd.DataFrame:
    """Load the best weights of a finished training into a network.

    Parameters
    ----------
    model : keras.Model
    folder : Path
        The folder that `train` wrote to.

    Returns
    -------
    DataFrame
        The history, as from `train`.

    Raises
    ------
    CaseStudyError
        If there is no finished training of this network; if its weights were changed or do not
        fit.
    """
    manifest = read_manifest(model, folder)
    weights = folder / f"{model.name}.safetensors"
    if not weights.exists() or provenance.hash_file(weights) != manifest["weights sha256"]:
        raise CaseStudyError(
            f"{weights} is not the file that this training wrote. Delete {model.name}.* there to "
            "train again."
        )
    load_weights(model, weights)
    print(f"{model.name}: trained {manifest['finished']}, commit {manifest['commit']}")
    return pd.read_csv(folder / f"{model.name}.history.csv")


def read_manifest(model: "keras.Model", folder: Path) -> dict[str, object]:
    """Return the manifest that `train` wrote; see `load_training` for parameters and errors."""
    file = folder / f"{model.name}.json"
    if not file.exists():
        raise CaseStudyError(
            f"{folder} holds no finished training of {model.name}. Train it there first."
        )
    manifest = json.loads(file.read_text())
    # Older trainings did not have this setting.
    manifest["identity"] = {"exposure_matched": False} | manifest["identity"]
    return manifest


def refuse_seen(manifest: dict[str, object], tested: pd.DataFrame, dataset: str) -> None:
    """Raise CaseStudyError if a network has seen tested images; for parameters see `seen`."""
    known = tested[seen(manifest, tested, dataset)]
    if len(known):
        raise CaseStudyError(
            f"{manifest['identity']['network']} was trained on {known['image'].nunique()} of the "
            f"images that are tested here, or on their scenes: such as {known['image'].iloc[0]}. "
            "Use the same split_seed, split_by and max_pairs as in its training."
        )


def seen(manifest: dict[str, object], tested: pd.DataFrame, dataset: str) -> pd.Series:
    """Return which images a network was trained on, or its best epoch was chosen on.

    Earlier trainings that it started from count, too. Images are compared if the dataset is the
    same, and scenes if it is another of one family, as PolyU's crops are cut from its frames.

    Parameters
    ----------
    manifest : dict
        From `casestudy.training.train.train`.
    tested : DataFrame
        With columns image and scene.
    dataset : str
        Name of the dataset that the tested images come from.

    Returns
    -------
    Series of bool
        For each row of `tested`.
    """
    known = pd.Series(False, tested.index)
    for data in _trained_on(manifest):
        if _is_among(dataset, data["dataset"]):
            known |= tested["image"].isin(data["images"])
        elif dataset in DATASETS and _families(dataset) & _families(data["dataset"]):
            known |= tested["scene"].isin(data["scenes"])
    return known


def seen_scenes(manifest: dict[str, object], dataset: str) -> set[str]:
    """Return the scenes of a dataset that a network was trained on; see `seen`."""
    used = [data for data in _trained_on(manifest) if _is_among(dataset, data["dataset"])]
    return {scene for data in used for scene in data["scenes"]}


def _trained_on(manifest: dict[str, object]) -> list[dict[str, object]]:
    return [data for stage in stages(manifest) for data in stage["data"].values()]


def _is_among(dataset: str, datasets: str) -> bool:
    return dataset in [datasets, *datasets.split(", ")]


def _families(datasets: str) -> set[str]:
    """Return the families of datasets, whose names are joined with commas."""
    known = [DATASETS[name] for name in datasets.split(", ") if name in DATASETS]
    return {family for dataset in known for family in dataset.families}


def stages(manifest: dict[str, object]) -> list[dict[str, object]]:
    """Return the manifests of a training and of those that it started from, the last first."""
    parts = [manifest]
    while parts[-1].get("start"):
        parts.append(parts[-1]["start"])
    return parts


def minutes(manifest: dict[str, object]) -> float:
    """Return how many minutes a training took, with those that it started from."""
    return sum(part["seconds"] for part in stages(manifest)) / 60


def effort(manifest: dict[str, object], article_epochs: int) -> str:
    """Describe how long a training was, compared with the article's 6,912 patches of 256x256.

    The trainings that it started from are included.

    Parameters
    ----------
    manifest : dict
        From `read_manifest`, or of a released network.
    article_epochs : int
    """
    parts = stages(manifest)
    epochs = sum(part["last"]["epoch"] for part in parts)
    megapixels = sum(part["megapixels"] for part in parts)
    article = article_epochs * ARTICLE_MEGAPIXELS
    return (
        (f"{len(parts)} trainings, one after the other: " if len(parts) > 1 else "")
        + f"{epochs:.0f} epoch{'s' if epochs > 1 else ''}, {megapixels:,.1f} megapixels in "
        f"{minutes(manifest):.1f} minutes. "
        f"The article's {article_epochs} epochs are {article:,.0f} megapixels, "
        f"{article / megapixels:,.1f} times as much."
    )
