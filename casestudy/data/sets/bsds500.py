"""BSDS500: clean photographs, to be disturbed by simulated cameras.

Arbelaez, Maire, Fowlkes, Malik, "Contour Detection and Hierarchical Image Segmentation", TPAMI
2011, doi:10.1109/TPAMI.2010.161. 200 photographs to train, 100 to validate, 200 to test, 481x321.
"""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from casestudy import CaseStudyError
from casestudy.data import camera
from casestudy.data.dataset import Dataset
from casestudy.data.pairs import Pair, file_fingerprint
from casestudy.data.sets.simulated import SimulatedPair
from casestudy.files.folders import data_root
from casestudy.files.photos import read_image

TERMS = "research and education, non-commercial"
REMEDY = (
    "unpack BSR_bsds500.tgz (71 MB) from "
    "www2.eecs.berkeley.edu/Research/Projects/CS/vision/grouping/resources.html and copy what is "
    "in BSR/BSDS500/data/images to bsds500/ in the data root"
)
PARTS = {"train": "train", "val": "validation", "test": "test"}  # folder: part of a split
PHOTOGRAPHS = 500


@dataclass(frozen=True, kw_only=True)
class CleanPair(Pair):
    """A photograph as it is, for the noisy and for the clean image."""

    photograph: Path

    def __str__(self) -> str:
        return str(self.photograph)

    def load(self) -> tuple[np.ndarray, np.ndarray]:
        image = read_image(self.photograph)
        return image, image

    def fingerprint(self) -> str:
        return file_fingerprint(self.photograph)


def _find() -> tuple[list[SimulatedPair], list[Path]]:
    """Return every photograph as one random camera takes it, with noise."""
    return [
        SimulatedPair(
            id=path.stem,
            scene=path.stem,
            camera="random simulated",
            iso=1,
            part=PARTS[path.parent.name],
            photograph=path,
            simulated_camera=camera.random_camera(np.random.default_rng(list(path.stem.encode()))),
        )
        for path in _photographs()
    ], []


def _find_clean() -> tuple[list[CleanPair], list[Path]]:
    """Return every photograph as it is, without noise: a denoiser should not change it."""
    return [
        CleanPair(id=path.stem, scene=path.stem, part=PARTS[path.parent.name], photograph=path)
        for path in _photographs()
    ], []


def _photographs() -> list[Path]:
    folder = data_root() / "bsds500"
    paths = [path for part in PARTS for path in sorted((folder / part).glob("*.jpg"))]
    if not paths:
        raise CaseStudyError(
            f"BSDS500's photographs are not in {folder}. To get them, {REMEDY}; "
            "or set CASESTUDY_DATA to the folder that holds bsds500/."
        )
    if len(paths) != PHOTOGRAPHS:
        raise CaseStudyError(
            f"{folder} holds {len(paths)} of {PHOTOGRAPHS} photographs. To get all, {REMEDY}."
        )
    return paths


CAPTURED = Dataset(
    name="bsds500",
    summary="BSDS500 photographs, 481x321, simulated noise of random cameras",
    terms=TERMS,
    get=REMEDY,
    where=lambda found: str(found[0].photograph.parents[1]),
    find=_find,
    families=("bsds500",),
)
CLEAN = replace(
    CAPTURED,
    name="bsds500-clean",
    summary="the same photographs without noise, which a denoiser should leave alone",
    find=_find_clean,
)
