"""Splits and patches: from whole photographs to equal squares on disk.

Patches are cut once into two uint8 files that are memory-mapped, so neither the time of a second
start nor the memory grows with the dataset.
"""

import hashlib
import json
import shutil
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
from filelock import FileLock
from tqdm import tqdm

from casestudy import images
from casestudy.datasets import Pair
from casestudy.errors import CaseStudyError
from casestudy.paths import cache_root, written_whole

# raw uint8, shape (number of patches, size, size, 3); NumPy's own format wants the number first
NOISY, CLEAN = "noisy.uint8", "clean.uint8"
DIGEST = "patches.sha256"  # of the pixels, noisy and clean by turns

PARTS = ("train", "validation", "test")

ARTICLE_SIDE = 1024  # px: the article's protocol resizes every photograph to this square


def split_pairs(
    pairs: Sequence[Pair], by: str = "scene", seed: int = 0
) -> tuple[list[Pair], list[Pair], list[Pair]]:
    """Split pairs into those to train on, to validate on and to test on.

    Where the dataset names each pair's part and the split is by scene, it is followed. Else 20 %
    are drawn to test, and 10 % of the others to validate.

    Parameters
    ----------
    pairs : sequence of Pair
    by : {"scene", "image"}
        "scene" puts all pairs of a scene on one side. "image" draws pairs one by one, as the
        article did: a scene may then stand on both sides, which flatters the test scores.
    seed : int

    Returns
    -------
    train, validation, test : list of Pair
        In the order of `pairs`.

    Raises
    ------
    CaseStudyError
        If there is just one scene (or pair), which cannot be split; if none of the pairs is in
        one of the dataset's own parts.
    """
    if by == "scene" and all(pair.part for pair in pairs):
        parts = {part: [p for p in pairs if p.part == part] for part in PARTS}
        if empty := [part for part, chosen in parts.items() if not chosen]:
            raise CaseStudyError(
                f"None of the {len(pairs)} pairs belong to the part {empty[0]!r} of this dataset. "
                "Use more of its pairs (max_pairs=0: all), or split_by=image."
            )
        return tuple(parts.values())
    others, test = draw_pairs(pairs, by, 0.2, seed)
    return *draw_pairs(others, by, 0.1, seed), test


def draw_pairs(
    pairs: Sequence[Pair], by: str, fraction: float, seed: int
) -> tuple[list[Pair], list[Pair]]:
    """Draw a fraction of the scenes, or of the pairs, rounded up; at least one, not all.

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
            f"There is one {by} only, so nothing is left to test on. Add pairs of another scene."
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
    """Noisy and clean patches, read from disk as they are asked for.

    Parameters
    ----------
    folder : Path
        Holds the patches of a dataset as raw uint8 files, and `patches.csv`.
    table : DataFrame
        One row per patch of this selection: dataset, image, scene, camera, iso, patch.
    rows : ndarray of int
        Where each of them stands in the files.
    size : int
        Side of a patch in pixels.
    """

    folder: Path
    table: pd.DataFrame
    rows: np.ndarray
    size: int

    def __len__(self) -> int:
        return len(self.rows)

    def noisy(self, chosen: np.ndarray) -> np.ndarray:
        """Return noisy patches by position: (len(chosen), size, size, 3), float32 in [0, 1]."""
        return self._read(NOISY, chosen)

    def clean(self, chosen: np.ndarray) -> np.ndarray:
        """Return clean patches by position: (len(chosen), size, size, 3), float32 in [0, 1]."""
        return self._read(CLEAN, chosen)

    def crop(self, position: int, top: int, left: int, size: int) -> tuple[np.ndarray, np.ndarray]:
        """Return a square of a noisy patch and of its clean one: (size, size, 3), uint8."""
        part = self.rows[position], slice(top, top + size), slice(left, left + size)
        return self._stored(NOISY)[part], self._stored(CLEAN)[part]

    def _read(self, name: str, chosen: np.ndarray) -> np.ndarray:
        return self._stored(name)[self.rows[chosen]] / np.float32(255)

    def _stored(self, name: str) -> np.ndarray:
        stored = np.memmap(self.folder / name, np.uint8, mode="r")
        return stored.reshape(-1, self.size, self.size, 3)

    def digest(self) -> str:
        """Return a hash of the pixels and of the selection, wherever the photographs lie."""
        pixels = (self.folder / DIGEST).read_text()
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
        if count in (0, len(self)) or count > len(self):
            return self
        return self.take(np.linspace(0, len(self) - 1, count).round().astype(int))


def cut_patches(
    dataset: str, pairs: Sequence[Pair], size: int = 256, protocol: str = "native"
) -> Patches:
    """Cut pairs into patches, or open those that were cut before.

    The files' folder is named after a hash of everything that determines their content and is
    renamed into place when complete, so an interrupted build is never taken for a finished one.

    Parameters
    ----------
    dataset : str
        The dataset's name, for the tables.
    pairs : sequence of Pair
    size : int
        Side of a patch in pixels.
    protocol : {"native", "article"}
        "native" cuts the photographs as they are, as many patches as fit best (they overlap a
        little where the side is no multiple of the patch). "article" first resizes each
        photograph to 1024x1024, which averages noise away and distorts the picture.

    Returns
    -------
    Patches

    Raises
    ------
    CaseStudyError
        If a pair cannot be read or is smaller than a patch; the message names it.
    """
    code = [Path(file).read_text() for file in (__file__, images.__file__)]
    key = json.dumps([dataset, [(p.id, p.fingerprint()) for p in pairs], size, protocol, code])
    folder = cache_root() / "patches" / hashlib.sha256(key.encode()).hexdigest()[:16]
    folder.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(folder.with_suffix(".lock")):
        if not folder.exists():
            for left_by_a_kill in folder.parent.glob(f".{folder.name}-*"):
                shutil.rmtree(left_by_a_kill)
            with written_whole(folder) as temporary:
                _build(temporary, dataset, pairs, size, protocol)
    table = pd.read_csv(folder / "patches.csv", dtype={"image": str, "scene": str, "iso": "Int64"})
    return Patches(folder, table, np.arange(len(table)), size)


def _build(folder: Path, dataset: str, pairs: Sequence[Pair], size: int, protocol: str) -> None:
    """Write the patches and their table, holding one pair in memory at a time."""
    folder.mkdir()
    rows, digest = [], hashlib.sha256()
    with (folder / NOISY).open("wb") as noisy_file, (folder / CLEAN).open("wb") as clean_file:
        for pair in tqdm(pairs, desc=f"cutting {dataset} into patches", unit="pair", leave=False):
            noisy, clean = pair.load()
            if protocol == "article":
                noisy, clean = (_resized(image) for image in (noisy, clean))
            for number, (top, left) in enumerate(corners(noisy.shape[:2], size, str(pair))):
                for image, file in ((noisy, noisy_file), (clean, clean_file)):
                    pixels = image[top : top + size, left : left + size].tobytes()
                    file.write(pixels)
                    digest.update(pixels)
                rows.append((dataset, pair.id, pair.scene, pair.camera, pair.iso, number))
    (folder / DIGEST).write_text(digest.hexdigest())
    columns = ["dataset", "image", "scene", "camera", "iso", "patch"]
    pd.DataFrame(rows, columns=columns).to_csv(folder / "patches.csv", index=False)


def _resized(image: np.ndarray) -> np.ndarray:
    side = (ARTICLE_SIDE, ARTICLE_SIDE)
    shrinking = min(image.shape[:2]) > ARTICLE_SIDE
    return cv2.resize(image, side, interpolation=cv2.INTER_AREA if shrinking else cv2.INTER_CUBIC)


def corners(shape: tuple[int, int], size: int, name: str = "The image") -> list[tuple[int, int]]:
    """Return the (top, left) corners of the patches of an image.

    Along each side stand as many patches as come closest to covering it, evenly spaced from
    edge to edge.

    Parameters
    ----------
    shape : (int, int)
        Height and width of the image in pixels.
    size : int
        Side of a patch in pixels.
    name : str
        What the error calls the image.

    Raises
    ------
    CaseStudyError
        If the image is smaller than a patch.
    """
    if min(shape) < size:
        raise CaseStudyError(
            f"{name} is {shape[1]}x{shape[0]} pixels, smaller than a patch of {size}x{size}. "
            "Choose a smaller patch_size, or remove the pair."
        )
    tops, lefts = (
        np.linspace(0, side - size, max(round(side / size), 1)).round().astype(int).tolist()
        for side in shape
    )
    return [(top, left) for top in tops for left in lefts]
