"""MIRNet-v2: MIRNet with a fifth of the weights and a third of the computation.

S. W. Zamir, A. Arora, S. Khan, M. Hayat, F. S. Khan, M.-H. Yang, L. Shao, "Learning Enriched
Features for Fast Image Restoration and Enhancement", TPAMI 2022, arXiv:2205.01649. Again, streams
of full, half and quarter resolution exchange features. A residual contextual block (RCB) adds to
every pixel a vector computed from a weighted mean over all pixels. The first group mixes all
channels, later ones only those within a part. Features now pass from coarse to fine only. No layer
has biases.

Departure: the last convolution starts near zero, so that training starts from the noisy image.
"""

from collections.abc import Callable, Sequence

import keras
from keras import layers, ops

from casestudy.models.mirnet import conv
from casestudy.models.pytorch import EnlargeTwice
from casestudy.models.residual import corrected

ROUNDS = 2


def build_mirnet_v2(
    filters: int = 80,
    parts: Sequence[int] = (1, 2, 4, 4),
    blocks: int = 2,
    name: str = "mirnet-v2",
) -> keras.Model:
    """Build MIRNet-v2.

    Parameters
    ----------
    filters : int
        Channels at full resolution; half and quarter resolution have 3/2 and 9/4 times as many.
    parts : sequence of int
        For each group, the number of separate parts of its channels (`groups` of Conv2D).
    blocks : int
        Blocks in each group.
    name : str

    Returns
    -------
    keras.Model
        From (N, H, W, 3) in [0, 1] to the same shape, H and W multiples of 4. 5,858,560
        parameters with 80 filters.
    """
    noisy = keras.Input((None, None, 3), name="noisy")
    x = conv(filters, "head")(noisy)
    for group, count in enumerate(parts, start=1):
        y = x
        for number in range(1, blocks + 1):
            y = multi_scale_block(y, count, f"group{group}.block{number}")
        y = conv(filters, f"group{group}.conv")(y)
        x = layers.Add(name=f"group{group}.add")([x, y])
    return keras.Model(noisy, corrected(noisy, x, use_bias=False), name=name)


def multi_scale_block(x, parts: int, name: str):
    """MRB: three streams, processed and fused from coarse to fine, twice with the same weights."""
    fine = x.shape[-1]
    middle, coarse = fine * 3 // 2, fine * 9 // 4
    streams = [
        x,
        shrink(x, middle, f"{name}.half"),
        shrink(shrink(x, middle, f"{name}.quarter1"), coarse, f"{name}.quarter2"),
    ]
    works = [
        contextual_block(y.shape[-1], parts, f"{name}.{at}_context")
        for at, y in zip(("full", "half", "quarter"), streams, strict=True)
    ]
    fuse_middle = selective_fusion(middle, f"{name}.half_fusion")
    fuse_fine = selective_fusion(fine, f"{name}.full_fusion")
    for turn in range(1, ROUNDS + 1):
        streams = [work(y) for work, y in zip(works, streams, strict=True)]
        up = enlarge(streams[2], middle, f"{name}.half_up{turn}")
        streams[1] = fuse_middle(streams[1], up)
        up = enlarge(streams[1], fine, f"{name}.full_up{turn}")
        streams[0] = fuse_fine(streams[0], up)
    y = conv(fine, f"{name}.mix", size=1)(streams[0])
    return layers.Add(name=f"{name}.add")([x, y])


def shrink(x, channels: int, name: str):
    x = layers.AveragePooling2D(2, padding="same", name=f"{name}.pool")(x)
    return conv(channels, f"{name}.widen", size=1)(x)


def enlarge(x, channels: int, name: str):
    x = conv(channels, f"{name}.narrow", size=1)(x)
    return EnlargeTwice(name=f"{name}.enlarge")(x)


def contextual_block(channels: int, parts: int, name: str) -> Callable:
    """RCB: two convolutions and the context of the whole image, added to the input."""
    conv1 = conv(channels, f"{name}.conv1", parts=parts)
    conv2 = conv(channels, f"{name}.conv2", parts=parts)
    importance, share = (
        conv(1, f"{name}.importance", size=1),
        SoftmaxOverPixels(name=f"{name}.share"),
    )
    mix1, mix2 = conv(channels, f"{name}.mix1", size=1), conv(channels, f"{name}.mix2", size=1)

    def apply(x):
        y = conv2(leaky(conv1(x)))
        context = ops.sum(y * share(importance(y)), axis=(1, 2), keepdims=True)  # (N, 1, 1, C)
        return x + leaky(y + mix2(leaky(mix1(context))))

    return apply


def selective_fusion(channels: int, name: str) -> Callable:
    """SKFF: two maps, weighted against each other in each channel."""
    mean = layers.GlobalAveragePooling2D(keepdims=True, name=f"{name}.mean")
    squeeze = conv(max(channels // 8, 4), f"{name}.squeeze", size=1)
    scores = [conv(channels, f"{name}.score{i}", size=1) for i in (1, 2)]

    def apply(first, second):
        summary = leaky(squeeze(mean(first + second)))
        one, other = (score(summary) for score in scores)
        weight = ops.sigmoid(one - other)  # softmax over two
        return first * weight + second * (1 - weight)

    return apply


def leaky(x):
    return ops.leaky_relu(x, 0.2)


class SoftmaxOverPixels(layers.Layer):
    """Weights of the pixels of an image that sum to 1, in float32."""

    def call(self, images):
        # Keras 3.15 needs to know the size for a softmax over two axes.
        images = ops.cast(images, "float32")
        powers = ops.exp(images - ops.max(images, axis=(1, 2), keepdims=True))
        weights = powers / ops.sum(powers, axis=(1, 2), keepdims=True)
        return ops.cast(weights, self.compute_dtype)
