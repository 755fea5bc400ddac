"""Add a finished training to the package: half-size weights, scores and a model card."""

import json
import shutil
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import keras
import numpy as np
import pandas as pd

from casestudy import CaseStudyError, models
from casestudy.commands.cards import render
from casestudy.data.sets import polyu
from casestudy.denoising.convert import calibration_images, convert
from casestudy.denoising.tiles import network_denoiser
from casestudy.files import provenance
from casestudy.files.writing import written_whole
from casestudy.models import NETWORKS, released
from casestudy.models.weights import load_weights, save_weights
from casestudy.results import all_sets, equal_cost, shipped
from casestudy.results.metrics import score
from casestudy.results.whole_images import mean_scores
from casestudy.training import recipes
from casestudy.training.manifest import load_training, read_manifest, stages
from casestudy.training.settings import EQUAL_COST, RECIPE, TrainingSettings, recipe

LARGEST_LOSS = 0.005  # dB that 16 bits may cost
_NOISES = {
    "own": " with their own noise",
    "camera": ", taken again by random simulated cameras in less light and stronger colours",
    "mixture": " under the mixture of `casestudy/data/noise.py`",
    "none": " without noise",
}


def release(network: str, folder: Path, by: str = RECIPE) -> Path:
    """Write the files of a finished training into the package: all of them, or none.

    Those of the recipe `equal-cost` are records without weights, one for each seed.

    Parameters
    ----------
    network : str
        A name in `casestudy.models.released.titles()`, or one that the other recipe has.
    folder : Path
        That of `casestudy.training.train.train`.
    by : str
        The recipe, one of `casestudy.training.settings.RECIPES`.

    Returns
    -------
    Path
        The model card.

    Raises
    ------
    CaseStudyError
        If there is no such training; if it was trained with another recipe, or none; if
        16 bits cost more than `LARGEST_LOSS` on the recipe's validation patches.
    """
    model = models.build(network)
    load_training(model, folder)
    manifest = read_manifest(model, folder)
    if (used := _recipe_of(network, manifest)) != by:
        found = f"the recipe {used}" if used else "no recipe"
        raise CaseStudyError(
            f"{folder}: {network} was trained with {found}. Train it with "
            f"`casestudy train {network} --recipe {by}`."
        )
    with tempfile.TemporaryDirectory() as scratch:
        made = Path(scratch)
        if by == RECIPE:
            place, stem, tested = released.FOLDER, network, ()
            weights = made / f"{network}.safetensors"
            manifest["dB lost by 16 bits"] = _halve(model, weights)
            manifest["weights sha256"] = provenance.hash_file(weights)
            if network in released.IN_8_BITS:
                content = convert(model, "int8", calibration_images())
                (made / f"{network}{released.INT8}").write_bytes(content)
        else:
            place, tested = released.EQUAL_COST, equal_cost.SETS
            stem = f"{network}.{manifest['identity']['seed']}"
        scores = all_sets.evaluate_all(model, manifest, tested)
        (made / f"{stem}.json").write_text(json.dumps(manifest, indent=2) + "\n")
        (made / f"{stem}.md").write_text(
            card(network, manifest, scores, by, tested, folder.parent.name)
        )
        shipped.write_scores(scores, made / f"{stem}.scores.csv")
        shutil.copy(folder / f"{network}.history.csv", made / f"{stem}.history.csv")
        place.mkdir(exist_ok=True)
        for path in made.iterdir():
            with written_whole(place / path.name) as temporary:
                shutil.copy(path, temporary)
        _write_checksums(place, [path.name for path in made.iterdir()])
    return place / f"{stem}.md"


def card(
    network: str,
    manifest: dict[str, object],
    scores: pd.DataFrame,
    by: str = RECIPE,
    tested: Sequence[str] = (),
    run: str = "",
) -> str:
    """Return a model card, in the layout that Hugging Face asks for, as Markdown.

    `scores` are those of `casestudy.results.all_sets.evaluate_all` on the sets `tested`; `run` is
    the run folder of the training; for `by` see `release`.
    """
    return render(
        "card.md.j2",
        network=network,
        by=by,
        run=run,
        title=NETWORKS[network].title,
        manifest=manifest,
        settings=manifest["identity"],
        stages=stages(manifest),
        sources=_sources(manifest),
        noises=_NOISES,
        missing=recipes.missing(data["dataset"] for data in manifest["data"].values()),
        datasets=shipped.TITLES,
        means=all_sets.summary(scores).set_index("dataset").to_dict("index"),
        left_out=all_sets.left_out(scores, tested),
        cameras=mean_scores(scores[scores["dataset"] == "polyu"], ["camera"]),
        validation_scenes=sorted(polyu.VALIDATION_SCENES),
        test_scenes=sorted(polyu.TEST_SCENES),
        command=_command(network, manifest, by),
        date=time.strftime("%Y-%m-%d"),
        machine=provenance.machine(),
    )


def _recipe_of(network: str, manifest: dict[str, object]) -> str | None:
    """Return the recipe of a training, or None if it had none."""
    if "mixed noise" not in manifest["data"]:
        return None
    own = NETWORKS[network].recipes.get(EQUAL_COST)
    same = own and all(own[k] == manifest["identity"][k] for k in ("batch_size", "max_minutes"))
    return EQUAL_COST if same else RECIPE


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


def _write_checksums(folder: Path, names: Sequence[str]) -> None:
    """Replace the checksums of files; the lines of others stay."""
    path = folder / released.SUMS
    sums = released.read_checksums(folder) if path.exists() else {}
    sums |= {name: provenance.hash_file(folder / name) for name in names}
    with written_whole(path) as temporary:
        temporary.write_text("".join(f"{sums[name]}  {name}\n" for name in sorted(sums)))


def _command(network: str, manifest: dict[str, object], by: str) -> str:
    """Return the command that trains like this, with every setting that is not the recipe's."""
    identity = manifest["identity"]
    usual = TrainingSettings().model_dump(include=set(identity))
    usual |= recipe(by, network)
    actual = identity | {"bfloat16": identity["precision"] == "mixed_bfloat16"}
    words = [f"casestudy train {network} --recipe {by}"]
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
