"""How the released networks are trained: on which data, with which settings."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from casestudy import CaseStudyError
from casestudy.data.batches import Source
from casestudy.data.catalogue import Pair, load_pairs
from casestudy.data.checking.soundness import judge
from casestudy.data.patches import Patches, cut_patches

FRAMES, CROPS, CAPTURES = "polyu-frames", "polyu", "bsds500"
CLEAN = "bsds500-clean", "clean"
RENOIR, PHONES = "renoir-crops", "sidd-crops"
OPTIONAL = CLEAN[1], RENOIR, PHONES
PATCH = 160  # px, a third of a photograph of BSDS500
VALIDATION_PATCHES = 24  # of each dataset
# Of each clean photograph. Twelve large ones, of rooms, would otherwise give two fifths of all.
CLEAN_PATCHES = 48


@dataclass(frozen=True)
class TrainingData:
    """What a recipe trains on."""

    # Real noise: PolyU's whole frames of the training scenes, at their own resolution. They are
    # JPEGs of the highest quality. PolyU's crops, and most photographs, have a lower one, so
    # `recompressed_share` compresses some patches again.
    training: Patches
    # By name: real noise of other cameras, and clean photographs that get simulated noise. Each
    # has a share of the examples; what is left is `training`'s.
    sources: Mapping[str, Source]
    # Patches of other scenes, as many of each dataset: real noise, and simulated cameras.
    validation: Patches


def training_data(allow_missing: bool = False) -> TrainingData:
    """Cut the data of the recipes into patches; pairs that are not sound are left out.

    Parameters
    ----------
    allow_missing : bool
        Do without datasets that are not there, except for PolyU and BSDS500.

    Raises
    ------
    CaseStudyError
        If a dataset is not there; the message says how to get it.
    """
    pairs = {name: load_pairs(name) for name in (FRAMES, CROPS, CAPTURES, CLEAN[0])}
    for name in OPTIONAL:
        try:
            pairs[name] = load_pairs(name)
        except CaseStudyError as error:
            if not allow_missing:
                raise CaseStudyError(
                    f"{error} To train without it, use --allow-missing."
                ) from None
            print(f"{name} is missing; the recipe does without it.")

    def cut(*names: str) -> Patches:
        there = [name for name in names if name in pairs]
        chosen = [pair for name in there for pair in pairs[name] if pair.part in ("train", None)]
        return cut_patches(", ".join(there), chosen, PATCH)

    frames = [p for p in pairs[FRAMES] if p.part == "train" and _is_sound(p)]
    clean = cut(*CLEAN)
    clean = _spread(clean, [[image] for image in clean.table["image"].unique()], CLEAN_PATCHES)
    sources = {
        "simulated cameras": Source(clean, 0.22, "camera"),
        "mixed noise": Source(clean, 0.25, "mixture"),
        "clean": Source(clean, 0.05, "none"),
    }
    if RENOIR in pairs:
        sources["renoir"] = Source(cut(RENOIR), 0.12, recompressed=0.3)
    if PHONES in pairs:
        sources["phones"] = Source(cut(PHONES), 0.08, recompressed=0.3)
    return TrainingData(cut_patches(FRAMES, frames, PATCH), sources, _validation(pairs))


def missing(used: Iterable[str]) -> list[str]:
    """Return which datasets of the recipe are not among those of a training's parts."""
    there = {name for names in used for name in names.split(", ")}
    return [name for name in OPTIONAL if name not in there]


def _validation(pairs: Mapping[str, list[Pair]]) -> Patches:
    tested = {
        name: [pair for pair in pairs[name] if pair.part == "validation"]
        for name in (CROPS, CAPTURES, RENOIR, PHONES)
        if name in pairs
    }
    together = [pair for chosen in tested.values() for pair in chosen]
    patches = cut_patches(", ".join(tested), together, PATCH)
    ids = ([pair.id for pair in each] for each in tested.values())
    return _spread(patches, ids, VALIDATION_PATCHES)


def _spread(patches: Patches, groups: Iterable[Sequence[str]], count: int) -> Patches:
    """Return at most `count` patches of each group of images, evenly spread over it."""
    chosen = [patches.of_images(ids).spread(count).rows for ids in groups]
    return patches.take(np.concatenate(chosen))


def _is_sound(pair: Pair) -> bool:
    findings = judge(*pair.load())
    for kind, advice in findings:
        print(f"{pair}: {kind}. {advice} It is left out.")
    return not findings
