"""How the released networks are trained: which data, and the settings of `training.train`."""

from dataclasses import dataclass

import numpy as np

from casestudy import CaseStudyError
from casestudy.data.catalogue import Pair, load_pairs
from casestudy.data.checking.soundness import judge
from casestudy.data.patches import Patches, cut_patches

FRAMES, CROPS, PHOTOGRAPHS = "polyu-frames", "polyu", "bsds500"
PATCH = 160  # px, a third of a photograph of BSDS500
VALIDATION_PATCHES = 24  # of each

_SHARED = {
    "epochs": 60,
    "batch_size": 4,
    "crop_size": 128,
    "loss": "mae",
    "optimizer": "muon",
    "learning_rate": 6e-4,
    "warmup_steps": 100,
    "simulated_share": 0.4,
    "recompressed_share": 0.75,
    "exposure_matched": True,
    "bfloat16": False,
}

# RIDNet never halves its picture: it needs no wide crops, and pays for each pixel in full.
_SMALL = {"batch_size": 8, "crop_size": 48}

# recipe: network: settings
RECIPES = {
    "released": {
        "autoencoder": _SHARED,
        "cbdnet": _SHARED | {"loss": "cbdnet-mae"},
        "pridnet": _SHARED,
        "pridnet-half": _SHARED,
        "ridnet": _SHARED | _SMALL,
    }
}


@dataclass(frozen=True)
class TrainingData:
    """What a recipe trains on.

    Parameters
    ----------
    training : Patches
        Real noise: PolyU's whole frames of the training scenes, at their own resolution. They
        are JPEG of the highest quality, PolyU's crops (and most photographs) of a lower one,
        which is why `recompressed_share` compresses them again.
    simulated_from : Patches
        Clean photographs for simulated cameras: BSDS500's training part.
    validation : Patches
        PolyU's crops of other scenes, and as many patches of other photographs under simulated
        noise.
    """

    training: Patches
    simulated_from: Patches
    validation: Patches


def recipe(name: str, network: str) -> dict[str, object]:
    """Return the settings of a recipe for a network.

    Raises
    ------
    CaseStudyError
        If there is no such recipe, or none for this network; the message tells the known ones.
    """
    if name not in RECIPES:
        raise CaseStudyError(f"Unknown recipe {name!r}. Known: {', '.join(RECIPES)}.")
    if network not in RECIPES[name]:
        known = ", ".join(RECIPES[name])
        raise CaseStudyError(f"Recipe {name} has no network {network!r}. It has: {known}.")
    return RECIPES[name][network]


def training_data() -> TrainingData:
    """Cut the data of the recipes into patches; pairs that are not sound are left out.

    Raises
    ------
    CaseStudyError
        If the datasets are not there.
    """
    frames = [p for p in load_pairs(FRAMES) if p.part == "train" and _is_sound(p)]
    crops = [p for p in load_pairs(CROPS) if p.part == "validation"]
    photographs = [p for p in load_pairs(f"{PHOTOGRAPHS}-clean") if p.part == "train"]
    captures = [p for p in load_pairs(PHOTOGRAPHS) if p.part == "validation"]
    validation = cut_patches(f"{CROPS}, {PHOTOGRAPHS}", [*crops, *captures], PATCH)
    chosen = [
        validation.of_images([pair.id for pair in pairs]).spread(VALIDATION_PATCHES).rows
        for pairs in (crops, captures)
    ]
    return TrainingData(
        training=cut_patches(FRAMES, frames, PATCH),
        simulated_from=cut_patches(f"{PHOTOGRAPHS}-clean", photographs, PATCH),
        validation=validation.take(np.concatenate(chosen)),
    )


def _is_sound(pair: Pair) -> bool:
    findings = judge(*pair.load())
    for kind, advice in findings:
        print(f"{pair}: {kind}. {advice} Left out.")
    return not findings
