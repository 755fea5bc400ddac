"""What every notebook starts with: checked parameters, split patches, and a run folder."""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd

from casestudy import CaseStudyError
from casestudy.data.catalogue import Pair, load_pairs
from casestudy.data.cutting import corners
from casestudy.data.patches import Patches, cut_patches, split_pairs
from casestudy.data.settings import DataSettings, check_parameters
from casestudy.files.folders import absolute, reports_root, run_name

SPLITS = {"native": "scene", "article": "image"}  # protocol: what is drawn to test on
_USUAL = DataSettings()


@dataclass(frozen=True)
class Experiment:
    """A dataset split into patches, and the folder for the results of a run."""

    folder: Path  # of the run
    seed: int  # of trainings
    # No scene (with `split_by="scene"`) or pair (with "image") is in two of the parts.
    train: Patches
    validation: Patches
    test: Patches

    @property
    def models(self) -> Path:
        """The folder of trained networks in the run folder."""
        return self.folder / "models"

    def counts(self) -> pd.DataFrame:
        """Return the number of scenes, images and patches of each part."""
        parts = {"train": self.train, "validation": self.validation, "test": self.test}
        return (
            pd.DataFrame(
                {name: part.table[["scene", "image"]].nunique() for name, part in parts.items()}
            )
            .T.set_axis(["scenes", "images"], axis=1)
            .assign(patches=[*map(len, parts.values())])
        )

    def at_most(self, train: int = 0, validation: int = 0, test: int = 0) -> "Experiment":
        """Return the experiment with at most these numbers of patches in each part; 0 means all.

        A negative number raises CaseStudyError.
        """
        limits = {"train": train, "validation": validation, "test": test}
        check_parameters({f"max_{part}_patches": count for part, count in limits.items()})
        parts = {part: getattr(self, part).spread(count) for part, count in limits.items()}
        return replace(self, **parts)


def open_experiment(
    dataset: str = _USUAL.dataset,
    run_folder: str = _USUAL.run_folder,
    split_seed: int = _USUAL.split_seed,
    split_by: str = _USUAL.split_by,
    protocol: str = _USUAL.protocol,
    patch_size: int = _USUAL.patch_size,
    max_pairs: int = _USUAL.max_pairs,
    seed: int = _USUAL.seed,
) -> Experiment:
    """Check the settings of the data, cut the dataset into patches and split them.

    Parameters
    ----------
    dataset : str
        See `casestudy.data.catalogue.load_pairs`.
    run_folder : str
        Folder for scores and models; "" means `reports/<dataset>` in the project.
    split_seed : int
        Decides the split, unless the dataset has one of its own.
    split_by : {"", "scene", "image"}
        See `casestudy.data.patches.split_pairs`; "" is as the protocol says.
    protocol : {"native", "article"}
        "native" splits by scene and cuts photographs as they are. "article" splits by image and
        resizes to 1024x1024, 16 patches of 256x256 each: of 541 pairs 109 to test (1,744
        patches), and 432 (6,912) to train and to validate together.
    patch_size : int
        See `casestudy.data.patches.cut_patches`.
    max_pairs : int
        For a quick look: at most this number of pairs in all; 0 means all.
    seed : int
        Of the trainings on these patches.

    Returns
    -------
    Experiment
        Split as the dataset says, else 20 % of the scenes (or pairs) to test and 10 % of the
        others to validate; see `casestudy.data.patches.split_pairs`.

    Raises
    ------
    CaseStudyError
        For wrong parameters, before any work starts; for missing or unsound data.
    """
    check_parameters(locals())
    dataset = absolute(dataset)  # what is written down holds for any working directory
    split_by = split_by or SPLITS[protocol]
    pairs = _choose_pairs(dataset, split_by, max_pairs)
    patches = cut_patches(dataset, pairs, patch_size, protocol)
    folder = Path(run_folder) if run_folder else reports_root() / run_name(dataset)
    parts = split_pairs(pairs, split_by, split_seed)
    return Experiment(folder, seed, *(patches.of_images([p.id for p in part]) for part in parts))


def refuse_unusable(
    dataset: str,
    split_by: str = _USUAL.split_by,
    protocol: str = _USUAL.protocol,
    patch_size: int = _USUAL.patch_size,
    max_pairs: int = _USUAL.max_pairs,
    **_others: object,
) -> None:
    """Raise CaseStudyError for data that `open_experiment` would refuse; nothing is decoded."""
    for pair in _choose_pairs(dataset, split_by or SPLITS[protocol], max_pairs):
        if protocol == "native":
            corners(pair.size(), patch_size, str(pair))


def _choose_pairs(dataset: str, split_by: str, max_pairs: int) -> list[Pair]:
    pairs = load_pairs(dataset)
    if all(pair.part == "test" for pair in pairs):
        raise CaseStudyError(
            f"{dataset}: all {len(pairs)} pairs are to test on, so there is nothing to train on. "
            f"To score a network on them, run `casestudy evaluate ridnet --dataset {dataset}`."
        )
    pairs = few(pairs, max_pairs)
    images, scenes = len(pairs), len({pair.scene for pair in pairs})
    if (scenes if split_by == "scene" else images) < 3:
        remedy = "split by image (split_by=image), or add" if images >= 3 else "Add"
        raise CaseStudyError(
            f"{dataset}: {images} pairs of {scenes} scenes. At least 3 {split_by}s are needed, to "
            f"train, to validate and to test. {remedy.capitalize()} pairs of other scenes."
        )
    return pairs


def few(pairs: list[Pair], count: int) -> list[Pair]:
    """Return at most `count` pairs, evenly spaced over all; 0 means all."""
    if not 0 < count < len(pairs):
        return pairs
    return [pairs[i] for i in np.linspace(0, len(pairs) - 1, count).round().astype(int)]
