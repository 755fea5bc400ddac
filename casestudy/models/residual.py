"""The end of a network that corrects its input, instead of producing the whole image."""

import keras
from keras import layers


def corrected(noisy, x, kernel_size: int = 3, use_bias: bool = True):
    """Add to the noisy image a correction, which is computed from features by one convolution.

    The convolution starts near zero, so training starts from the noisy image itself. Both work in
    float32, because bfloat16 has too few digits for an image.
    """
    residual = layers.Conv2D(
        3,
        kernel_size,
        padding="same",
        use_bias=use_bias,
        kernel_initializer=keras.initializers.RandomNormal(stddev=1e-3),
        dtype="float32",
        name="residual",
    )(x)
    return layers.Add(name="denoised", dtype="float32")([noisy, residual])
