"""How the released networks are trained: on which data, with which settings."""

from dataclasses import dataclass

import numpy as np

from casestudy import CaseStudyError
from casestudy.data.catalogue import Pair, load_pairs
from casestudy.data.checking.soundness import judge
from casestudy.data.patches import Patches, cut_patches
from casestudy.models import NETWORKS

FRAMES, CROPS, CAPTURES, CLEAN = "polyu-frames", "polyu", "bsds500", "bsds500-clean"
PATCH = 160  # px, a third of a photograph of BSDS500
VALIDATION_PATCHES = 24  # of each dataset

RECIPE = "released"  # the only one


@dataclass(frozen=True)
class TrainingData:
    """What a recipe trains on."""

    # Real noise: PolyU's whole frames of the training scenes, at their own resolution. They are
    # JPEGs of the highest quality. PolyU's crops, and most photographs, have a lower one, so
    # `recompressed_share` compresses some patches again.
    training: Patches
    simulated_from: Patches  # clean photographs for simulated cameras: BSDS500's training part
    # Half of them PolyU's crops of other scenes, half other photographs with simulated noise.
    validation: Patches


def recipe(name: str, network: str) -> dict[str, object]:
    """Return the settings of a recipe for a network.

    Raises
    ------
    CaseStudyError
        If there is no such recipe, or it has no such network; the message lists the known ones.
    """
    if name != RECIPE:
        raise CaseStudyError(f"Unknown recipe {name!r}. Known: {RECIPE}.")
    settings = {name: one.recipe for name, one in NETWORKS.items() if one.recipe is not None}
    if network not in settings:
        known = ", ".join(settings)
        raise CaseStudyError(f"Recipe {name} has no network {network!r}. It has: {known}.")
    return dict(settings[network])


def training_data() -> TrainingData:
    """Cut the data of the recipes into patches; pairs that are not sound are left out.

    Raises
    ------
    CaseStudyError
        If the datasets are not there.
    """
    frames = [p for p in load_pairs(FRAMES) if p.part == "train" and _is_sound(p)]
    crops = [p for p in load_pairs(CROPS) if p.part == "validation"]
    photographs = [p for p in load_pairs(CLEAN) if p.part == "train"]
    captures = [p for p in load_pairs(CAPTURES) if p.part == "validation"]
    validation = cut_patches(f"{CROPS}, {CAPTURES}", [*crops, *captures], PATCH)
    chosen = [
        validation.of_images([pair.id for pair in pairs]).spread(VALIDATION_PATCHES).rows
        for pairs in (crops, captures)
    ]
    return TrainingData(
        training=cut_patches(FRAMES, frames, PATCH),
        simulated_from=cut_patches(CLEAN, photographs, PATCH),
        validation=validation.take(np.concatenate(chosen)),
    )


def _is_sound(pair: Pair) -> bool:
    findings = judge(*pair.load())
    for kind, advice in findings:
        print(f"{pair}: {kind}. {advice} It is left out.")
    return not findings
