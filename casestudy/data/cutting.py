"""Cutting photographs into equal squares on disk, by a few processes with one pair each.

The place of every patch is known from the photographs' headers. So the processes write to one
file without waiting for each other, and its content does not depend on their number.
"""

import hashlib
import json
import multiprocessing
import os
import shutil
import signal
import sys
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType

import cv2
import numpy as np
from tqdm import tqdm

from casestudy import CaseStudyError
from casestudy.data.catalogue import Pair

# raw uint8, shape (number of patches, size, size, 3); NumPy's own format wants the number first
NOISY, CLEAN = "noisy.uint8", "clean.uint8"
TABLE, MANIFEST = "patches.csv", "manifest.json"

ARTICLE_SIDE = 1024  # px: the article's protocol resizes every photograph to this square

MOST_WORKERS = 4  # each holds a pair: a quarter of a gigabyte for photographs of 16 megapixels
MEGAPIXELS_PER_WORKER = 200  # one reads them in a few seconds; starting another takes a second


def cut(
    folder: Path,
    dataset: str,
    pairs: Sequence[Pair],
    size: int,
    protocol: str,
    workers: int | None = None,
) -> None:
    """Write the patches of pairs, noisy and clean, their table and their manifest.

    Parameters
    ----------
    folder : Path
        Must not exist yet.
    dataset, pairs, size, protocol, workers
        See `casestudy.data.patches.cut_patches`.

    Raises
    ------
    CaseStudyError
        If a pair cannot be read or is smaller than a patch (before anything is cut, where the
        header shows it); if the disk has no room; if a process was killed.
    OSError
        If the folder cannot be written.
    """
    shapes = [pair.size() for pair in pairs]
    megapixels = 2 * sum(height * width for height, width in shapes) / 1e6
    if protocol == "article":
        shapes = [(ARTICLE_SIDE, ARTICLE_SIDE)] * len(pairs)
    counts = [len(corners(s, size, str(p))) for s, p in zip(shapes, pairs, strict=True)]
    firsts = np.cumsum([0, *counts]).tolist()
    _refuse_full_disk(folder.parent, dataset, 2 * firsts[-1] * size**2 * 3)
    folder.mkdir()
    for name in (NOISY, CLEAN):
        (folder / name).touch()
    tasks = [
        (folder, pair, size, protocol, first, count)
        for pair, first, count in zip(pairs, firsts[:-1], counts, strict=True)
    ]
    done = _all_done(tasks, workers or _sensible_workers(megapixels))
    progress = tqdm(
        done, f"cutting {dataset} into patches", len(pairs), unit="pair", leave=False, disable=None
    )
    digests = list(progress)
    _write_table(folder / TABLE, dataset, pairs, counts)
    manifest = {
        "dataset": dataset,
        "protocol": protocol,
        "patch_size": size,
        "pixels sha256": hashlib.sha256("".join(digests).encode()).hexdigest(),
        "files": {name: (folder / name).stat().st_size for name in (NOISY, CLEAN, TABLE)},
        "pairs": [
            {"image": pair.id, "made from": pair.fingerprint(), "pixels sha256": digest}
            for pair, digest in zip(pairs, digests, strict=True)
        ],
    }
    (folder / MANIFEST).write_text(json.dumps(manifest, indent=1) + "\n")


def corners(shape: tuple[int, int], size: int, name: str = "The image") -> list[tuple[int, int]]:
    """Return the (top, left) corners of the patches of an image.

    Along each side, the number of patches is that which fits, rounded to the nearest. They are
    evenly spaced from edge to edge: overlapping where the number was rounded up, and with up to
    half a patch left out between them, or after a single one, where it was rounded down.

    Parameters
    ----------
    shape : (int, int)
        Height and width of the image in pixels.
    size : int
        Side of a patch in pixels.
    name : str
        The image's name in the error.

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


def damaged_file(folder: Path) -> Path | None:
    """Return a file that is not as large as the manifest says, or is missing; None if none is."""
    try:
        sizes = json.loads((folder / MANIFEST).read_text())["files"]
    except (OSError, ValueError, KeyError):
        return folder / MANIFEST
    for name, size in sizes.items():
        file = folder / name
        if not file.is_file() or file.stat().st_size != size:
            return file
    return None


def _cut_pair(folder: Path, pair: Pair, size: int, protocol: str, first: int, count: int) -> str:
    """Write the patches of a pair from position `first` on; return a hash of their pixels."""
    noisy, clean = pair.load()
    if protocol == "article":
        noisy, clean = (resize_as_article(image) for image in (noisy, clean))
    places = corners(noisy.shape[:2], size, str(pair))
    if len(places) != count:
        raise CaseStudyError(f"{pair} was changed while it was read. Run the same again.")
    digest = hashlib.sha256()
    for image, name in ((noisy, NOISY), (clean, CLEAN)):
        with (folder / name).open("rb+") as file:
            file.seek(first * size**2 * 3)
            for top, left in places:
                pixels = np.ascontiguousarray(image[top : top + size, left : left + size])
                file.write(pixels)
                digest.update(pixels)
    return digest.hexdigest()


def resize_as_article(image: np.ndarray) -> np.ndarray:
    """Return an image resized to 1024x1024, whatever its shape; averaged where it shrinks."""
    height, width = image.shape[:2]
    if (height > ARTICLE_SIDE) != (width > ARTICLE_SIDE):  # only one side shrinks
        shorter = (min(width, ARTICLE_SIDE), min(height, ARTICLE_SIDE))
        image = cv2.resize(image, shorter, interpolation=cv2.INTER_AREA)
    shrinking = max(image.shape[:2]) > ARTICLE_SIDE
    side = (ARTICLE_SIDE, ARTICLE_SIDE)
    return cv2.resize(image, side, interpolation=cv2.INTER_AREA if shrinking else cv2.INTER_CUBIC)


def _all_done(tasks: list[tuple], workers: int) -> Iterator[str]:
    """Yield what `_cut_pair` returns, in the order of tasks."""
    if workers == 1:
        for task in tasks:
            yield _cut_pair(*task)
        return
    spawn = multiprocessing.get_context("spawn")  # a fork of TensorFlow's threads may hang
    with ProcessPoolExecutor(workers, spawn, _start_worker) as pool:
        with _no_script():
            futures = [pool.submit(_cut_pair, *task) for task in tasks]
        try:
            for future in futures:
                yield future.result()
        except BrokenProcessPool:
            raise CaseStudyError(
                "A process that cuts photographs into patches was killed, perhaps for want of "
                "memory. Close other programs and run the same again."
            ) from None
        finally:
            pool.shutdown(cancel_futures=True)


@contextmanager
def _no_script() -> Iterator[None]:
    """Keep new processes from importing the script that starts them.

    Without `if __name__ == "__main__":` it would start more in each of them, and wait forever.
    """
    script = sys.modules["__main__"]
    sys.modules["__main__"] = ModuleType("__main__")
    try:
        yield
    finally:
        sys.modules["__main__"] = script


def _start_worker() -> None:
    cv2.setNumThreads(1)  # there are as many processes as cores
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent is interrupted and ends this one
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    multiprocessing.parent_process().join()
    os._exit(1)


def _sensible_workers(megapixels: float) -> int:
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return max(1, min(cores, MOST_WORKERS, int(megapixels / MEGAPIXELS_PER_WORKER)))


def _refuse_full_disk(folder: Path, dataset: str, needed: int) -> None:
    free = shutil.disk_usage(folder).free
    if needed > free:
        raise CaseStudyError(
            f"The patches of {dataset} take {needed / 1e9:.1f} GB, and {folder.parent} has "
            f"{free / 1e9:.1f} GB left. Delete patches of other datasets or settings there, or "
            "set CASESTUDY_CACHE to a folder on a larger disk."
        )


def _write_table(path: Path, dataset: str, pairs: Sequence[Pair], counts: list[int]) -> None:
    import pandas as pd  # not imported by the processes that cut

    rows = [
        (dataset, pair.id, pair.scene, pair.camera, pair.iso, number)
        for pair, count in zip(pairs, counts, strict=True)
        for number in range(count)
    ]
    columns = ["dataset", "image", "scene", "camera", "iso", "patch"]
    pd.DataFrame(rows, columns=columns).to_csv(path, index=False)
