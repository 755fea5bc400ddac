"""MIRNet: three resolutions side by side, which exchange features again and again.

S. W. Zamir, A. Arora, S. Khan, M. Hayat, F. S. Khan, M.-H. Yang, L. Shao, "Learning Enriched
Features for Real Image Restoration and Enhancement", ECCV 2020, arXiv:2003.06792. A group (RRG)
has two multi-scale blocks (MSRB). In each, streams of full, half and quarter resolution are
processed by dual attention units (DAU), fused with each other at every resolution by weights that
sum to 1 (SKFF), processed by the same units again, and fused at full resolution.

As in the authors' code, no layer has biases, both uses of a unit share its weights, one number
serves as the slope of all units' PReLU, and the last fusion reuses that of the first stream.
Departures: at borders, pixels are repeated before blurring, not mirrored, for the sake of LiteRT.
The last convolution starts near zero, so that training starts from the noisy image itself.

Each function makes the layers of a part and returns a function that applies them, so that a part
can be used twice.
"""

from collections.abc import Callable

import keras
import numpy as np
from keras import layers, ops

from casestudy.models.pytorch import PYTORCH_DEFAULT, EnlargeTwice
from casestudy.models.residual import corrected


def build_mirnet(
    filters: int = 64, groups: int = 3, blocks: int = 2, name: str = "mirnet"
) -> keras.Model:
    """Build MIRNet.

    Parameters
    ----------
    filters : int
        Channels at full resolution; the streams of half and quarter resolution have twice and
        four times as many.
    groups, blocks : int
        Groups, and blocks in each.
    name : str

    Returns
    -------
    keras.Model
        From (N, H, W, 3) in [0, 1] to the same shape, H and W multiples of 4. 31,787,419
        parameters with 64 filters.
    """
    noisy = keras.Input((None, None, 3), name="noisy")
    slope = prelu("slope")
    x = conv(filters, "head")(noisy)
    for group in range(1, groups + 1):
        y = x
        for number in range(1, blocks + 1):
            y = multi_scale_block(filters, slope, f"group{group}.block{number}")(y)
        y = conv(filters, f"group{group}.conv")(y)
        x = layers.Add(name=f"group{group}.add")([x, y])
    return keras.Model(noisy, corrected(noisy, x, use_bias=False), name=name)


def multi_scale_block(filters: int, slope: layers.Layer, name: str) -> Callable:
    """MSRB: three streams, exchanged between two rounds and at the end."""
    wide, wider = 2 * filters, 4 * filters
    units = [
        dual_attention_unit(channels, slope, f"{name}.unit{i}")
        for i, channels in enumerate((filters, wide, wider), start=1)
    ]
    fusions = [
        selective_fusion(channels, f"{name}.fusion{i}")
        for i, channels in enumerate((filters, wide, wider), start=1)
    ]
    half, quarter = shrink(filters, f"{name}.down12"), shrink(wide, f"{name}.down23")
    half_again = shrink(filters, f"{name}.down13a")
    quarter_again = shrink(wide, f"{name}.down13b")
    up21, up32 = enlarge(wide, f"{name}.up21"), enlarge(wider, f"{name}.up32")
    up31a, up31b = enlarge(wider, f"{name}.up31a"), enlarge(wide, f"{name}.up31b")
    last21 = enlarge(wide, f"{name}.last21")
    last31a, last31b = enlarge(wider, f"{name}.last31a"), enlarge(wide, f"{name}.last31b")
    mix = conv(filters, f"{name}.conv")

    def apply(x):
        first = units[0](x)
        second = units[1](half(first))
        third = units[2](quarter(second))
        exchanged = [
            (first, up21(second), up31b(up31a(third))),
            (half(first), second, up32(third)),
            (quarter_again(half_again(first)), quarter(second), third),
        ]
        fused = [fuse(maps) for fuse, maps in zip(fusions, exchanged, strict=True)]
        first, second, third = (unit(y) for unit, y in zip(units, fused, strict=True))
        y = fusions[0]((first, last21(second), last31b(last31a(third))))
        return x + mix(y)

    return apply


def dual_attention_unit(channels: int, slope: layers.Layer, name: str) -> Callable:
    """DAU: two convolutions, weighted by pixel and by channel, added to their input."""
    conv1, conv2 = conv(channels, f"{name}.conv1"), conv(channels, f"{name}.conv2")
    by_pixel = conv(1, f"{name}.pixels", size=5, activation="sigmoid")
    squeeze = conv(max(channels // 8, 1), f"{name}.squeeze", size=1, activation="relu")
    by_channel = conv(channels, f"{name}.channels", size=1, activation="sigmoid")
    mix, extremes = conv(channels, f"{name}.mix", size=1), MaxAndMean(name=f"{name}.extremes")
    mean = layers.GlobalAveragePooling2D(keepdims=True, name=f"{name}.mean")

    def apply(x):
        y = conv2(slope(conv1(x)))
        weighted = [y * by_pixel(extremes(y)), y * by_channel(squeeze(mean(y)))]
        return x + mix(ops.concatenate(weighted, axis=-1))

    return apply


def selective_fusion(channels: int, name: str) -> Callable:
    """SKFF: three maps, weighted against each other in each channel."""
    mean = layers.GlobalAveragePooling2D(keepdims=True, name=f"{name}.mean")
    squeeze, slope = conv(max(channels // 8, 4), f"{name}.squeeze", size=1), prelu(f"{name}.slope")
    scores = [conv(channels, f"{name}.score{i}", size=1) for i in (1, 2, 3)]

    def apply(maps):
        summary = slope(squeeze(mean(sum(maps))))
        found = ops.concatenate([score(summary) for score in scores], axis=1)  # (N, 3, 1, C)
        weights = ops.softmax(found, axis=1)
        return sum(x * weights[:, i : i + 1] for i, x in enumerate(maps))

    return apply


def shrink(channels: int, name: str) -> Callable:
    """Halve height and width, double the channels."""
    conv1, conv2 = conv(channels, f"{name}.conv1", size=1), conv(channels, f"{name}.conv2")
    slope1, slope2 = prelu(f"{name}.slope1"), prelu(f"{name}.slope2")
    blur, widen = BlurPool(name=f"{name}.blur"), conv(2 * channels, f"{name}.widen", size=1)
    side_blur, side = BlurPool(name=f"{name}.side_blur"), conv(2 * channels, f"{name}.side", 1)
    return lambda x: widen(blur(slope2(conv2(slope1(conv1(x)))))) + side(side_blur(x))


def enlarge(channels: int, name: str) -> Callable:
    """Double height and width, halve the channels."""
    conv1, slope1 = conv(channels, f"{name}.conv1", size=1), prelu(f"{name}.slope1")
    # As PyTorch's of padding 1 and output padding 1.
    double = layers.Conv2DTranspose(
        channels,
        3,
        2,
        use_bias=False,
        kernel_initializer=PYTORCH_DEFAULT.clone(),
        name=f"{name}.double",
    )
    cut = layers.Cropping2D(((1, 0), (1, 0)), name=f"{name}.cut")
    slope2, narrow = prelu(f"{name}.slope2"), conv(channels // 2, f"{name}.narrow", size=1)
    side_double = EnlargeTwice(name=f"{name}.side_double")
    side = conv(channels // 2, f"{name}.side", size=1)
    return lambda x: narrow(slope2(cut(double(slope1(conv1(x)))))) + side(side_double(x))


def conv(
    filters: int, name: str, size: int = 3, activation: str | None = None, parts: int = 1
) -> layers.Layer:
    return layers.Conv2D(
        filters,
        size,
        padding="same",
        groups=parts,
        activation=activation,
        use_bias=False,
        kernel_initializer=PYTORCH_DEFAULT.clone(),
        name=name,
    )


def prelu(name: str) -> layers.Layer:
    """A leaky ReLU whose slope below zero is learned; one number for all pixels and channels."""
    start = keras.initializers.Constant(0.25)
    return layers.PReLU(start, shared_axes=(1, 2, 3), name=name)


class MaxAndMean(layers.Layer):
    """The largest and the mean value of each pixel's channels, (N, H, W, 2)."""

    def call(self, images):
        largest = ops.max(images, axis=-1, keepdims=True)
        return ops.concatenate([largest, ops.mean(images, axis=-1, keepdims=True)], axis=-1)


class BlurPool(layers.Layer):
    """Blur with the binomial window of 3x3 pixels, then take every second pixel.

    R. Zhang, "Making Convolutional Networks Shift-Invariant Again", ICML 2019, arXiv:1904.11486.
    """

    def call(self, images):
        window = np.outer((1, 2, 1), (1, 2, 1)) / 16
        kernel = np.repeat(window[:, :, None, None], images.shape[-1], axis=2)
        images = ops.pad(images, ((0, 0), (1, 1), (1, 1), (0, 0)), mode="symmetric")
        return ops.depthwise_conv(images, ops.cast(kernel, images.dtype), 2, "valid")
