"""Which whole frame of PolyU each crop was cut from, found by what the images show.

Names do not tell: crops and frames abbreviate scenes differently, and "classroom" is two rooms
of one camera. `polyu-origins.csv` holds what `find_origins` finds, so that a split by scene can be
checked to keep held-out crops away from the frames that networks are trained on.
"""

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
from tqdm import tqdm

from casestudy.data.catalogue import Pair, load_pairs
from casestudy.files.photos import read_image

TABLE = Path(__file__).parent / "polyu-origins.csv"

REDUCTION = 4  # the search looks at images so many times smaller first
# Correlation of a crop with its place in its frame; both were compressed on their own. The
# places of all crops reach 0.994, and the most similar place elsewhere 0.88.
SAME = 0.98


def read_origins() -> pd.DataFrame:
    """Return the committed table; see `find_origins`."""
    return pd.read_csv(TABLE)


def find_origins(crops: Sequence[Pair]) -> pd.DataFrame:
    """Look for crops of PolyU in every frame.

    Returns
    -------
    DataFrame
        One row per crop: crop, frame (missing if it was cut from none of them), left and top of
        the crop in the frame in pixels, and their correlation.

    Raises
    ------
    CaseStudyError
        If PolyU's frames are not there.
    """
    frames = {pair.id: _grey(pair.clean_path) for pair in load_pairs("polyu-frames")}
    reduced = {name: _reduced(frame) for name, frame in frames.items()}
    rows = []
    for pair in tqdm(crops, desc="Looking for crops", unit="crop", disable=None):
        crop = _grey(pair.clean_path)
        small = _reduced(crop)
        found = {name: _place(frame, small) for name, frame in reduced.items()}
        frame = max(found, key=lambda name: found[name][0])
        correlation, left, top = _refined(frames[frame], crop, *found[frame][1:])
        origin = (frame, left, top) if correlation > SAME else (None, None, None)
        rows.append((pair.id, *origin, round(correlation, 4)))
    table = pd.DataFrame(rows, columns=["crop", "frame", "left", "top", "correlation"])
    return table.astype({"left": "Int64", "top": "Int64"})


def _place(image: np.ndarray, part: np.ndarray) -> tuple[float, int, int]:
    """Return the highest correlation of a part with a place of an image, and that place."""
    correlations = cv2.matchTemplate(image, part, cv2.TM_CCOEFF_NORMED)
    _, highest, _, (left, top) = cv2.minMaxLoc(correlations)
    return highest, left, top


def _refined(image: np.ndarray, part: np.ndarray, left: int, top: int) -> tuple[float, int, int]:
    """Look again at full resolution, around a place that was found in reduced images."""
    left, top = (max(REDUCTION * (start - 1), 0) for start in (left, top))
    height, width = part.shape
    margin = 2 * REDUCTION
    around = image[top : top + height + margin, left : left + width + margin]
    correlation, right, down = _place(around, part)
    return correlation, left + right, top + down


def _grey(path: Path) -> np.ndarray:
    return cv2.cvtColor(read_image(path), cv2.COLOR_RGB2GRAY)


def _reduced(image: np.ndarray) -> np.ndarray:
    size = image.shape[1] // REDUCTION, image.shape[0] // REDUCTION
    return cv2.resize(image, size, interpolation=cv2.INTER_AREA)
