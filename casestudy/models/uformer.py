"""Uformer: a U-Net of transformer blocks, in which pixels attend to each other within windows.

Z. Wang, X. Cun, J. Bao, W. Zhou, J. Liu, H. Li, "Uformer: A General U-Shaped Transformer for Image
Restoration", CVPR 2022, arXiv:2106.03106. A LeWin block has self-attention within windows of 8x8
pixels, then a convolution of each channel by itself between two that mix channels. In every
second block, windows are shifted by half their size, so pixels of neighbouring windows meet. On
the way up, each window also gets a learned pattern, the modulator. Every head has as many channels
as the first level.

As published, the windows of the bottom are never shifted, and the sizes T, S and B all have
modulators. Departures: images are padded by mirroring, outside the network. Stochastic depth is
left out, since trainings as short as those of this study do not need it. The last convolution
starts near zero, so that training starts from the noisy image itself.
"""

from collections.abc import Sequence

import keras
import numpy as np
from keras import layers, ops

from casestudy.models.pytorch import conv, depthwise, doubled
from casestudy.models.residual import corrected

WINDOW = 8  # pixels
SHIFT = WINDOW // 2


def build_uformer(
    filters: int = 32, blocks: Sequence[int] = (2, 2, 2, 2, 2), name: str = "uformer"
) -> keras.Model:
    """Build Uformer, by default of size S, the article's "Uformer32".

    Parameters
    ----------
    filters : int
        Width of the first level; it doubles from level to level.
    blocks : sequence of int
        Blocks of each level, from full resolution down to the bottom; the way up has as many.
    name : str

    Returns
    -------
    keras.Model
        From (N, H, W, 3) in [0, 1] to the same shape, H and W multiples of 128. 20,751,197
        parameters by default; 5,291,853 with 16 filters (size T); 50,880,946 with 1, 2, 8, 8, 2
        blocks (size B).
    """
    *levels, bottom = blocks
    noisy = keras.Input((None, None, 3), name="noisy")
    x = conv(noisy, filters, "head")
    x = layers.LeakyReLU(0.01, name="head.relu")(x)
    skips = []
    for level, count in enumerate(levels, start=1):
        x = lewin_blocks(x, count, 2 ** (level - 1), f"down{level}")
        skips.append(x)
        x = conv(x, filters * 2**level, f"down{level}.shrink", size=4, strides=2)
    x = lewin_blocks(x, bottom, 2 ** len(levels), "bottom", shifts=False)
    for level, count in reversed(list(enumerate(levels, start=1))):
        width = filters * 2 ** (level - 1)
        x = doubled(x, width, f"up{level}.enlarge")
        x = layers.Concatenate(name=f"up{level}.both")([x, skips.pop()])
        x = lewin_blocks(x, count, 2**level, f"up{level}", modulated=True)
    return keras.Model(noisy, corrected(noisy, x), name=name)


def lewin_blocks(
    x, count: int, heads: int, name: str, shifts: bool = True, modulated: bool = False
):
    for number in range(1, count + 1):
        block = f"{name}.block{number}"
        x = attention(x, heads, f"{block}.attention", shifts and number % 2 == 0, modulated)
        x = feed_forward(x, f"{block}.forward")
    return x


def attention(x, heads: int, name: str, shifted: bool, modulated: bool):
    """Each pixel becomes a mean over its window, weighted by how well keys match its query."""
    channels = x.shape[-1]
    y = layers.LayerNormalization(epsilon=1e-5, name=f"{name}.norm")(x)
    if shifted:
        y = Roll(-SHIFT, name=f"{name}.shift")(y)
    if modulated:
        y = Modulator(name=f"{name}.modulator")(y)
    queries = linear(y, channels, f"{name}.queries")
    keys_and_values = linear(y, 2 * channels, f"{name}.keys_and_values")
    y = WindowAttention(heads, shifted, name=f"{name}.windows")([queries, keys_and_values])
    y = linear(y, channels, f"{name}.mix")
    if shifted:
        y = Roll(SHIFT, name=f"{name}.back")(y)
    return layers.Add(name=f"{name}.add")([x, y])


def feed_forward(x, name: str):
    """LeFF: a 3x3 convolution of each channel by itself, between two that mix channels."""
    channels = x.shape[-1]
    y = layers.LayerNormalization(epsilon=1e-5, name=f"{name}.norm")(x)
    y = linear(y, 4 * channels, f"{name}.widen", "gelu")
    y = depthwise(y, f"{name}.depthwise", "gelu")
    y = linear(y, channels, f"{name}.mix")
    return layers.Add(name=f"{name}.add")([x, y])


def linear(x, filters: int, name: str, activation: str | None = None):
    start = keras.initializers.TruncatedNormal(stddev=0.02)
    return layers.Conv2D(filters, 1, activation=activation, kernel_initializer=start, name=name)(x)


class Roll(layers.Layer):
    """Shift images down and to the right; what leaves on one side comes in on the other."""

    def __init__(self, pixels: int, **kwargs):
        super().__init__(**kwargs)
        self.pixels = pixels

    def call(self, images):
        pixels = self.pixels  # LiteRT has no operation for this
        images = ops.concatenate([images[:, -pixels:], images[:, :-pixels]], axis=1)
        return ops.concatenate([images[:, :, -pixels:], images[:, :, :-pixels]], axis=2)


class Modulator(layers.Layer):
    """Add the same learned pattern to every window."""

    def build(self, shape):
        # As an embedding starts in PyTorch.
        start = keras.initializers.RandomNormal(stddev=1.0)
        self.pattern = self.add_weight((WINDOW**2, shape[-1]), start, name="pattern")

    def call(self, images):
        pattern = ops.cast(self.pattern, images.dtype)
        return from_windows(to_windows(images) + pattern, images)

    def compute_output_shape(self, shape):
        return shape


class WindowAttention(layers.Layer):
    """Scaled dot-product attention within windows, with a learned bias for each displacement.

    Takes queries (N, H, W, C), and keys and values (N, H, W, 2C); returns (N, H, W, C). In a
    shifted image, the windows at the border hold pixels of opposite sides, which must not see
    each other.
    """

    def __init__(self, heads: int, shifted: bool, **kwargs):
        super().__init__(**kwargs)
        self.heads, self.shifted = heads, shifted

    def build(self, shapes):
        start = keras.initializers.TruncatedNormal(stddev=0.02)
        self.bias = self.add_weight(((2 * WINDOW - 1) ** 2, self.heads), start, name="bias")

    def call(self, inputs):
        queries, keys_and_values = inputs
        channels = queries.shape[-1]
        q = self._by_head(queries)
        k = self._by_head(keys_and_values[..., :channels])
        v = self._by_head(keys_and_values[..., channels:])
        scale = (channels // self.heads) ** -0.5
        scores = ops.matmul(q * scale, ops.swapaxes(k, -1, -2))  # (N, windows, heads, 64, 64)
        bias = ops.take(self.bias, displacements(), axis=0)
        scores = scores + ops.cast(ops.transpose(bias, (2, 0, 1)), scores.dtype)
        if self.shifted:
            scores = scores + ops.cast(-100 * across_border(queries), scores.dtype)[:, :, None]
        mixed = ops.swapaxes(ops.matmul(ops.softmax(scores), v), -2, -3)
        windows = ops.shape(mixed)[1]
        return from_windows(ops.reshape(mixed, (-1, windows, WINDOW**2, channels)), queries)

    def compute_output_shape(self, shapes):
        return shapes[0]

    def _by_head(self, images):
        """(N, H, W, C) to (N, windows, heads, pixels, C / heads)."""
        windows = to_windows(images)
        shape = (-1, ops.shape(windows)[1], WINDOW**2, self.heads, images.shape[-1] // self.heads)
        return ops.swapaxes(ops.reshape(windows, shape), -2, -3)


def to_windows(images):
    """(N, H, W, C) to (N, windows, pixels of a window, C)."""
    _, height, width, _ = ops.shape(images)
    rows, columns, channels = height // WINDOW, width // WINDOW, images.shape[-1]
    grid = ops.reshape(images, (-1, rows, WINDOW, columns, WINDOW, channels))
    grid = ops.transpose(grid, (0, 1, 3, 2, 4, 5))
    return ops.reshape(grid, (-1, rows * columns, WINDOW**2, channels))


def from_windows(windows, like):
    """(N, windows, pixels of a window, C) to the height and width of other images."""
    _, height, width, _ = ops.shape(like)
    rows, columns, channels = height // WINDOW, width // WINDOW, windows.shape[-1]
    grid = ops.reshape(windows, (-1, rows, columns, WINDOW, WINDOW, channels))
    grid = ops.transpose(grid, (0, 1, 3, 2, 4, 5))
    return ops.reshape(grid, (-1, height, width, channels))


def displacements() -> np.ndarray:
    """Return the number of the displacement between any two pixels of a window, (64, 64)."""
    y, x = np.divmod(np.arange(WINDOW**2), WINDOW)
    across = 2 * WINDOW - 1
    return (y[:, None] - y + WINDOW - 1) * across + x[:, None] - x + WINDOW - 1


def across_border(images):
    """Return 1 for any two pixels of a window that the shift brought together, otherwise 0.

    (1, windows, 64, 64), for images that `Roll` has shifted up and to the left by `SHIFT`.
    """
    _, height, width, _ = ops.shape(images)

    def side(size):
        pixels = ops.arange(size)
        return ops.cast(pixels >= size - WINDOW, "int32") + ops.cast(
            pixels >= size - SHIFT, "int32"
        )

    regions = 3 * side(height)[:, None] + side(width)
    # Not by indexing with None, which LiteRT cannot convert.
    regions = ops.expand_dims(ops.expand_dims(regions, 0), -1)
    regions = to_windows(regions)  # (1, windows, 64, 1)
    return ops.cast(regions != ops.swapaxes(regions, -1, -2), "int32")
