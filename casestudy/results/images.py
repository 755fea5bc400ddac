"""Images side by side, and the parts of them that are worth looking at."""

from collections.abc import Mapping, Sequence

import cv2
import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure

from casestudy.data.catalogue import Pair
from casestudy.data.patches import Patches
from casestudy.results.metrics import denoise_patches
from casestudy.results.run import Method


def show_images(rows: Mapping[str, Mapping[str, np.ndarray]], width: float = 3.2) -> Figure:
    """Draw a grid of images.

    Parameters
    ----------
    rows : mapping of row label to mapping of title to image
        Images are (H, W, 3) or (H, W), uint8 or float in [0, 1]. A title is drawn over the
        first row, and again where it changes from one row to the next.
    width : float
        Width of a panel in inches.
    """
    columns = max(len(images) for images in rows.values())
    shapes = [next(iter(images.values())).shape for images in rows.values()]
    ratios = [shape[0] / shape[1] for shape in shapes]
    fig, axes = plt.subplots(
        len(rows),
        columns,
        figsize=(width * columns, width * sum(ratios) + 0.4),
        squeeze=False,
        height_ratios=ratios,
        layout="compressed",
    )
    shown: list[str] = []
    for line, (label, images) in zip(axes, rows.items(), strict=True):
        for ax in line:
            ax.set_axis_off()
        for ax, (title, image) in zip(line, images.items(), strict=False):
            most = 255 if image.dtype == np.uint8 else 1
            shown_image = np.clip(image, 0, most)
            ax.imshow(shown_image, cmap="gray", interpolation="nearest", vmin=0, vmax=most)
            if list(images) != shown:
                ax.set_title(title, fontsize="medium")
        line[0].text(
            -0.04, 0.5, label, rotation=90, va="center", ha="right", transform=line[0].transAxes
        )
        shown = list(images)
    return fig


def zoom(
    image: np.ndarray, size: int = 64, factor: int = 4, corner: tuple[int, int] | None = None
) -> np.ndarray:
    """Return a square of an image with every pixel repeated.

    Parameters
    ----------
    image : ndarray, shape (H, W, 3)
    size : int
        Side of the square in pixels.
    factor : int
        How often each pixel is repeated along each side.
    corner : (int, int), optional
        Row and column of its upper left pixel; by default it is the central square.
    """
    top, left = corner or [max((side - size) // 2, 0) for side in image.shape[:2]]
    square = image[top : top + size, left : left + size]
    return square.repeat(factor, axis=0).repeat(factor, axis=1)


def fitted(image: np.ndarray, longest: int = 1000) -> np.ndarray:
    """Return an image, reduced if a side is longer than this number of pixels."""
    scale = longest / max(image.shape[:2])
    if scale >= 1:
        return image
    return cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)


def busiest(clean: np.ndarray, size: int = 64) -> tuple[int, int]:
    """Return the upper left corner of the square in which an image varies most, for `zoom`.

    Denoising can cost detail; a square of nothing but sky shows none.

    Parameters
    ----------
    clean : ndarray, shape (H, W, 3), uint8 or float in [0, 1]
    size : int
        Side of the square in pixels.
    """
    size = min(size, *clean.shape[:2])
    mean, mean_square = (
        cv2.boxFilter(values, -1, (size, size), anchor=(0, 0))
        for values in (clean.astype(float), np.square(clean.astype(float)))
    )
    height, width = (side - size + 1 for side in clean.shape[:2])
    variance = (mean_square - mean**2)[:height, :width].sum(axis=2)
    top, left = np.unravel_index(variance.argmax(), variance.shape)
    return int(top), int(left)


def closeups(pairs: Sequence[Pair], picked: Mapping[str, int]) -> dict[str, dict[str, np.ndarray]]:
    """Return a row per picked pair for `show_images`: whole, and where it has most detail.

    Parameters
    ----------
    pairs : sequence of Pair
    picked : mapping of row label to position
    """
    rows = {}
    for label, position in picked.items():
        noisy, clean = pairs[position].load()
        side = min(512, *noisy.shape[:2])
        corner = busiest(clean)
        rows[label] = {
            "noisy": zoom(noisy, side, factor=1),
            "noisy, enlarged": zoom(noisy, corner=corner),
            "clean, enlarged": zoom(clean, corner=corner),
            "noise x 4": zoom(difference(noisy, clean), corner=corner),
        }
    return rows


def show_patches(patches: Patches) -> Figure:
    """Draw noisy and clean patches, a column each, under the names of their scenes."""
    everyone, scenes = np.arange(len(patches)), patches.table["scene"]
    stacks = {"noisy": patches.noisy(everyone), "clean": patches.clean(everyone)}
    return show_images(
        {row: dict(zip(scenes, stack, strict=True)) for row, stack in stacks.items()}, width=2
    )


def show_results(
    method: Method, patches: Patches, picked: Mapping[str, int], enlarged: bool = False
) -> Figure:
    """Draw what a method made of some patches.

    Each row has the noisy, the denoised and the clean patch, and what is still wrong (denoised
    minus clean, times four).

    Parameters
    ----------
    method : Method
    patches : Patches
    picked : mapping of row label to position
        As from `casestudy.results.comparison.by_gain`.
    enlarged : bool
        Draw only the square with most detail of each patch, enlarged; see `busiest`.
    """
    positions = list(picked.values())
    denoised = denoise_patches(method.denoiser, patches, positions)
    noisy, clean = (
        np.round(read(positions) * 255).astype(np.uint8) for read in (patches.noisy, patches.clean)
    )
    rows = {}
    for row, label in enumerate(picked):
        rows[label] = {
            "noisy": noisy[row],
            method.title: denoised[row],
            "clean": clean[row],
            "error x 4": difference(denoised[row], clean[row]),
        }
        if enlarged:
            corner = busiest(clean[row])
            rows[label] = {title: zoom(im, corner=corner) for title, im in rows[label].items()}
    return show_images(rows, width=2.8)


def difference(image: np.ndarray, clean: np.ndarray, gain: float = 4.0) -> np.ndarray:
    """Return an image minus the clean one, amplified around mid-gray.

    Parameters
    ----------
    image, clean : ndarray, shape (H, W, 3), uint8
    gain : float
        Amplification.

    Returns
    -------
    ndarray, float in [0, 1]
    """
    return np.clip(0.5 + gain * (image.astype(np.float32) - clean) / 255, 0, 1)
