"""Batches for training: the article's custom data generator, for any Keras backend."""

import copy
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import cv2
import keras
import numpy as np

from casestudy.data.camera import (
    NOISELESS,
    Camera,
    capture,
    jpeg,
    noise_level_map,
    random_camera,
    random_light,
)
from casestudy.data.noise import random_noise
from casestudy.data.patches import Patches
from casestudy.data.sets import sample

UNKNOWN = -1.0  # in a noise level map: the strength of the noise is not known

# Share of simulated captures that stay without noise: a network should learn to leave a clean
# photograph alone.
NOISELESS_SHARE = 1 / 8

JPEG_BLOCK = 16  # px, with colour at half the resolution
USUAL_QUALITY = 75  # of JPEG files: the default of libjpeg, Pillow and MATLAB


@dataclass(frozen=True)
class Source:
    """Further patches to train on, and the noise that they get.

    Patches have their own noise; or their clean images are photographed again, in `random_light`,
    by a random simulated camera (a `NOISELESS_SHARE` of them by one without noise); or they get
    the `random_noise` of `casestudy.data.noise`; or they stay clean.
    """

    patches: Patches
    share: float  # of all examples, 0 to 1
    noise: Literal["own", "camera", "mixture", "none"] = "own"
    recompressed: float = 0.0  # see `recompressed_share` of `PatchBatches`


class PatchBatches(keras.utils.PyDataset):
    """Batches of noisy and clean patches; each epoch has an order, crops and noise of its own.

    Whatever is random depends only on `seed`, the epoch and the batch, so a training can resume
    anywhere.

    Parameters
    ----------
    patches : Patches
    batch_size : int
        Patches per batch.
    crop_size : int
        Side in pixels of the square that is cut out of each patch at random. 0, or more than the
        size of a patch, means whole patches.
    training : bool
        Shuffle, and flip and turn each pair into one of its eight orientations at random. The
        patches after the last full batch are left out of this epoch. Otherwise the order is that
        of the patches, and the last batch holds the rest.
    sources : sequence of Source
        Where a share of every batch is drawn from instead. Of the same `patches`, the one of this
        position is used.
    recompressed_share : float
        Share of the patches that are compressed to JPEG once more, as photographs are when they
        are passed on: noise is then smoother, and has less colour. Noisy and clean image are
        compressed alike, because the loss is not noise; half of them at a quality of
        `USUAL_QUALITY`, the others at one drawn uniformly from 60 to 100.
    exposure_matched : bool
        Shift the patches' clean colours to the mean of the noisy ones. Two shots of a scene
        differ in exposure where lamps flicker, by up to five of 255 levels in PolyU. The noisy
        one does not show that, so a network could only learn it by heart for each scene.
    level_maps : bool
        Add CBDNet's noise level map as a second target. It is known for captures of `sample`
        and of simulated cameras, and `UNKNOWN` for others.
    seed : int
    workers : int
        Threads that make batches while a network is trained on earlier ones.

    Notes
    -----
    A batch is a tuple (noisy, target) of float32 arrays in [0, 1], shape (N, size, size, 3).
    The target is the clean patches, or with `level_maps` a dict of two: denoised and
    noise_level_map.
    """

    def __init__(
        self,
        patches: Patches,
        batch_size: int = 32,
        crop_size: int = 0,
        training: bool = False,
        sources: Sequence[Source] = (),
        recompressed_share: float = 0.0,
        exposure_matched: bool = False,
        level_maps: bool = False,
        seed: int = 0,
        workers: int = 1,
    ):
        super().__init__(workers=workers, max_queue_size=2 * workers)
        self.patches, self.batch_size = patches, min(batch_size, len(patches))
        self.crop_size = min(crop_size or patches.size, patches.size)
        self.training, self.seed = training, seed
        self.sources = sources
        self.own = Source(
            patches, 1 - sum(source.share for source in sources), "own", recompressed_share
        )
        self.exposure_matched = exposure_matched
        self.level_maps = level_maps
        whole = len(patches) // self.batch_size
        self.batches_per_epoch = whole if training else -(-len(patches) // self.batch_size)
        self._choose(0, range(self.batches_per_epoch))

    def part(self, epoch: int, first: int = 0) -> "PatchBatches":
        """Return the batches of an epoch from position `first` on."""
        part = copy.copy(self)
        part._choose(epoch, range(first, self.batches_per_epoch))
        return part

    def _choose(self, epoch: int, positions: range) -> None:
        self.epoch, self.positions = epoch, positions
        self.order = np.arange(len(self.patches))
        if self.training:
            np.random.default_rng((self.seed, epoch, 0)).shuffle(self.order)

    def __len__(self) -> int:
        return len(self.positions)

    def __getitem__(self, index: int) -> tuple[np.ndarray, np.ndarray | dict[str, np.ndarray]]:
        position = self.positions[index]
        chosen = self.order[position * self.batch_size :][: self.batch_size]
        rng = np.random.default_rng((self.seed, self.epoch, position + 1))
        # A share of 0.3 of 4 patches is 1.2: one patch, and in every fifth batch two.
        drawn = (rng.permutation(len(chosen)) + rng.random()) / len(chosen)
        numbers = np.searchsorted(np.cumsum([s.share for s in self.sources]), drawn, "right")
        examples = [
            self._example(patch, number, rng)
            for patch, number in zip(chosen, numbers, strict=True)
        ]
        noisy, clean, *level_maps = map(np.stack, zip(*examples, strict=True))
        noisy, clean = noisy / np.float32(255), clean / np.float32(255)
        if self.level_maps:
            return noisy, {"denoised": clean, "noise_level_map": level_maps[0]}
        return noisy, clean

    def _example(self, patch: int, number: int, rng: np.random.Generator) -> list[np.ndarray]:
        """Return one cropped and turned patch, noisy and clean, and its level map if wanted.

        It is drawn from the source of this number, or is `patch` if there is none.
        """
        source = self.own
        if number < len(self.sources):
            source = self.sources[number]
            if source.patches is not self.patches:
                patch = rng.integers(len(source.patches))
        noisy, clean, camera, iso = self._noisy(source, patch, rng)
        images = [noisy, clean]
        if self.level_maps and camera:
            images.append(noise_level_map(clean, camera, iso))
        elif self.level_maps:
            images.append(np.full(clean.shape, UNKNOWN, np.float32))
        orientation = rng.integers(8) if self.training else 0
        return [oriented(image, orientation) for image in images]

    def _noisy(
        self, source: Source, patch: int, rng: np.random.Generator
    ) -> tuple[np.ndarray, np.ndarray, Camera | None, float]:
        """Return a noisy and a clean square, and the camera and its ISO where they are known."""
        if source.noise == "own":
            return self._photographed(source, patch, rng)
        _, clean = self._crop(source.patches, patch, self.crop_size, rng)
        if source.noise == "camera":
            clean = random_light(clean, rng)
            camera = NOISELESS if rng.random() < NOISELESS_SHARE else random_camera(rng)
            images = (clean, clean) if camera is NOISELESS else capture(clean, camera, 1, rng)
            return *images, camera, 1
        if source.noise == "mixture":
            return *random_noise(clean, rng), None, 0
        return clean, clean, NOISELESS, 1

    def _photographed(
        self, source: Source, patch: int, rng: np.random.Generator
    ) -> tuple[np.ndarray, np.ndarray, Camera | None, float]:
        patches = source.patches
        if rng.random() >= source.recompressed:
            noisy, clean = self._crop(patches, patch, self.crop_size, rng)
            name, iso = patches.table.loc[patch, ["camera", "iso"]]
            camera = sample.CAMERAS_BY_NAME.get(name)
        else:
            # A photograph may have been cropped anywhere, so JPEG's blocks may begin anywhere.
            side = min(self.crop_size + JPEG_BLOCK, patches.size)
            noisy, clean = self._crop(patches, patch, side, rng)
            quality = USUAL_QUALITY if rng.random() < 0.5 else int(rng.integers(60, 101))
            top, left = rng.integers(side - self.crop_size + 1, size=2)
            part = slice(top, top + self.crop_size), slice(left, left + self.crop_size)
            noisy, clean = jpeg(noisy, quality)[part], jpeg(clean, quality)[part]
            camera, iso = None, 0
        if source is self.own and self.exposure_matched:
            clean = self._matched(clean, patch)
        return noisy, clean, camera, iso

    def _matched(self, clean: np.ndarray, patch: int) -> np.ndarray:
        # The mean of the whole patch is nearly free of noise.
        whole = self.patches.crop(patch, 0, 0, self.patches.size)
        noisy_mean, clean_mean = (np.array(cv2.mean(image)[:3]) for image in whole)
        return np.clip(clean + (noisy_mean - clean_mean), 0, 255).astype(np.float32)

    @staticmethod
    def _crop(
        source: Patches, patch: int, side: int, rng: np.random.Generator
    ) -> tuple[np.ndarray, np.ndarray]:
        top, left = rng.integers(source.size - side + 1, size=2)
        return source.crop(patch, top, left, side)


def oriented(image: np.ndarray, orientation: int) -> np.ndarray:
    """Return one of the eight flips and quarter turns of a square image.

    Parameters
    ----------
    image : ndarray, shape (size, size, channels)
    orientation : int
        0 to 7; 0 leaves the image as it is, 4 and more mirror it.
    """
    image = np.rot90(image, orientation % 4)
    return image[:, ::-1] if orientation >= 4 else image
