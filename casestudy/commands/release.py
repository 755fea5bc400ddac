"""Make a trained network part of the package: half-size weights, scores and a model card."""

import json
import shutil
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path

import keras
import numpy as np
import pandas as pd

from casestudy import CaseStudyError, models
from casestudy.commands.cards import render
from casestudy.data.sets import polyu
from casestudy.denoising.convert import convert, usual_calibration
from casestudy.denoising.tiles import network_denoiser
from casestudy.files import provenance
from casestudy.files.writing import written_whole
from casestudy.models import released
from casestudy.models.weights import load_weights, save_weights
from casestudy.results import all_sets, shipped
from casestudy.results.metrics import score
from casestudy.results.whole_images import mean_scores
from casestudy.training import recipes
from casestudy.training.manifest import load_training, read_manifest, stages
from casestudy.training.settings import RECIPE, TrainingSettings, recipe

LARGEST_LOSS = 0.005  # dB that 16 bits may cost
_NOISES = {
    "own": " with their own noise",
    "camera": ", taken again by random simulated cameras in less light and stronger colours",
    "mixture": " under the mixture of `casestudy/data/noise.py`",
    "none": " without noise",
}


def release(network: str, folder: Path) -> None:
    """Write the released files of a network from a finished training: all of them, or none.

    Parameters
    ----------
    network : str
        A name in `casestudy.models.released.titles()`.
    folder : Path
        That of `casestudy.training.train.train`.

    Raises
    ------
    CaseStudyError
        If there is no such network or training; if it was not trained on the recipe's data; if
        16 bits cost more than `LARGEST_LOSS` on the recipe's validation patches.
    """
    released.record(network)
    model = models.build(network)
    load_training(model, folder)
    manifest = read_manifest(model, folder)
    if "mixed noise" not in manifest["data"]:
        raise CaseStudyError(f"{folder}: {network} was not trained by a recipe. Use --recipe.")
    with tempfile.TemporaryDirectory() as scratch:
        made = Path(scratch)
        weights = made / f"{network}.safetensors"
        manifest["dB lost by 16 bits"] = _halve(model, weights)
        manifest["weights sha256"] = provenance.hash_file(weights)
        scores = all_sets.evaluate_all(model, manifest)
        (made / f"{network}.json").write_text(json.dumps(manifest, indent=2) + "\n")
        (made / f"{network}.md").write_text(card(network, manifest, scores))
        shipped.write_scores(scores, made / f"{network}.scores.csv")
        shutil.copy(folder / f"{network}.history.csv", made)
        if network in released.IN_8_BITS:
            (made / f"{network}{released.INT8}").write_bytes(
                convert(model, "int8", usual_calibration())
            )
        for path in made.iterdir():
            with written_whole(released.FOLDER / path.name) as temporary:
                shutil.copy(path, temporary)
        _write_checksums(path.name for path in made.iterdir())


def card(network: str, manifest: dict[str, object], scores: pd.DataFrame) -> str:
    """Return a model card, in the layout that Hugging Face asks for, as Markdown.

    `scores` are those of `casestudy.results.all_sets.evaluate_all`.
    """
    return render(
        "card.md.j2",
        network=network,
        title=released.titles()[network],
        manifest=manifest,
        settings=manifest["identity"],
        stages=stages(manifest),
        sources=_sources(manifest),
        noises=_NOISES,
        missing=recipes.missing(data["dataset"] for data in manifest["data"].values()),
        datasets=shipped.TITLES,
        means=all_sets.summary(scores).set_index("dataset").to_dict("index"),
        left_out=all_sets.left_out(scores),
        cameras=mean_scores(scores[scores["dataset"] == "polyu"], ["camera"]),
        validation_scenes=sorted(polyu.VALIDATION_SCENES),
        test_scenes=sorted(polyu.TEST_SCENES),
        command=_command(network, manifest),
        date=time.strftime("%Y-%m-%d"),
        machine=provenance.machine(),
    )


def _sources(manifest: dict[str, object]) -> dict[str, dict[str, object]]:
    """Return share, noise, dataset and number of images of each source of the training."""
    identity, found = manifest["identity"], {}
    for name, data in manifest["data"].items():
        if settings := identity.get(f"{name} source"):
            share, noise, _ = settings
            contents = {"dataset": data["dataset"], "images": len(data["images"])}
            found[name] = {"share": share, "noise": noise} | contents
    return found


def _halve(model: keras.Model, path: Path) -> float:
    """Write and load 16-bit weights; return the PSNR in dB that they cost."""
    validation = recipes.training_data().validation

    def mean_psnr_db() -> float:
        return score(model.name, network_denoiser(model), validation)["psnr_db"].mean()

    before = mean_psnr_db()
    save_weights(model, path, np.float16)
    load_weights(model, path)
    lost = before - mean_psnr_db()
    if lost > LARGEST_LOSS:
        raise CaseStudyError(f"16-bit weights cost {model.name} {lost:.4f} dB. Keep 32 bits.")
    return lost


def _write_checksums(names: Iterable[str]) -> None:
    """Replace the checksums of files; the lines of others stay."""
    path = released.FOLDER / released.SUMS
    sums = released.read_checksums() if path.exists() else {}
    sums |= {name: provenance.hash_file(released.FOLDER / name) for name in names}
    with written_whole(path) as temporary:
        temporary.write_text("".join(f"{sums[name]}  {name}\n" for name in sorted(sums)))


def _command(network: str, manifest: dict[str, object]) -> str:
    """Return the command that trains like this, with every setting that is not the recipe's."""
    identity = manifest["identity"]
    usual = TrainingSettings().model_dump(include=set(identity))
    usual |= recipe(RECIPE, network)
    actual = identity | {"bfloat16": identity["precision"] == "mixed_bfloat16"}
    words = [f"casestudy train {network} --recipe {RECIPE}"]
    if manifest["start"]:
        words.append("--start released")
    for name, value in usual.items():
        option = name.replace("_", "-")
        if actual[name] == value:
            continue
        if isinstance(value, bool):
            words.append(f"--{option}" if actual[name] else f"--no-{option}")
        else:
            words.append(f"--{option} {str(actual[name]).removesuffix('.0')}")
    return " ".join(words)
