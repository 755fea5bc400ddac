"""A pair: one scene photographed twice, with noise and without."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from casestudy import CaseStudyError
from casestudy.files.photos import read_image, read_size


@dataclass(frozen=True)
class Pair(ABC):
    """A noisy photograph and the clean one of the same scene."""

    id: str  # unique within the dataset
    scene: str  # pairs of one scene share content, so they share a side of a split
    camera: str | None = None  # model, where the dataset names it
    iso: int | None = None  # sensitivity, where the dataset names it
    part: str | None = None  # train, validation or test, where the dataset decides that
    # The set that the pair belongs to, where datasets are put together. Each is split in the
    # same proportion.
    collection: str | None = None

    def __str__(self) -> str:
        return self.id

    @abstractmethod
    def load(self) -> tuple[np.ndarray, np.ndarray]:
        """Return the noisy and the clean image: uint8 RGB, shape (H, W, 3), equal shapes."""

    def size(self) -> tuple[int, int]:
        """Return height and width in pixels, or width and height where EXIF turns the image."""
        return self.load()[0].shape[:2]

    @abstractmethod
    def fingerprint(self) -> str:
        """Return text that changes whenever the pair's pixels may have changed."""


@dataclass(frozen=True, kw_only=True)
class FilePair(Pair):
    """A pair stored as two image files.

    Raises
    ------
    CaseStudyError
        From `load` and `size`: if a file cannot be read, or the two differ in shape.
    """

    noisy_path: Path
    clean_path: Path

    def __str__(self) -> str:
        return str(self.noisy_path)

    def load(self) -> tuple[np.ndarray, np.ndarray]:
        noisy, clean = read_image(self.noisy_path), read_image(self.clean_path)
        self._refuse_different(noisy.shape, clean.shape)
        return noisy, clean

    def size(self) -> tuple[int, int]:
        noisy, clean = read_size(self.noisy_path), read_size(self.clean_path)
        if sorted(noisy) != sorted(clean):  # one of them may be turned by EXIF
            self._refuse_different(noisy, clean)
        return noisy

    def _refuse_different(self, noisy: tuple[int, ...], clean: tuple[int, ...]) -> None:
        if noisy != clean:
            sizes = [f"{width}x{height}" for height, width, *_ in (noisy, clean)]
            raise CaseStudyError(
                f"{self.noisy_path} is {sizes[0]} but its clean partner {self.clean_path} is "
                f"{sizes[1]}. Replace one with a file of the other's size, or remove the pair."
            )

    def fingerprint(self) -> str:
        return f"{file_fingerprint(self.noisy_path)}|{file_fingerprint(self.clean_path)}"


def file_fingerprint(path: Path) -> str:
    """Return text that changes whenever a file may have changed: its place, size and time."""
    stat = path.stat()
    return f"{path.resolve()}:{stat.st_size}:{stat.st_mtime_ns}"
