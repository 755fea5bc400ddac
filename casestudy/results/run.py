"""What a run stores for each method: scores and denoised examples."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from casestudy import models
from casestudy.data.experiment import Experiment
from casestudy.data.patches import Patches
from casestudy.denoising.methods import NLM_STRENGTH
from casestudy.denoising.nlm import nlm_skimage
from casestudy.denoising.tiles import Denoiser, network_denoiser
from casestudy.files.writing import written_whole
from casestudy.models import released
from casestudy.results.comparison import file_name, load_scores
from casestudy.results.metrics import denoise_patches, noisy_psnr_db, score
from casestudy.results.shipped import FILTER
from casestudy.training.manifest import seen, seen_scenes

if TYPE_CHECKING:  # Keras takes seconds to import
    import keras

TRAINED_HERE = ", trained here"  # added to the title of a network that a run trained itself
EXAMPLES = (0.1, 0.5, 0.9)  # quantiles of the noisy PSNR at which patches are shown


def example_positions(patches: Patches) -> np.ndarray:
    """Return the positions of the patches that every notebook shows.

    By the PSNR of the noisy patch: one with strong, one with typical and one with weak noise.
    """
    ranked = np.argsort(noisy_psnr_db(patches), kind="stable")
    return ranked[np.quantile(np.arange(len(ranked)), EXAMPLES, method="nearest").astype(int)]


def save_result(
    experiment: Experiment,
    scores: pd.DataFrame,
    denoiser: Denoiser,
    parameters: int = 0,
    file: Path | None = None,
) -> None:
    """Write a method's scores, which makes it part of the comparison.

    Parameters
    ----------
    experiment : Experiment
    scores : DataFrame
        From `casestudy.results.metrics.score`, on the experiment's test patches.
    denoiser : Denoiser
        What was scored; its results on the example patches are saved, too.
    parameters : int
        Number of weights of the network; 0 for other methods.
    file : Path or None
        The file whose size the comparison shows.
    """
    method = scores["method"].iloc[0]
    size_mb = file.stat().st_size / 1e6 if file else 0.0
    name = file_name(method)
    with written_whole(experiment.folder / "scores" / f"{name}.npy") as temporary:
        np.save(
            temporary,
            denoise_patches(denoiser, experiment.test, example_positions(experiment.test)),
        )
    with written_whole(experiment.folder / "scores" / f"{name}.csv") as temporary:
        scores.assign(parameters=parameters, size_mb=size_mb).to_csv(temporary, index=False)


def delete_result(experiment: Experiment, method: str) -> None:
    """Delete a method's scores of an earlier run, if there are any."""
    for suffix in (".npy", ".csv"):
        (experiment.folder / "scores" / f"{file_name(method)}{suffix}").unlink(missing_ok=True)


@dataclass(frozen=True)
class Method:
    """A method to be tested."""

    title: str  # its name in the comparison
    denoiser: Denoiser
    model: "keras.Model | None" = None  # if it is a network
    file: Path | None = None  # the weights of the network


def score_methods(experiment: Experiment, methods: Sequence[Method]) -> list[pd.DataFrame]:
    """Score methods on an experiment's test patches, and save their results.

    Returns
    -------
    list of DataFrame
        See `casestudy.results.metrics.score`: first that of the noisy patches themselves, which
        is not saved, then one of each method.
    """
    tables = [score("noisy", lambda batch: batch, experiment.test)]
    for method in methods:
        tables.append(score(method.title, method.denoiser, experiment.test))
        parameters = method.model.count_params() if method.model else 0
        save_result(experiment, tables[-1], method.denoiser, parameters, method.file)
    return tables


def networks_to_test(
    title: str, model: "keras.Model", experiment: Experiment, released_name: str
) -> list[Method]:
    """Return the network that a notebook trained and the released one, in this order.

    Parameters
    ----------
    title : str
        What the comparison calls the network.
    model : keras.Model
        Trained in the experiment's run folder.
    experiment : Experiment
    released_name : str
        See `released_to_test`.

    Raises
    ------
    CaseStudyError
        As `casestudy.models.load`.
    """
    file = experiment.models / f"{model.name}.safetensors"
    here = Method(title + TRAINED_HERE, network_denoiser(model), model, file)
    return [here, *released_to_test(experiment, released_name)]


def released_to_test(experiment: Experiment, name: str) -> list[Method]:
    """Return a released network, or nothing and print a line if it has seen what is tested.

    As when PolyU is split by image.

    Parameters
    ----------
    experiment : Experiment
    name : str
        A name in `casestudy.models.released.titles()`.

    Raises
    ------
    CaseStudyError
        As `casestudy.models.load`.
    """
    title, table = released.titles()[name], experiment.test.table
    known = seen(released.manifest(name), table, table["dataset"].iloc[0])
    if known.any():
        images = table.loc[known, "image"]
        print(
            f"The released network is left out: {images.nunique()} of the images that are tested "
            f"here, such as {images.iloc[0]}, or their scenes, were in its training."
        )
        delete_result(experiment, title)
        return []
    model, file = models.load(name), released.released_file(name, ".safetensors")
    return [Method(title, network_denoiser(model), model, file)]


def methods_for_photographs() -> list[Method]:
    """Return Non-Local Means as `casestudy denoise` uses it, and every released network."""
    networks = {title: models.load(name) for name, title in released.titles().items()}
    return [
        Method(FILTER, partial(nlm_skimage, strength=NLM_STRENGTH)),
        *(Method(title, network_denoiser(model), model) for title, model in networks.items()),
    ]


def describe_runs(runs: Mapping[str, Path], networks: str) -> pd.DataFrame:
    """Return what each run was tested on.

    Parameters
    ----------
    runs : mapping of str to Path
        From `casestudy.results.comparison.runs_beside`.
    networks : {"released", "trained", "all"}
        As for `casestudy.results.comparison.load_scores`.

    Returns
    -------
    DataFrame
        One row per run: patches, images and scenes tested, noisy_psnr_db (mean), and seen, the
        share of test patches whose scene is among those that these networks were trained on.
    """
    rows = {}
    for run, folder in runs.items():
        noisy = load_scores(folder, networks).query("method == 'noisy'")
        dataset = noisy["dataset"].iloc[0]
        files = (folder / "models").glob("*.json") if networks != "released" else ()
        manifests = [json.loads(file.read_text()) for file in files]
        if networks != "trained":
            manifests += [released.manifest(name) for name in released.titles()]
        known = np.zeros(len(noisy), bool)
        for manifest in manifests:
            scenes = seen_scenes(manifest, dataset)
            known |= seen(manifest, noisy, dataset) | noisy["scene"].isin(scenes)
        rows[run] = {
            "patches": len(noisy),
            "images": noisy["image"].nunique(),
            "scenes": noisy["scene"].nunique(),
            "noisy_psnr_db": noisy["psnr_db"].mean(),
            "seen": known.mean(),
        }
    return pd.DataFrame(rows).T
