"""Images side by side, and the parts of them that are worth looking at."""

from collections.abc import Mapping, Sequence

import cv2
import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure

from casestudy.data.catalogue import Pair, load_pairs
from casestudy.data.patches import Patches, cut_patches
from casestudy.results.metrics import denoise_patches, psnr
from casestudy.results.run import Method, example_positions

LABEL, LINE, GAP = 24, 18, 8  # px, around the images of a grid: a label, a line of a title


def show_images(rows: Mapping[str, Mapping[str, np.ndarray]]) -> Figure:
    """Draw pictures in a grid; each of their pixels is one pixel of the figure.

    Parameters
    ----------
    rows : mapping of row label to mapping of title to image
        Images are (H, W, 3) or (H, W), uint8 or float in [0, 1]. A title is drawn over the
        first row, and again where it changes from one row to the next.
    """
    lines, shown = [], []  # of titles over each row
    for images in rows.values():
        lines.append(0 if list(images) == shown else 1 + max(t.count("\n") for t in images))
        shown = list(images)
    width = max(image.shape[1] for images in rows.values() for image in images.values())
    heights = [max(image.shape[0] for image in images.values()) for images in rows.values()]
    columns = max(len(images) for images in rows.values())
    left = LABEL if any(rows) else 0
    size = left + columns * (width + GAP), sum(heights) + len(rows) * GAP + sum(lines) * LINE
    dpi = plt.rcParams["figure.dpi"]
    fig = plt.figure(figsize=(size[0] / dpi, size[1] / dpi), layout="none")
    # Notebooks cut figures to what is drawn, which would shift the images by parts of a pixel.
    fig.add_axes((0, 0, 1, 1)).set_axis_off()
    top = size[1]
    for (label, images), height, count in zip(rows.items(), heights, lines, strict=True):
        top -= height + GAP + count * LINE
        fig.text(0, (top + height / 2) / size[1], label, rotation=90, va="center")
        for column, (title, image) in enumerate(images.items()):
            high, wide = image.shape[:2]
            corner = left + column * (width + GAP), top + height - high
            at = corner[0] / size[0], corner[1] / size[1], wide / size[0], high / size[1]
            ax = fig.add_axes(at, label=f"{label}, {title}")
            ax.set_axis_off()
            most = 255 if image.dtype == np.uint8 else 1
            ax.imshow(
                np.clip(image, 0, most),
                cmap="gray",
                interpolation="nearest",
                vmin=0,
                vmax=most,
                aspect="auto",
            )
            if count:
                ax.set_title(title, fontsize="medium", pad=5)
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
    """Return the upper left corner of the square with most detail in an image, for `zoom`.

    Denoising can cost detail; a square of nothing but sky shows none. Detail is the total
    variation, the sum of absolute differences of neighbouring pixels, after a Gaussian blur of one
    pixel against single hot ones. Letters and texture have more of it than one strong edge.

    Parameters
    ----------
    clean : ndarray, shape (H, W, 3), uint8 or float in [0, 1]
    size : int
        Side of the square in pixels.
    """
    size = min(size, *clean.shape[:2])
    smooth = cv2.GaussianBlur(clean.astype(np.float32), (0, 0), 1)
    detail = np.zeros(clean.shape[:2])
    detail[1:] += np.abs(np.diff(smooth, axis=0)).sum(axis=2)
    detail[:, 1:] += np.abs(np.diff(smooth, axis=1)).sum(axis=2)
    sums = cv2.boxFilter(detail, -1, (size, size), anchor=(0, 0), normalize=False)
    height, width = (side - size + 1 for side in clean.shape[:2])
    top, left = np.unravel_index(sums[:height, :width].argmax(), (height, width))
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
            "noisy": fitted(zoom(noisy, side, factor=1), 256),
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
        {row: dict(zip(scenes, stack, strict=True)) for row, stack in stacks.items()}
    )


def phone_patches() -> Patches:
    """Return crops of 256 px of `phones`: real noise that no released network was trained on."""
    return cut_patches("phones", load_pairs("phones"), 256)


def examples(patches: Patches) -> dict[str, int]:
    """Return the positions of three patches, by how strong their noise is."""
    labels = "strong noise", "typical noise", "weak noise"
    return dict(zip(labels, map(int, example_positions(patches)), strict=True))


def show_on_phones(methods: Sequence[Method], size: int = 72, factor: int = 4) -> Figure:
    """Draw what methods made of patches with real noise of phones; see `show_results`."""
    phones = phone_patches()
    return show_results(methods, phones, examples(phones), size, factor)


def show_results(
    methods: Sequence[Method],
    patches: Patches,
    picked: Mapping[str, int],
    size: int = 72,
    factor: int = 4,
) -> Figure:
    """Draw what methods made of some patches: the square with most detail of each, enlarged.

    Each row has the noisy, the denoised and the clean square, with the PSNR of the whole patch in
    dB. If there is one method, the last column is what is still wrong: denoised minus clean, times
    four.

    Parameters
    ----------
    methods : sequence of Method
    patches : Patches
    picked : mapping of row label to position
        As from `examples` or `casestudy.results.comparison.by_gain`.
    size, factor
        See `zoom`.
    """
    positions = list(picked.values())
    found = {
        method.title: denoise_patches(method.denoiser, patches, positions) for method in methods
    }
    found = {"noisy": patches.noisy(positions), **found}
    rows = {}
    for row, label in enumerate(picked):
        clean = patches.clean(positions[row : row + 1])[0]
        images = {title: _levels(stack[row]) for title, stack in found.items()}
        panels = {f"{title}\n{psnr(clean, im / 255):.1f} dB": im for title, im in images.items()}
        panels["clean"] = _levels(clean)
        if len(methods) == 1:
            panels["error x 4"] = difference(images[methods[0].title], panels["clean"])
        corner = busiest(clean, size)
        rows[label] = {title: zoom(im, size, factor, corner) for title, im in panels.items()}
    return show_images(rows)


def _levels(image: np.ndarray) -> np.ndarray:
    return image if image.dtype == np.uint8 else np.round(image * 255).astype(np.uint8)


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
