"""Layers as PyTorch, the framework of most authors, has and starts them."""

import keras
from keras import layers, ops

PYTORCH_DEFAULT = keras.initializers.VarianceScaling(1 / 3, "fan_in", "uniform")  # of kernels


def conv(
    x,
    filters: int,
    name: str,
    size: int = 3,
    strides: int = 1,
    activation: str | None = None,
    use_bias: bool = True,
):
    inputs = size**2 * x.shape[-1]
    return layers.Conv2D(
        filters,
        size,
        strides,
        padding="same",
        activation=activation,
        use_bias=use_bias,
        kernel_initializer=start(inputs),
        bias_initializer=start(inputs),
        name=name,
    )(x)


def doubled(x, filters: int, name: str):
    """Apply a transposed convolution of 2x2 pixels, which doubles height and width."""
    inputs = 4 * filters  # PyTorch counts those of the convolution that this one transposes
    return layers.Conv2DTranspose(
        filters,
        2,
        2,
        kernel_initializer=start(inputs),
        bias_initializer=start(inputs),
        name=name,
    )(x)


def depthwise(x, name: str, activation: str | None = None):
    """Apply a convolution of 3x3 pixels to each channel by itself."""
    return layers.DepthwiseConv2D(
        3,
        padding="same",
        activation=activation,
        depthwise_initializer=start(9),
        bias_initializer=start(9),
        name=name,
    )(x)


def start(inputs: int) -> keras.initializers.Initializer:
    """Return how PyTorch draws kernels and biases, given how many numbers a result depends on."""
    return keras.initializers.RandomUniform(-(inputs**-0.5), inputs**-0.5)


class PixelShuffle(layers.Layer):
    """Make four channels into one of twice the height and width.

    W. Shi et al., "Real-Time Single Image and Video Super-Resolution Using an Efficient Sub-Pixel
    Convolutional Neural Network", CVPR 2016, arXiv:1609.05158. (N, H, W, 4C) to (N, 2H, 2W, C).
    """

    def call(self, images):
        return ops.depth_to_space(images, 2)


class EnlargeTwice(layers.Layer):
    """Double height and width bilinearly, with half-pixel centres and repeated borders.

    As PyTorch does with align_corners=False: (N, H, W, C) to (N, 2H, 2W, C). The bilinear layer of
    Keras 3.15 needs to know the size of images in advance.
    """

    def call(self, images):
        for axis in (1, 2):
            margins = [(0, 0)] * 4
            margins[axis] = (1, 1)
            padded = ops.moveaxis(ops.pad(images, margins, mode="symmetric"), axis, 1)
            before, here, after = padded[:, :-2], padded[:, 1:-1], padded[:, 2:]
            first, second = before / 4 + here * 3 / 4, here * 3 / 4 + after / 4
            both = ops.stack([first, second], axis=2)  # (N, H, 2, W, C)
            _, height, _, width, _ = ops.shape(both)
            both = ops.reshape(both, (-1, 2 * height, width, images.shape[-1]))
            images = ops.moveaxis(both, 1, axis)
        return images

    def compute_output_shape(self, shape):
        batch, height, width, channels = shape
        return (batch, height and 2 * height, width and 2 * width, channels)
