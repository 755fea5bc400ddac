"""Denoising with a network: images of any size, and refusals instead of pictures of garbage."""

import keras
import numpy as np

from casestudy.errors import CaseStudyError
from casestudy.metrics import Denoiser
from casestudy.models import MULTIPLES


def network_denoiser(model: keras.Model) -> Denoiser:
    """Return a network as a denoiser of images of any size.

    Images are mirrored at the right and bottom to the multiple that the network needs, and cut
    again afterwards.

    Parameters
    ----------
    model : keras.Model
        From `casestudy.models.build`.

    Returns
    -------
    Denoiser
        From noisy images (N, H, W, 3), float in [0, 1], to denoised ones of the same shape,
        float32, not clipped. It raises CaseStudyError for images of another kind.
    """
    multiple = MULTIPLES[model.name]

    def denoise(noisy: np.ndarray) -> np.ndarray:
        check_images(noisy)
        height, width = noisy.shape[1:3]
        margins = ((0, 0), (0, -height % multiple), (0, -width % multiple), (0, 0))
        padded = np.pad(noisy, margins, mode="symmetric")
        # On several devices each would denoise the whole batch: keep the first one's.
        return model.predict_on_batch(padded)[: len(noisy), :height, :width]

    return denoise


def check_images(images: np.ndarray) -> None:
    """Raise CaseStudyError unless images are (N, H, W, 3), float in [0, 1]."""
    if images.ndim != 4 or images.shape[-1] != 3 or 0 in images.shape:
        raise CaseStudyError(
            f"Images are expected as (number, height, width, 3), not {images.shape}. One RGB "
            "image is image[None]; gray or transparent ones have to be converted to RGB."
        )
    if not np.issubdtype(images.dtype, np.floating):
        raise CaseStudyError(
            f"Images are expected as floats in [0, 1], not {images.dtype}. Divide them by the "
            "largest value that their type can hold: 255 for uint8."
        )
    low, high = float(images.min()), float(images.max())
    if not 0 <= low <= high <= 1:  # not a number fails as well
        raise CaseStudyError(
            f"Images are expected in [0, 1], but these reach from {low:.3g} to {high:.3g}."
        )
