"""Splits and patches: from whole photographs to equal squares on disk.

Patches are cut once into two uint8 files that are memory-mapped, so neither the time of a second
start nor the memory grows with the dataset.
"""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd

from casestudy import CaseStudyError
from casestudy.data import cutting
from casestudy.data.catalogue import Pair
from casestudy.data.cutting import CLEAN, MANIFEST, NOISY, TABLE
from casestudy.files import photos
from casestudy.files.cache import made_once
from casestudy.files.folders import cache_root

PARTS = ("train", "validation", "test")


def split_pairs(
    pairs: Sequence[Pair], by: str = "scene", seed: int = 0
) -> tuple[list[Pair], list[Pair], list[Pair]]:
    """Split pairs into those to train on, to validate on and to test on.

    A split by scene follows the parts that the dataset names, if it names them. Otherwise 20 %
    are drawn to test, and 10 % of the others to validate. By scene, they are drawn from each
    collection by itself if each has at least three scenes, so that none is missing from a part.

    Parameters
    ----------
    pairs : sequence of Pair
    by : {"scene", "image"}
        "scene" puts all pairs of a scene on one side. "image" draws single pairs, as the article
        did: a scene may then be on both sides, which flatters the test scores.
    seed : int

    Returns
    -------
    train, validation, test : list of Pair
        In the order of `pairs`, one collection after the other.

    Raises
    ------
    CaseStudyError
        If there is only one scene (or pair), which cannot be split; if one of the dataset's own
        parts is empty.
    """
    if by == "scene" and all(pair.part for pair in pairs):
        parts = {part: [p for p in pairs if p.part == part] for part in PARTS}
        if empty := [part for part, chosen in parts.items() if not chosen]:
            raise CaseStudyError(
                f"None of the {len(pairs)} pairs is in the part {empty[0]!r} of this dataset. "
                "Use more of its pairs (max_pairs=0: all), or split_by=image."
            )
        return tuple(parts.values())
    parts = [], [], []
    for collection in _drawn_from(pairs, by):
        others, test = draw_pairs(collection, by, 0.2, seed)
        for part, drawn in zip(parts, (*draw_pairs(others, by, 0.1, seed), test), strict=True):
            part.extend(drawn)
    return parts


def _drawn_from(pairs: Sequence[Pair], by: str) -> list[Sequence[Pair]]:
    """Return the pairs of each collection; all together if by image, or if one is too small."""
    names = dict.fromkeys(pair.collection for pair in pairs)
    collections = [[pair for pair in pairs if pair.collection == name] for name in names]
    fewest = min(len({pair.scene for pair in collection}) for collection in collections)
    return collections if by == "scene" and fewest >= 3 else [pairs]


def draw_pairs(
    pairs: Sequence[Pair], by: str, fraction: float, seed: int
) -> tuple[list[Pair], list[Pair]]:
    """Draw a fraction of the scenes, or of the pairs; at least one, but not all.

    The number of scenes is rounded to the nearest, that of pairs up.

    Returns
    -------
    left, drawn : list of Pair
        In the order of `pairs`.

    Raises
    ------
    CaseStudyError
        See `split_pairs`.
    """
    groups = [pair.scene if by == "scene" else pair.id for pair in pairs]
    names = sorted(set(groups))
    if len(names) < 2:
        raise CaseStudyError(
            f"There is only one {by}, so nothing is left to test on. Add pairs of another scene."
        )
    # Pairs as in the article, which keeps int(0.8 * 541) = 432.
    kept = int((1 - fraction) * len(names))
    count = round(fraction * len(names)) if by == "scene" else len(names) - kept
    count = min(max(count, 1), len(names) - 1)
    drawn = set(np.random.default_rng(seed).permutation(names)[:count])
    return (
        [pair for pair, group in zip(pairs, groups, strict=True) if group not in drawn],
        [pair for pair, group in zip(pairs, groups, strict=True) if group in drawn],
    )


@dataclass(frozen=True)
class Patches:
    """Noisy and clean patches, each read from disk when it is used."""

    folder: Path  # holds all patches of a dataset as raw uint8 files, and their table
    table: pd.DataFrame  # a row per patch selected: dataset, image, scene, camera, iso, patch
    rows: np.ndarray  # of int: the position of each of them in the files
    size: int  # side of a patch in pixels

    def __len__(self) -> int:
        return len(self.rows)

    def noisy(self, chosen: np.ndarray) -> np.ndarray:
        """Return noisy patches by position: (len(chosen), size, size, 3), float32 in [0, 1]."""
        return self._stored(NOISY)[self.rows[chosen]] / np.float32(255)

    def clean(self, chosen: np.ndarray) -> np.ndarray:
        """Return clean patches by position: (len(chosen), size, size, 3), float32 in [0, 1]."""
        return self._stored(CLEAN)[self.rows[chosen]] / np.float32(255)

    def crop(self, position: int, top: int, left: int, size: int) -> tuple[np.ndarray, np.ndarray]:
        """Return a square of a noisy patch and of its clean one: (size, size, 3), uint8."""
        part = self.rows[position], slice(top, top + size), slice(left, left + size)
        return self._stored(NOISY)[part], self._stored(CLEAN)[part]

    def _stored(self, name: str) -> np.ndarray:
        stored = np.memmap(self.folder / name, np.uint8, mode="r")
        return stored.reshape(-1, self.size, self.size, 3)

    def digest(self) -> str:
        """Return a hash of the pixels and of the selection, wherever the photographs are."""
        pixels = json.loads((self.folder / MANIFEST).read_text())["pixels sha256"]
        return hashlib.sha256(pixels.encode() + self.rows.astype("<i8").tobytes()).hexdigest()

    def take(self, chosen: np.ndarray) -> "Patches":
        """Return the selection of the patches at these positions."""
        table = self.table.iloc[chosen].reset_index(drop=True)
        return replace(self, table=table, rows=self.rows[chosen])

    def of_images(self, ids: Sequence[str]) -> "Patches":
        """Return the selection of the patches that were cut from these images."""
        return self.take(np.flatnonzero(self.table["image"].isin(ids)))

    def spread(self, count: int) -> "Patches":
        """Return at most `count` patches, evenly spaced over all; 0 means all."""
        if not 0 < count < len(self):
            return self
        return self.take(np.linspace(0, len(self) - 1, count).round().astype(int))


def cut_patches(
    dataset: str,
    pairs: Sequence[Pair],
    size: int = 256,
    protocol: str = "native",
    workers: int | None = None,
) -> Patches:
    """Cut pairs into patches, or open those that were cut before.

    Their folder is named after a hash of everything that determines their content, and gets
    its name when complete, so an interrupted build is never taken for a finished one. Its
    manifest lists what the patches were made from; they are cut again if a file has another size
    than it says. All pairs are cut: a split selects from them.

    Parameters
    ----------
    dataset : str
        The dataset's name, for the tables.
    pairs : sequence of Pair
    size : int
        Side of a patch in pixels.
    protocol : {"native", "article"}
        "native" cuts the photographs as they are. Where a side is not a multiple of the patch,
        patches overlap a little, or up to half a patch of it is left out, whichever is less.
        "article" first resizes each photograph to 1024x1024, which averages noise away and
        distorts the picture.
    workers : int or None
        Processes that cut, each with one pair in memory. None: one per core, but four at most,
        and fewer for few photographs. 1: this process alone.

    Returns
    -------
    Patches

    Raises
    ------
    CaseStudyError
        If a pair cannot be read or is smaller than a patch (the message names it); if the cache
        has no room or cannot be written.
    """
    code = [Path(file).read_text() for file in (cutting.__file__, photos.__file__)]
    key = json.dumps([dataset, [(p.id, p.fingerprint()) for p in pairs], size, protocol, code])
    folder = cache_root() / "patches" / hashlib.sha256(key.encode()).hexdigest()[:16]
    made_once(
        folder,
        lambda temporary: cutting.cut(temporary, dataset, pairs, size, protocol, workers),
        cutting.damaged_file,
    )
    table = read_table(folder / TABLE)
    return Patches(folder, table, np.arange(len(table)), size)


def read_table(path: Path) -> pd.DataFrame:
    """Return a table of patches, or of their scores; an image may be called 001, NA or null."""
    return pd.read_csv(
        path,
        dtype={"image": str, "scene": str, "iso": "Int64"},
        keep_default_na=False,
        na_values={column: [""] for column in ("camera", "iso", "psnr_db", "ssim")},
    )
