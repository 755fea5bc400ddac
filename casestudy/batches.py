"""Batches for training: the article's custom data generator, for any Keras backend."""

import keras
import numpy as np

from casestudy.patches import Patches


class PatchBatches(keras.utils.PyDataset):
    """Batches of noisy and clean patches, in a new seeded order every epoch.

    Parameters
    ----------
    patches : Patches
    batch_size : int
        The last batch of an epoch holds what is left.
    crop_size : int
        Side in pixels of the square that is cut out of each patch at random. 0 means whole
        patches, and so does a crop larger than they are.
    shuffle : bool
        Draw a new order each epoch; it depends on `seed` and the epoch alone.
    augment : bool
        Flip and turn each pair into one of its eight orientations at random.
    seed : int

    Notes
    -----
    A batch is a tuple (noisy, clean) of float32 arrays in [0, 1], shape
    (N, size, size, 3). Crops, flips and turns depend on `seed`, the epoch and the batch alone.
    """

    def __init__(
        self,
        patches: Patches,
        batch_size: int = 32,
        crop_size: int = 0,
        shuffle: bool = True,
        augment: bool = False,
        seed: int = 0,
    ):
        super().__init__()
        self.patches, self.batch_size = patches, batch_size
        self.crop_size = min(crop_size or patches.size, patches.size)
        self.shuffle, self.augment, self.seed = shuffle, augment, seed
        self.epoch = 0
        self._start_epoch()

    def __len__(self) -> int:
        return -(-len(self.patches) // self.batch_size)

    def __getitem__(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        chosen = self.order[index * self.batch_size : (index + 1) * self.batch_size]
        rng = np.random.default_rng((self.seed, self.epoch, index))
        tops, lefts = rng.integers(self.patches.size - self.crop_size + 1, size=(2, len(chosen)))
        orientations = rng.integers(8 if self.augment else 1, size=len(chosen))
        return tuple(
            np.stack(
                [
                    oriented(patch[top : top + self.crop_size, left : left + self.crop_size], turn)
                    for patch, top, left, turn in zip(
                        whole, tops, lefts, orientations, strict=True
                    )
                ]
            )
            for whole in (self.patches.noisy(chosen), self.patches.clean(chosen))
        )

    def on_epoch_end(self) -> None:
        self.epoch += 1
        self._start_epoch()

    def _start_epoch(self) -> None:
        self.order = np.arange(len(self.patches))
        if self.shuffle:
            np.random.default_rng((self.seed, self.epoch)).shuffle(self.order)


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
