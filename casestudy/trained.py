"""Networks that were trained before: their weights, and what is known of their training."""

import json
from pathlib import Path

import keras
import pandas as pd

from casestudy import provenance
from casestudy.errors import CaseStudyError
from casestudy.experiment import Experiment
from casestudy.models.weights import load_weights

ARTICLE_MEGAPIXELS = 6_912 * 256**2 / 1e6  # one epoch


def load_training(model: keras.Model, folder: Path) -> pd.DataFrame:
    """Load the best weights of a finished training into a network.

    Parameters
    ----------
    model : keras.Model
    folder : Path
        That of `train`.

    Returns
    -------
    DataFrame
        The history, as from `train`.

    Raises
    ------
    CaseStudyError
        If there is no finished training of this network, or its weights were changed since or
        do not fit.
    """
    manifest = read_manifest(model, folder)
    weights = folder / f"{model.name}.safetensors"
    if not weights.exists() or provenance.hash_file(weights) != manifest["weights sha256"]:
        raise CaseStudyError(
            f"{weights} is not what this training wrote. Delete {model.name}.* there to train "
            "anew."
        )
    load_weights(model, weights)
    print(f"{model.name}: trained {manifest['finished']}, commit {manifest['commit']}")
    return pd.read_csv(folder / f"{model.name}.history.csv")


def read_manifest(model: keras.Model, folder: Path) -> dict[str, object]:
    """Return what `train` wrote down of a finished training; see there and `load_training`."""
    file = folder / f"{model.name}.json"
    if not file.exists():
        raise CaseStudyError(
            f"{folder} holds no finished training of {model.name}. Train it there first."
        )
    return json.loads(file.read_text())


def refuse_tested_images(model: keras.Model, experiment: Experiment) -> None:
    """Raise CaseStudyError if a trained network has seen images that an experiment tests on."""
    manifest = read_manifest(model, experiment.models)
    tested = set(experiment.test.table["image"])
    seen = tested & {image for part in manifest["data"].values() for image in part["images"]}
    if seen:
        raise CaseStudyError(
            f"{model.name} in {experiment.models} was trained on "
            f"{len(seen)} of the {len(tested)} images that are tested here, such as {min(seen)}. "
            "Use the same seed, split_by and max_pairs as in its training."
        )


def effort(model: keras.Model, folder: Path, article_epochs: int) -> str:
    """Say how long a finished training was, beside the article's 6,912 patches of 256x256."""
    manifest = read_manifest(model, folder)
    article = article_epochs * ARTICLE_MEGAPIXELS
    return (
        f"{manifest['identity']['epochs']} epochs, {manifest['megapixels']:.3g} megapixels in "
        f"{manifest['seconds'] / 60:.1f} minutes. The article's {article_epochs} epochs are "
        f"{article:,.0f} megapixels, {article / manifest['megapixels']:,.1f} times as much."
    )
