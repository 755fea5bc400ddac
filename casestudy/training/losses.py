"""Losses of CBDNet and HINet, and PSNR as a loss and as a metric of training.

CBDNet's: Guo et al., "Toward Convolutional Blind Denoising of Real Photographs", CVPR 2019,
arXiv:1807.04686, sections 3.2 and 3.3. HINet's: Chen et al., 2021, arXiv:2105.06086.

Images and maps are float tensors of shape (N, H, W, 3), images in [0, 1]; losses are scalars. A
noise level map holds the standard deviation of the noise.
"""

import keras
from keras import ops

ALPHA = 0.3  # weight of over-estimating noise; under-estimating weighs 1 - ALPHA
ASYMMETRIC_WEIGHT, SMOOTHNESS_WEIGHT = 0.5, 0.05
SMALLEST_ERROR = 1e-6  # a PSNR of 60 dB


def asymmetric_loss(level_map, estimate):
    """Return mean(|ALPHA - [estimate < level_map]| (estimate - level_map)^2).

    A denoiser that expects too little noise leaves some of it, which is worse than a little blur,
    so a low estimate costs more than a high one. Pixels whose true level is unknown (below 0)
    cost nothing.
    """
    too_low = ops.cast(estimate < level_map, estimate.dtype)
    known = ops.cast(level_map >= 0, estimate.dtype)
    return ops.mean(known * ops.abs(ALPHA - too_low) * ops.square(estimate - level_map))


def total_variation(estimate):
    """Return the mean squared difference of neighbouring pixels, rows plus columns."""
    down = ops.mean(ops.square(estimate[:, 1:] - estimate[:, :-1]))
    right = ops.mean(ops.square(estimate[:, :, 1:] - estimate[:, :, :-1]))
    return down + right


def level_map_loss(level_map, estimate):
    """Return the loss that CBDNet adds to the image's error: 0.5 asymmetric + 0.05 variation."""
    asymmetric = ASYMMETRIC_WEIGHT * asymmetric_loss(level_map, estimate)
    return asymmetric + SMOOTHNESS_WEIGHT * total_variation(estimate)


def negative_psnr(clean, denoised):
    """Return minus the mean PSNR of the images in dB.

    The logarithm makes a tenth of the error worth as much in an image with weak noise as in one
    with strong noise. NAFNet (Chen et al., 2022, arXiv:2204.04676) minimises it, too. The error
    has a floor, `SMALLEST_ERROR`, so the gradient of a perfect image is finite.
    """
    error = ops.mean(ops.square(denoised - clean), axis=(1, 2, 3))
    return ops.mean(10 * ops.log10(error + SMALLEST_ERROR))


def of_both_results(error):
    """Return the loss of HINet: the sum of the errors of its two results.

    `error` is a function of clean and denoised images; the loss is one of clean images and what
    `casestudy.models.hinet.with_first_result` makes of the noisy ones.
    """

    def loss(clean, results):
        return error(clean, results[..., :3]) + error(clean, results[..., 3:])

    return loss


class PSNR(keras.metrics.Mean):
    """The mean PSNR of images in dB, for results clipped to [0, 1].

    As in the means of `casestudy.results`, images without an error are left out, since their PSNR
    is infinite. Where no image has an error, so is the mean.
    """

    def __init__(self):
        super().__init__(name="psnr_db")

    def update_state(self, clean, denoised, sample_weight=None):
        # Of several results, the first counts.
        error = ops.square(ops.clip(denoised[..., :3], 0, 1) - clean)
        error = ops.mean(error, axis=(1, 2, 3))
        inexact = error > 0
        super().update_state(-10 * ops.log10(ops.where(inexact, error, 1)), inexact)

    def result(self):
        return ops.where(self.count > 0, super().result(), float("inf"))
