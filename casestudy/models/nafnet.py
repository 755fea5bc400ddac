"""NAFNet: a U-Net without activation functions, whose blocks multiply features instead.

L. Chen, X. Chu, X. Zhang, J. Sun, "Simple Baselines for Image Restoration", ECCV 2022,
arXiv:2204.04676. NAF stands for "nonlinear activation free". A block has two halves, each added to
its input after a multiplication by weights that start at zero, so an untrained block changes
nothing. All blocks of one network cost the same, at any level: half the resolution has twice the
channels.

Departures: images are padded by mirroring, outside the network (`casestudy.denoising.tiles`), not
by zeros within. The last convolution starts near zero, so that training starts from the noisy
image itself.
"""

from collections.abc import Sequence

import keras
from keras import layers, ops

from casestudy.models.pytorch import PixelShuffle, conv, depthwise
from casestudy.models.residual import corrected


def build_nafnet(
    filters: int = 32,
    down_blocks: Sequence[int] = (2, 2, 4, 8),
    bottom_blocks: int = 12,
    up_blocks: Sequence[int] = (2, 2, 2, 2),
    name: str = "nafnet",
) -> keras.Model:
    """Build NAFNet, by default as its authors trained it on SIDD.

    Parameters
    ----------
    filters : int
        Width of the first level; it doubles from level to level.
    down_blocks, up_blocks : sequence of int
        Blocks of each level on the way down and up, both listed from full resolution to coarse.
    bottom_blocks : int
    name : str

    Returns
    -------
    keras.Model
        From (N, H, W, 3) in [0, 1] to the same shape, H and W multiples of 2 to the power of the
        number of levels: 16. 29,159,715 parameters with 32 filters, 115,982,915 with 64.
    """
    noisy = keras.Input((None, None, 3), name="noisy")
    x = conv(noisy, filters, "head")
    skips = []
    for level, count in enumerate(down_blocks, start=1):
        x = blocks(x, count, f"down{level}")
        skips.append(x)
        x = conv(x, filters * 2**level, f"down{level}.shrink", size=2, strides=2)
    x = blocks(x, bottom_blocks, "bottom")
    for level, count in reversed(list(enumerate(up_blocks, start=1))):
        width = filters * 2 ** (level - 1)
        x = conv(x, 4 * width, f"up{level}.widen", size=1, use_bias=False)
        x = PixelShuffle(name=f"up{level}.enlarge")(x)
        x = layers.Add(name=f"up{level}.skip")([x, skips.pop()])
        x = blocks(x, count, f"up{level}")
    return keras.Model(noisy, corrected(noisy, x), name=name)


def blocks(x, count: int, name: str):
    for number in range(1, count + 1):
        x = mix_pixels(x, f"{name}.block{number}.pixels")
        x = mix_channels(x, f"{name}.block{number}.channels")
    return x


def mix_pixels(x, name: str):
    """The first half of a block: a 3x3 convolution of each channel by itself, and attention."""
    channels = x.shape[-1]
    y = normalized(x, name)
    y = conv(y, 2 * channels, f"{name}.widen", size=1)
    y = depthwise(y, f"{name}.depthwise")
    y = SimpleGate(name=f"{name}.gate")(y)
    # Simplified channel attention: weights from the channels' means, without an activation.
    weights = layers.GlobalAveragePooling2D(keepdims=True, name=f"{name}.mean")(y)  # (N, 1, 1, C)
    weights = conv(weights, channels, f"{name}.weights", size=1)
    y = layers.Multiply(name=f"{name}.attended")([y, weights])
    y = conv(y, channels, f"{name}.mix", size=1)
    return AddScaled(name=f"{name}.add")([x, y])


def mix_channels(x, name: str):
    """The second half of a block: each pixel by itself."""
    channels = x.shape[-1]
    y = normalized(x, name)
    y = conv(y, 2 * channels, f"{name}.widen", size=1)
    y = SimpleGate(name=f"{name}.gate")(y)
    y = conv(y, channels, f"{name}.mix", size=1)
    return AddScaled(name=f"{name}.add")([x, y])


def normalized(x, name: str):
    """Give each pixel mean 0 and variance 1 over its channels, then scale and shift each."""
    return layers.LayerNormalization(epsilon=1e-6, name=f"{name}.norm")(x)


class SimpleGate(layers.Layer):
    """Multiply the first half of the channels by the second."""

    def call(self, images):
        half = images.shape[-1] // 2
        return images[..., :half] * images[..., half:]


class AddScaled(layers.Layer):
    """Add to the first image the second times a weight per channel, which starts at zero.

    S. De, S. Smith, "Batch Normalization Biases Residual Blocks Towards the Identity Function in
    Deep Networks", NeurIPS 2020, arXiv:2002.10444, which has one weight for all channels.
    """

    def build(self, shapes):
        self.scale = self.add_weight((shapes[0][-1],), "zeros", name="scale")

    def call(self, images):
        image, change = images
        return image + ops.cast(self.scale, change.dtype) * change
