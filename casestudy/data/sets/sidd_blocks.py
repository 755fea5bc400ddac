"""SIDD's blocks: 32 squares of 256x256 from each of 40 photographs by five phones, real noise.

Abdelhamed, Lin, Brown, "A High-Quality Denoising Dataset for Smartphone Cameras", CVPR 2018. One
set, to validate on, comes with the clean images; another, the benchmark's, without. Papers that
report results on "SIDD" mostly mean the first.
"""

import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from casestudy import CaseStudyError
from casestudy.data.dataset import Dataset
from casestudy.data.pairs import Pair, file_fingerprint
from casestudy.data.sets.sidd import HOME, TERMS
from casestudy.files.cache import made_once
from casestudy.files.folders import cache_root, data_root

VALIDATION_NOISY, VALIDATION_CLEAN = "ValidationNoisyBlocksSrgb", "ValidationGtBlocksSrgb"
BENCHMARK_NOISY = "BenchmarkNoisyBlocksSrgb"

SHAPE = (40, 32, 256, 256, 3)  # image, block, row, column, RGB


@dataclass(frozen=True, kw_only=True)
class BlockPair(Pair):
    """A noisy block and its clean one, read from two files of all blocks."""

    noisy_file: Path
    clean_file: Path
    number: int

    def __str__(self) -> str:
        return f"block {self.number} of {self.noisy_file}"

    def load(self) -> tuple[np.ndarray, np.ndarray]:
        noisy, clean = (open_blocks(file) for file in (self.noisy_file, self.clean_file))
        return np.array(noisy[self.number]), np.array(clean[self.number])

    def size(self) -> tuple[int, int]:
        return SHAPE[2:4]

    def fingerprint(self) -> str:
        files = file_fingerprint(self.noisy_file), file_fingerprint(self.clean_file)
        return "|".join([*files, str(self.number)])


def _find() -> tuple[list[BlockPair], list[Path]]:
    """Return the 1,280 blocks to validate on, named by image and block; all are to test on."""
    noisy_file, clean_file = find_blocks(VALIDATION_NOISY), find_blocks(VALIDATION_CLEAN)
    images, blocks = SHAPE[:2]
    return [
        BlockPair(
            id=f"{number // blocks:02d}-{number % blocks:02d}",
            scene=f"validation-{number // blocks:02d}",
            part="test",
            noisy_file=noisy_file,
            clean_file=clean_file,
            number=number,
        )
        for number in range(images * blocks)
    ], []


def find_blocks(variable: str) -> Path:
    """Return the `.mat` file of a set of blocks: in the data root, or one or two folders deeper.

    Only its header is read.

    Parameters
    ----------
    variable : {"ValidationNoisyBlocksSrgb", "ValidationGtBlocksSrgb", "BenchmarkNoisyBlocksSrgb"}
        The name of the file and of the array in it.

    Raises
    ------
    CaseStudyError
        If it is not there, is not a MATLAB file, or does not hold the blocks.
    """
    name = f"{variable}.mat"
    places = (path for depth in ("", "*/", "*/*/") for path in data_root().glob(depth + name))
    path = next(places, None)
    if path is None:
        raise CaseStudyError(
            f"{name} is not in {data_root()}. Download it from {HOME} and put it into sidd/ "
            "there, or set CASESTUDY_DATA to the folder that holds sidd/."
        )
    found = _read("whosmat", path)
    expected = (variable, SHAPE, "uint8")
    if expected not in found:
        held = ", ".join(map(_described, found)) or "nothing"
        raise CaseStudyError(
            f"{path} holds {held}; expected is {_described(expected)}. Download it again from "
            f"{HOME}."
        )
    return path


def open_blocks(file: Path) -> np.ndarray:
    """Open all blocks of a file; each is read from disk when it is used.

    MATLAB's files can be read only as a whole, 252 MB, and hold the first axis innermost. So the
    blocks are written once to the cache, one after the other.

    Parameters
    ----------
    file : Path
        From `find_blocks`.

    Returns
    -------
    memmap, shape (1280, 256, 256, 3), uint8
        Block b of image i is number 32 i + b, as in the benchmark.

    Raises
    ------
    CaseStudyError
        If the file is damaged or cut off, or the cache cannot be written.
    """
    made_from = hashlib.sha256(file_fingerprint(file).encode()).hexdigest()[:16]
    path = cache_root() / "blocks" / f"{file.stem}-{made_from}.npy"
    made_once(path, lambda temporary: _write_blocks(temporary, file))
    return np.load(path, mmap_mode="r")


def _write_blocks(path: Path, file: Path) -> None:
    images = _read("loadmat", file, variable_names=[file.stem])[file.stem]
    shape = (SHAPE[0] * SHAPE[1], *SHAPE[2:])
    stored = np.lib.format.open_memmap(path, "w+", np.uint8, shape)
    for start, image in zip(range(0, len(stored), SHAPE[1]), images, strict=True):
        stored[start : start + SHAPE[1]] = image


def _described(variable: tuple[str, tuple[int, ...], str]) -> str:
    name, shape, kind = variable
    return f"{name} ({kind}, {'x'.join(map(str, shape))})"


def _read(function: str, path: Path, **options: object) -> object:
    """Call a function of scipy.io; whatever is wrong with the file, the error names it."""
    # Imported here for a fast start-up.
    from scipy import io

    try:
        return getattr(io, function)(path, **options)
    except Exception as error:  # damage raises anything from IndexError to zlib.error
        raise CaseStudyError(
            f"{path} is not a MATLAB file that can be read, or it is cut off ({error}). Download "
            f"it again from {HOME}."
        ) from error


VALIDATION = Dataset(
    name="sidd-validation",
    summary="SIDD's 1,280 blocks of 256x256 to test on, real noise of 5 phones",
    terms=TERMS,
    get=f"put {VALIDATION_NOISY}.mat and {VALIDATION_CLEAN}.mat (462 MB, {HOME}) into sidd/ in "
    "the data root",
    where=lambda found: str(data_root() / "sidd"),
    find=_find,
    families=("sidd",),
    rounded=False,
)
