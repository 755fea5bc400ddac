"""CBDNet's loss on the noise level map, and PSNR as a metric of training.

Guo et al., "Toward Convolutional Blind Denoising of Real Photographs", CVPR 2019,
arXiv:1807.04686, sections 3.2 and 3.3.
"""

from keras import ops

ALPHA = 0.3  # weight of over-estimating noise; under-estimating weighs 1 - ALPHA
ASYMMETRIC_WEIGHT, SMOOTHNESS_WEIGHT = 0.5, 0.05


def asymmetric_loss(level_map, estimate):
    """Return the squared error of a noise level map; a low estimate costs more than a high one.

    A denoiser that expects too little noise leaves some of it, which is worse than a little blur.
    Pixels whose true level is unknown (below 0) cost nothing.

    Parameters
    ----------
    level_map, estimate : tensor, shape (N, H, W, 3), float
        True and estimated standard deviation of the noise.

    Returns
    -------
    tensor, scalar
        mean(|ALPHA - [estimate < level_map]| (estimate - level_map)^2)
    """
    too_low = ops.cast(estimate < level_map, estimate.dtype)
    known = ops.cast(level_map >= 0, estimate.dtype)
    return ops.mean(known * ops.abs(ALPHA - too_low) * ops.square(estimate - level_map))


def total_variation(estimate):
    """Return the mean squared difference of neighbouring pixels, rows plus columns.

    Parameters
    ----------
    estimate : tensor, shape (N, H, W, 3), float

    Returns
    -------
    tensor, scalar
    """
    down = ops.mean(ops.square(estimate[:, 1:] - estimate[:, :-1]))
    right = ops.mean(ops.square(estimate[:, :, 1:] - estimate[:, :, :-1]))
    return down + right


def level_map_loss(level_map, estimate):
    """Return the loss that CBDNet adds to the image's error: 0.5 asymmetric + 0.05 variation.

    Parameters
    ----------
    level_map, estimate : tensor, shape (N, H, W, 3), float
        See `asymmetric_loss`.

    Returns
    -------
    tensor, scalar
    """
    asymmetric = ASYMMETRIC_WEIGHT * asymmetric_loss(level_map, estimate)
    return asymmetric + SMOOTHNESS_WEIGHT * total_variation(estimate)


def psnr_db(clean, denoised):
    """Return the PSNR of each image in dB, the denoised one clipped to [0, 1].

    Parameters
    ----------
    clean, denoised : tensor, shape (N, H, W, 3), float

    Returns
    -------
    tensor, shape (N,)
        Equal images score 100 dB.
    """
    error = ops.mean(ops.square(ops.clip(denoised, 0, 1) - clean), axis=(1, 2, 3))
    return -10 * ops.log10(ops.maximum(error, 1e-10))
