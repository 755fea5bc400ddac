"""What a run keeps of each method: scores, examples, and the networks it trained."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import keras
import numpy as np
import pandas as pd

from casestudy import models
from casestudy.data.experiment import Experiment
from casestudy.denoising.tiles import Denoiser
from casestudy.files.writing import written_whole
from casestudy.models import released
from casestudy.results.comparison import TRAINED_HERE, file_name, load_scores
from casestudy.results.metrics import denoise_patches, psnr
from casestudy.training.manifest import seen, seen_scenes

EXAMPLES = (0.1, 0.5, 0.9)  # quantiles of the noisy PSNR at which patches are shown


def example_positions(experiment: Experiment) -> np.ndarray:
    """Return the positions of the test patches that every notebook shows.

    Picked by rule: a strongly, a typically and a weakly disturbed patch, by noisy PSNR.
    """
    everyone = np.arange(len(experiment.test))
    quality = [
        psnr(experiment.test.clean([i])[0], experiment.test.noisy([i])[0]) for i in everyone
    ]
    quantiles = np.quantile(everyone, EXAMPLES, method="nearest").astype(int)
    return np.argsort(quality, kind="stable")[quantiles]


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
        What was scored; its results are kept of the patches that are shown as examples.
    parameters : int
        Weights of the network; 0 for methods that have none.
    file : Path or None
        The file whose size the comparison states.
    """
    method = scores["method"].iloc[0]
    size_mb = file.stat().st_size / 1e6 if file else 0.0
    name = file_name(method)
    with written_whole(experiment.folder / "scores" / f"{name}.npy") as temporary:
        np.save(
            temporary, denoise_patches(denoiser, experiment.test, example_positions(experiment))
        )
    with written_whole(experiment.folder / "scores" / f"{name}.csv") as temporary:
        scores.assign(parameters=parameters, size_mb=size_mb).to_csv(temporary, index=False)


def delete_result(experiment: Experiment, method: str) -> None:
    """Delete a method's scores of an earlier run, if there are any."""
    for suffix in (".npy", ".csv"):
        (experiment.folder / "scores" / f"{file_name(method)}{suffix}").unlink(missing_ok=True)


@dataclass(frozen=True)
class TrainedNetwork:
    """A network to be tested.

    Parameters
    ----------
    title : str
        Its name in the comparison.
    model : keras.Model
    file : Path
        Its weights.
    """

    title: str
    model: keras.Model
    file: Path


def networks_to_test(
    title: str, model: keras.Model, experiment: Experiment, released_name: str
) -> list[TrainedNetwork]:
    """Return the network that a notebook trained and the released one, in this order.

    Where the released one has seen what the experiment tests on, as happens when PolyU is split
    by image, it is left out, which is printed.

    Parameters
    ----------
    title : str
        What the comparison calls the network.
    model : keras.Model
        Trained in the experiment's run folder.
    experiment : Experiment
    released_name : str
        A name in `casestudy.models.released.titles()`.

    Raises
    ------
    CaseStudyError
        As `casestudy.models.load`.
    """
    here = TrainedNetwork(
        title + TRAINED_HERE, model, experiment.models / f"{model.name}.safetensors"
    )
    title = released.titles()[released_name]
    table = experiment.test.table
    known = seen(released.read_manifest(released_name), table, table["dataset"].iloc[0])
    if known.any():
        images = table.loc[known, "image"]
        print(
            f"The released network is left out: {images.nunique()} of the images that are tested "
            f"here, such as {images.iloc[0]}, or their scenes, were in its training."
        )
        delete_result(experiment, title)
        return [here]
    file = released.released_file(released_name, ".safetensors")
    return [here, TrainedNetwork(title, models.load(released_name), file)]


def describe_runs(runs: Mapping[str, Path], networks: str) -> pd.DataFrame:
    """Tell what each run was tested on.

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
            manifests += [released.read_manifest(name) for name in released.titles()]
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
