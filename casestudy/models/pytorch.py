"""What PyTorch, the framework of most authors, has and Keras lacks."""

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
    """Apply a convolution that starts like PyTorch's, except that its biases are zero."""
    return layers.Conv2D(
        filters,
        size,
        strides,
        padding="same",
        activation=activation,
        use_bias=use_bias,
        kernel_initializer=PYTORCH_DEFAULT.clone(),
        name=name,
    )(x)


class PixelShuffle(layers.Layer):
    """Make four channels into one of twice the height and width.

    W. Shi et al., "Real-Time Single Image and Video Super-Resolution Using an Efficient Sub-Pixel
    Convolutional Neural Network", CVPR 2016, arXiv:1609.05158. (N, H, W, 4C) to (N, 2H, 2W, C).
    """

    def call(self, images):
        return ops.depth_to_space(images, 2)


class EnlargeTwice(layers.Layer):
    """Double height and width bilinearly, with aligned pixel centres and repeated borders.

    (N, H, W, C) to (N, 2H, 2W, C). The bilinear layer of Keras 3.15 needs to know the size of
    images in advance.
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
