"""Denoise images of any size and depth, and refuse those that would give garbage."""

from collections.abc import Callable, Iterable
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from casestudy import CaseStudyError
from casestudy.models import NETWORKS

if TYPE_CHECKING:  # LiteRT does not need Keras, which takes seconds and hundreds of megabytes
    import keras

# From a batch of noisy images to denoised ones, both (N, H, W, 3) float32 in [0, 1].
Denoiser = Callable[[np.ndarray], np.ndarray]

# Side of a tile and of its overlap with the next tile, in pixels. Both are multiples of 16, so
# that networks that halve the image combine the same pixels as in the whole image.
TILE, OVERLAP = 512, 48


def denoise(
    denoiser: Denoiser,
    image: np.ndarray,
    tile: int = TILE,
    overlap: int | None = None,
    progress: Callable[[list], Iterable] = iter,
) -> np.ndarray:
    """Denoise one image of any size, tile by tile.

    Tiles overlap. The outer quarter of an overlap, where a tile does not see far enough, is not
    used; over the middle half, one tile fades into the next. Memory is needed for the image, the
    result and one row of tiles. Attention by global averages (PRIDNet, RIDNet) weighs each tile by
    its own average, so results differ slightly from those of the whole image.

    Parameters
    ----------
    denoiser : Denoiser
        Is called with one tile at a time: on a CPU, several at once gain nothing.
    image : ndarray, shape (H, W) or (H, W, C), uint8, uint16 or float in [0, 1]
        C is 1 for grey, 2 for grey and alpha, 3 for RGB, 4 for RGB and alpha. Grey is denoised as
        three equal channels, whose mean is returned; so is RGB whose channels are equal, which
        thus stay equal. Alpha is not changed.
    tile : int
        Side of a tile in pixels, a multiple of 16; 0 for the whole image at once.
    overlap : int, optional
        Pixels, a multiple of 16, at most half a tile. By default 48, or less for small tiles.
    progress : callable
        Wraps the list of tiles, such as `tqdm.tqdm`.

    Returns
    -------
    ndarray
        Shape, dtype and range of `image`.

    Raises
    ------
    CaseStudyError
        If the image is of another kind, tiles of this size and overlap are not possible, or the
        denoiser returns NaN or infinity.
    """
    if overlap is None:
        overlap = min(OVERLAP, tile // 32 * 16)
    check_tiles(tile, overlap)
    levels = _as_channels(image)
    colours = 3 if levels.shape[2] > 2 else 1
    distinct = 3 if (levels[..., :1] != levels[..., :colours]).any() else 1
    largest = full_scale(image)
    result = levels.copy()  # with the alpha channel that is passed through

    def denoise_tile(rows: slice, columns: slice) -> np.ndarray:
        noisy = levels[rows, columns, :distinct] / np.float32(largest)
        denoised = denoiser(np.broadcast_to(noisy, (1, *noisy.shape[:2], 3)))[0]
        if not np.isfinite(denoised).all():
            raise CaseStudyError("The result holds NaN or infinity. Check the weights.")
        return denoised.mean(axis=2, keepdims=True) if distinct == 1 else denoised

    height, width = levels.shape[:2]
    rows, columns = (_tiles(side, tile or side, overlap) for side in (height, width))
    weights = [_fade(spans, overlap) for spans in (rows, columns)]
    tiles = [(row, step) for row in range(len(rows)) for step in range(len(columns))]
    band = None  # the current row of tiles; then its end, which the next row overlaps
    for row, step in progress(tiles):
        top, bottom = rows[row]
        # Every second row from right to left: the rightmost tiles are smaller, and a change of
        # shape costs LiteRT a third of the time of a tile.
        column = len(columns) - 1 - step if row % 2 else step
        if step == 0:
            above, band = band, np.zeros((bottom - top, width, distinct), np.float32)
            if above is not None:
                band[: len(above)] = above
        left, right = columns[column]
        fading = np.multiply.outer(weights[0][row], weights[1][column])[..., None]
        band[:, left:right] += fading * denoise_tile(slice(top, bottom), slice(left, right))
        if step == len(columns) - 1:
            done = rows[row + 1][0] if row + 1 < len(rows) else height
            finished = np.clip(band[: done - top], 0, 1) * largest
            finished = finished if largest == 1 else np.round(finished)
            result[top:done, :, :colours] = finished
            band = band[done - top :]
    return result.reshape(image.shape)


def full_scale(image: np.ndarray) -> int:
    """Return the largest value that an image can hold: 255, 65535, or 1 for floats."""
    return np.iinfo(image.dtype).max if np.issubdtype(image.dtype, np.integer) else 1


def network_denoiser(model: "keras.Model") -> Denoiser:
    """Return a network from `casestudy.models.build` as a denoiser; see `padded`."""

    def predict(noisy: np.ndarray) -> np.ndarray:
        # Each of several devices denoises the whole batch: keep the first result.
        return model.predict_on_batch(noisy)[: len(noisy)]

    return padded(predict, NETWORKS[model.name].multiple)


def padded(predict: Denoiser, multiple: int) -> Denoiser:
    """Return a denoiser of images of any size from one that needs multiples of some pixels.

    It mirrors images at the right and bottom, and cuts the result, which is float32, not clipped.
    It raises CaseStudyError for images that are not (N, H, W, 3), float in [0, 1], and MemoryError
    if the runtime needs more memory than there is.
    """

    def denoise(noisy: np.ndarray) -> np.ndarray:
        check_images(noisy)
        height, width = noisy.shape[1:3]
        margins = ((0, 0), (0, -height % multiple), (0, -width % multiple), (0, 0))
        try:
            denoised = predict(np.pad(noisy, margins, mode="symmetric"))
        except Exception as error:
            # LiteRT, OpenVINO and JAX raise RuntimeError, TensorFlow an error of its own.
            if isinstance(error, RuntimeError) or type(error).__name__ == "ResourceExhaustedError":
                raise MemoryError(str(error)) from error
            raise
        return denoised[:, :height, :width]

    return denoise


def check_tiles(tile: int, overlap: int = 0) -> None:
    """Raise CaseStudyError unless tiles of this size and overlap are possible."""
    if tile < 0 or tile % 16 or overlap % 16 or not 0 <= overlap <= tile // 2:
        raise CaseStudyError(
            f"Tiles of {tile} pixels that overlap by {overlap} are not possible: both numbers "
            "must be multiples of 16, and the overlap at most half a tile."
        )


def check_images(images: np.ndarray) -> None:
    """Raise CaseStudyError unless images are (N, H, W, 3), float in [0, 1]."""
    if images.ndim != 4 or images.shape[-1] != 3 or 0 in images.shape:
        raise CaseStudyError(
            f"Images must be (number, height, width, 3), not {images.shape}. Pass one RGB image "
            "as image[None]; grey or transparent images must be converted to RGB."
        )
    if not np.issubdtype(images.dtype, np.floating):
        raise CaseStudyError(
            f"Images must be floats in [0, 1], not {images.dtype}. Divide them by the largest "
            "value of their type: 255 for uint8."
        )
    low, high = float(images.min()), float(images.max())
    if not 0 <= low <= high <= 1:  # NaN fails as well
        raise CaseStudyError(f"Images must be in [0, 1], not from {low:.3g} to {high:.3g}.")


def _as_channels(image: np.ndarray) -> np.ndarray:
    """Return an image as (H, W, C), or raise CaseStudyError if it cannot be denoised."""
    channels = image[..., None] if image.ndim == 2 else image
    if channels.ndim != 3 or channels.shape[2] not in (1, 2, 3, 4) or 0 in channels.shape:
        raise CaseStudyError(
            f"An image must be (height, width, channels), not {image.shape}, with 1 to 4 "
            "channels: grey, grey and alpha, RGB, or RGB and alpha."
        )
    if image.dtype not in (np.uint8, np.uint16) and not np.issubdtype(image.dtype, np.floating):
        raise CaseStudyError(
            f"An image must be uint8, uint16 or floats in [0, 1], not {image.dtype}."
        )
    return channels


def _tiles(side: int, tile: int, overlap: int) -> list[tuple[int, int]]:
    """Return where tiles begin and end along one side of an image."""
    starts = range(0, max(side - overlap, 1), tile - overlap if tile < side else side)
    return [(start, min(start + tile, side)) for start in starts]


def _fade(tiles: list[tuple[int, int]], overlap: int) -> list[np.ndarray]:
    """Return each tile's weights along one side, which add up to 1 at every pixel."""
    weights = [np.ones(end - start, np.float32) for start, end in tiles]
    rise = np.clip((np.arange(overlap) + 0.5) / overlap * 2 - 0.5, 0, 1).astype(np.float32)
    for before, after in pairwise(weights):
        after[:overlap] = rise
        before[len(before) - overlap :] = 1 - rise
    return weights
