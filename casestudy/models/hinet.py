"""HINet: two U-Nets, one after the other, that normalize half of their channels.

L. Chen, X. Lu, J. Zhang, X. Chu, C. Chen, "HINet: Half Instance Normalization Network for Image
Restoration", CVPR workshops 2021, arXiv:2105.06086. Instance normalization takes mean and variance
of a channel over the whole image, or over a tile of it, so a flat tile is changed more than the
same area in the whole photograph.

The first U-Net also denoises (`FIRST`), and hands its features to the second: those of all levels
but the bottom (cross-stage feature fusion), and those that its result was computed from, weighted
by that result (supervised attention). The last convolution starts near zero, so that training
starts from the noisy image itself; the first result starts far from it, as in the authors' code.
"""

import keras
from keras import layers, ops

from casestudy.models.pytorch import conv, doubled
from casestudy.models.residual import corrected

LEVELS = 5
FIRST = "attention.image"  # the layer that holds the result of the first U-Net


def build_hinet(filters: int = 64, name: str = "hinet") -> keras.Model:
    """Build HINet.

    Parameters
    ----------
    filters : int
        Width of the first level, an even number; it doubles from level to level. The paper's
        "HINet 0.5x" has 32.
    name : str

    Returns
    -------
    keras.Model
        From (N, H, W, 3) in [0, 1] to the same shape, H and W multiples of 16. 88,669,702
        parameters with 64 filters, 22,176,518 with 32.
    """
    noisy = keras.Input((None, None, 3), name="noisy")
    x = conv(noisy, filters, "first_head")
    encoded = encoder(x, filters, "first")
    decoded = decoder(encoded, filters, "first")
    attended = supervised_attention(decoded[0], noisy, "attention")
    x = conv(noisy, filters, "second_head")
    x = layers.Concatenate(name="second_in.both")([x, attended])
    x = conv(x, filters, "second_in.mix", size=1)
    earlier = list(zip(encoded, decoded, strict=False))  # the bottom is not decoded
    encoded = encoder(x, filters, "second", earlier)
    decoded = decoder(encoded, filters, "second")
    return keras.Model(noisy, corrected(noisy, decoded[0]), name=name)


def with_first_result(hinet: keras.Model) -> keras.Model:
    """Return the same network, with the same weights, and the first result next to the second.

    Returns
    -------
    keras.Model
        To (N, H, W, 6): the denoised image, then that of the first U-Net.
    """
    first = hinet.get_layer(FIRST).output
    both = layers.Concatenate(dtype="float32", name="both")([hinet.output, first])
    return keras.Model(hinet.input, both, name=hinet.name)


def encoder(x, filters: int, name: str, earlier=()):
    """Return the features of all levels, the bottom last."""
    features = []
    for level in range(1, LEVELS + 1):
        block = f"{name}_down{level}"
        x = residual_block(x, filters * 2 ** (level - 1), block, normalized=True)
        if level <= len(earlier):  # cross-stage feature fusion
            going_down, going_up = earlier[level - 1]
            changes = [
                conv(going_down, x.shape[-1], f"{block}.from_down"),
                conv(going_up, x.shape[-1], f"{block}.from_up"),
            ]
            x = layers.Add(name=f"{block}.fused")([x, *changes])
        features.append(x)
        if level < LEVELS:
            x = conv(x, x.shape[-1], f"{block}.shrink", size=4, strides=2, use_bias=False)
    return features


def decoder(features, filters: int, name: str):
    """Return the features of all levels but the bottom, full resolution first."""
    x, decoded = features[-1], []
    for level in range(LEVELS - 1, 0, -1):
        block, width = f"{name}_up{level}", filters * 2 ** (level - 1)
        x = doubled(x, width, f"{block}.enlarge")
        skip = conv(features[level - 1], width, f"{block}.skip")
        x = layers.Concatenate(name=f"{block}.both")([x, skip])
        x = residual_block(x, width, block)
        decoded.insert(0, x)
    return decoded


def residual_block(x, filters: int, name: str, normalized: bool = False):
    """Two convolutions, each followed by a leaky ReLU, added to a 1x1 convolution of the input."""
    y = conv(x, filters, f"{name}.conv1")
    if normalized:
        y = HalfInstanceNorm(name=f"{name}.norm")(y)
    y = layers.LeakyReLU(0.2, name=f"{name}.relu1")(y)
    y = conv(y, filters, f"{name}.conv2")
    y = layers.LeakyReLU(0.2, name=f"{name}.relu2")(y)
    shortcut = conv(x, filters, f"{name}.identity", size=1)
    return layers.Add(name=f"{name}.add")([y, shortcut])


def supervised_attention(x, noisy, name: str):
    """SAM: weight features by a map computed from the first result, which has its own loss."""
    image = conv(x, 3, f"{name}.residual")
    image = layers.Add(dtype="float32", name=FIRST)([noisy, image])
    weights = conv(image, x.shape[-1], f"{name}.weights", activation="sigmoid")
    y = conv(x, x.shape[-1], f"{name}.features")
    y = layers.Multiply(name=f"{name}.weighted")([y, weights])
    return layers.Add(name=f"{name}.add")([y, x])


class HalfInstanceNorm(layers.Layer):
    """Normalize the first half of the channels over the image, in training and in use.

    Each of these channels gets mean 0 and variance 1, then a scale and a shift of its own.
    """

    def build(self, shape):
        half = shape[-1] // 2
        self.scale = self.add_weight((half,), "ones", autocast=False, name="scale")
        self.shift = self.add_weight((half,), "zeros", autocast=False, name="shift")

    def call(self, images):
        half = images.shape[-1] // 2
        x = ops.cast(images[..., :half], "float32")  # a sum over an image needs it
        mean, variance = ops.moments(x, axes=(1, 2), keepdims=True)
        x = (x - mean) * ops.rsqrt(variance + 1e-5) * self.scale + self.shift
        return ops.concatenate([ops.cast(x, images.dtype), images[..., half:]], axis=-1)
