"""BSDS500: clean photographs, to be disturbed by simulated cameras.

Arbelaez, Maire, Fowlkes, Malik, "Contour Detection and Hierarchical Image Segmentation", TPAMI
2011, doi:10.1109/TPAMI.2010.161. 200 photographs to train, 100 to validate, 200 to test, 481x321.
"""

from dataclasses import replace
from pathlib import Path

import numpy as np

from casestudy import CaseStudyError
from casestudy.data import camera
from casestudy.data.dataset import Dataset
from casestudy.data.pairs import FilePair
from casestudy.data.sets.simulated import SimulatedPair
from casestudy.files.folders import data_root

TERMS = "research and education, non-commercial"
REMEDY = (
    "unpack BSR_bsds500.tgz (71 MB) from "
    "www2.eecs.berkeley.edu/Research/Projects/CS/vision/grouping/resources.html and copy what is "
    "in BSR/BSDS500/data/images to bsds500/ in the data root"
)
PARTS = {"train": "train", "val": "validation", "test": "test"}  # folder: part of a split
PHOTOGRAPHS = 500


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


def _find_clean() -> tuple[list[FilePair], list[Path]]:
    """Return every photograph as both images of a pair: a denoiser should not change it."""
    return [
        FilePair(
            id=path.stem,
            scene=path.stem,
            part=PARTS[path.parent.name],
            noisy_path=path,
            clean_path=path,
        )
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
    where=lambda found: str(data_root() / "bsds500"),
    find=_find,
    families=("bsds500",),
)
CLEAN = replace(
    CAPTURED,
    name="bsds500-clean",
    summary="the same photographs without noise, which a denoiser should leave alone",
    find=_find_clean,
)
