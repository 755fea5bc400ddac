"""The baseline: a convolutional autoencoder that squeezes the image through a small grid.

S. Solomon, "Image Denoising using Deep Learning", 2021: three convolutions with max-pooling,
three transposed convolutions, and a last convolution with 3 filters. The article does not state
the widths; re-creations of it use 32, 64 and 128. Here the last layer is linear, because the
losses and metrics need no sigmoid. There are no skip connections: every detail has to fit into a
grid with an eighth of the height and width. As an option, the result is a correction of the noisy
image, so that a short training need not learn to reproduce colours first.
"""

import keras
from keras import layers

from casestudy.models.residual import corrected


def build_autoencoder(filters: int = 32, residual: bool = False) -> keras.Model:
    """Build the autoencoder.

    Parameters
    ----------
    filters : int
        Channels of the first level; the next two have twice and four times as many.
    residual : bool
        Whether the result is added to the noisy image.

    Returns
    -------
    keras.Model
        From (N, H, W, 3) in [0, 1] to the same shape, H and W multiples of 8. 333,955
        parameters with 32 filters.
    """
    shared = {"padding": "same", "activation": "relu", "kernel_initializer": "he_normal"}
    noisy = keras.Input((None, None, 3), name="noisy")
    x = noisy
    for level, width in ((1, filters), (2, 2 * filters), (3, 4 * filters)):
        x = layers.Conv2D(width, 3, name=f"down{level}.conv", **shared)(x)
        x = layers.MaxPooling2D(2, name=f"down{level}.pool")(x)
    for level, width in ((3, 4 * filters), (2, 2 * filters), (1, filters)):
        x = layers.Conv2DTranspose(width, 3, strides=2, name=f"up{level}.deconv", **shared)(x)
    if residual:
        denoised = corrected(noisy, x)
    else:
        denoised = layers.Conv2D(3, 3, padding="same", dtype="float32", name="denoised")(x)
    return keras.Model(noisy, denoised, name="autoencoder")
