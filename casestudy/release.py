"""Make a trained network part of the package: half-size weights, scores and a model card."""

import json
import time
from pathlib import Path

import jinja2
import keras
import numpy as np
import pandas as pd

from casestudy import models, provenance, recipes, released
from casestudy.datasets import polyu
from casestudy.errors import CaseStudyError
from casestudy.evaluation import evaluate_network, summarize
from casestudy.inference import network_denoiser
from casestudy.metrics import psnr
from casestudy.models.weights import load_weights, save_weights
from casestudy.patches import Patches
from casestudy.paths import written_whole
from casestudy.trained import load_training, read_manifest

DATASETS = {
    "polyu": "PolyU crops of held-out scenes, real noise",
    "sample": "test scenes of `sample`, simulated noise",
    "bsds500": "BSDS500 test photographs, simulated noise of random cameras",
    "bsds500-clean": "BSDS500 test photographs without noise",
}
RECIPE = "released"
LARGEST_LOSS = 0.005  # dB that 16 bits may cost

TITLES = {
    "autoencoder": "Autoencoder",
    "cbdnet": "CBDNet",
    "pridnet-half": "PRIDNet, half width",
    "ridnet": "RIDNet",
}


def release(network: str, folder: Path) -> None:
    """Write the released files of a network from a finished training.

    Parameters
    ----------
    network : str
        A name in `casestudy.released.NETWORKS`.
    folder : Path
        That of `casestudy.training.train`.

    Raises
    ------
    CaseStudyError
        If there is no such training; if 16 bits cost more than `LARGEST_LOSS` on the recipe's
        validation patches; if it was trained on what it is scored on.
    """
    model = models.build(network)
    load_training(model, folder)
    manifest = read_manifest(model, folder)
    weights = released.FOLDER / f"{network}.safetensors"
    manifest["dB lost by 16 bits"] = _halve(model, weights)
    manifest["weights sha256"] = provenance.hash_file(weights)
    scores = {dataset: evaluate_network(model, manifest, dataset) for dataset in DATASETS}
    history = pd.read_csv(folder / f"{network}.history.csv")
    for suffix, text in (
        (".json", json.dumps(manifest, indent=2) + "\n"),
        (".history.csv", history.to_csv(index=False)),
        (".md", card(network, manifest, scores)),
    ):
        with written_whole(released.FOLDER / f"{network}{suffix}") as temporary:
            temporary.write_text(text)
    _write_checksums()


def card(network: str, manifest: dict[str, object], scores: dict[str, pd.DataFrame]) -> str:
    """Return a model card, in the layout that Hugging Face asks for, as Markdown.

    Parameters
    ----------
    network : str
    manifest : dict
    scores : dict of DataFrame
        From `casestudy.evaluation.evaluate`, by dataset.
    """
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("casestudy", "models"),
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        undefined=jinja2.StrictUndefined,
    )
    return environment.get_template("card.md.j2").render(
        network=network,
        title=TITLES[network],
        manifest=manifest,
        settings=manifest["identity"],
        datasets=DATASETS,
        means={name: summarize(table).iloc[0] for name, table in scores.items()},
        cameras=summarize(scores["polyu"], ["camera"]),
        validation_scenes=sorted(polyu.VALIDATION_SCENES),
        test_scenes=sorted(polyu.TEST_SCENES),
        recipe=RECIPE,
        date=time.strftime("%Y-%m-%d"),
        machine=provenance.machine(),
    )


def _halve(model: keras.Model, path: Path) -> float:
    """Write and load 16-bit weights; return the PSNR in dB that they cost."""
    validation = recipes.training_data().validation
    before = _mean_psnr(model, validation)
    save_weights(model, path, np.float16)
    load_weights(model, path)
    lost = before - _mean_psnr(model, validation)
    if lost > LARGEST_LOSS:
        raise CaseStudyError(f"16-bit weights cost {model.name} {lost:.4f} dB. Keep 32 bits.")
    return lost


def _mean_psnr(model: keras.Model, patches: Patches) -> float:
    denoiser = network_denoiser(model)
    results = [
        psnr(patches.clean([i])[0], np.clip(denoiser(patches.noisy([i]))[0], 0, 1))
        for i in range(len(patches))
    ]
    return float(np.mean(results))


def _write_checksums() -> None:
    files = sorted(
        path
        for path in released.FOLDER.iterdir()
        if path.is_file() and path.name != released.SUMS and not path.name.startswith(".")
    )
    with written_whole(released.FOLDER / released.SUMS) as temporary:
        temporary.write_text(
            "".join(f"{provenance.hash_file(path)}  {path.name}\n" for path in files)
        )
