"""PRIDNet: process the image at five scales, then choose for each channel how to fuse them.

Y. Zhao, Z. Jiang, A. Men, G. Ju, "Pyramid Real Image Denoising Network", VCIP 2019,
arXiv:1908.00273. It has three stages: noise estimation with channel attention; a pyramid of five
U-Nets on the image pooled by 1, 2, 4, 8 and 16; and a fusion that weighs convolutions of size 3, 5
and 7 against each other in each channel. The outputs of the first two stages are concatenated with
their inputs.

The authors released code for raw data of one channel. This is the same network for RGB with
74,225,723 parameters. Its fusion keeps the 4 hidden units of the released code, since the number
for RGB is unknown. There is no global skip: the network produces every pixel itself. As an option,
it computes a correction, which a short training learns sooner. Upsampling is bilinear with aligned
pixel centres, whereas TensorFlow 1 shifted the image by up to half a pooled pixel. The authors
clip the output to [0, 1] when testing, as the scoring here does.
"""

import keras
import numpy as np
from keras import layers, ops

from casestudy.models.residual import corrected

POOLING = (1, 2, 4, 8, 16)
KERNELS = (3, 5, 7)


def build_pridnet(filters: int = 32, residual: bool = False, name: str = "pridnet") -> keras.Model:
    """Build PRIDNet.

    Parameters
    ----------
    filters : int
        Channels of the noise estimation and of each U-Net's first level; the next four have 2, 4,
        8 and 16 times as many. 16 gives the half-width variant.
    residual : bool
        Whether the result is added to the noisy image.
    name : str

    Returns
    -------
    keras.Model
        From (N, H, W, 3) in [0, 1] to the same shape, H and W multiples of 16. 74,225,723
        parameters with 32 filters. If H and W are multiples of 256, every level of every U-Net
        halves evenly; otherwise the sizes of the deepest levels are rounded up, and cut later.
    """
    noisy = keras.Input((None, None, 3), name="noisy")
    noise = estimate_noise(noisy, filters)
    x = layers.Concatenate(name="estimate.out")([noisy, noise])  # (N, H, W, 6)
    levels = [pyramid_level(x, pooling, filters) for pooling in POOLING]
    x = layers.Concatenate(name="fusion.in")([x, *levels])  # (N, H, W, 21)
    x = select_kernels(x)
    if residual:
        denoised = corrected(noisy, x)
    else:
        denoised = layers.Conv2D(3, 3, padding="same", dtype="float32", name="denoised")(x)
    return keras.Model(noisy, denoised, name=name)


def estimate_noise(x, filters: int):
    """Apply four convolutions, attention over their channels, and a convolution to 3 channels."""
    for number in range(1, 5):
        x = conv(x, filters, f"estimate.conv{number}")
    weights = layers.GlobalAveragePooling2D(keepdims=True, name="estimate.mean")(x)  # (N, 1, 1, C)
    weights = layers.Dense(max(filters // 16, 1), "relu", name="estimate.squeeze")(weights)
    weights = layers.Dense(filters, "sigmoid", name="estimate.excite")(weights)
    x = layers.Multiply(name="estimate.attended")([x, weights])
    return conv(x, 3, "estimate.noise")


def pyramid_level(x, pooling: int, filters: int):
    """Pool, denoise with the U-Net of this level, and enlarge to full size."""
    name = f"pyramid{pooling}"
    if pooling > 1:
        x = layers.AveragePooling2D(pooling, name=f"{name}.pool")(x)  # (N, H/p, W/p, 6)
    x = unet(x, filters, name)
    if pooling > 1:
        x = Enlarge(pooling, name=f"{name}.enlarge")(x)
    return x


def unet(x, filters: int, name: str):
    """Apply four levels down, a bottom and four levels up, from any number of channels to 3."""
    skips = []
    for level in range(1, 5):
        x = convs(x, 2 ** (level - 1) * filters, 4, f"{name}.down{level}")
        skips.append(x)
        x = layers.MaxPooling2D(2, padding="same", name=f"{name}.down{level}.pool")(x)
    x = convs(x, 16 * filters, 4, f"{name}.bottom")
    for level, skip in zip((4, 3, 2, 1), reversed(skips), strict=True):
        x = layers.Conv2DTranspose(
            skip.shape[-1],
            2,
            strides=2,
            use_bias=False,
            kernel_initializer=keras.initializers.TruncatedNormal(stddev=0.02),
            name=f"{name}.up{level}.deconv",
        )(x)
        x = CutToSize(name=f"{name}.up{level}.cut")([x, skip])
        x = layers.Concatenate(name=f"{name}.up{level}.in")([x, skip])
        x = convs(x, skip.shape[-1], 3, f"{name}.up{level}")
    return layers.Conv2D(3, 1, name=f"{name}.out")(x)


def select_kernels(x, hidden: int = 4):
    """Mix convolutions of three kernel sizes by weights that sum to 1 in each channel."""
    channels = x.shape[-1]
    branches = [conv(x, channels, f"fusion.conv{size}x{size}", size) for size in KERNELS]
    total = layers.Add(name="fusion.sum")(branches)
    total = layers.GlobalAveragePooling2D(keepdims=True, name="fusion.mean")(total)  # (N, 1, 1, C)
    total = layers.Dense(hidden, "relu", name="fusion.squeeze")(total)
    scores = [layers.Dense(channels, name=f"fusion.score{size}x{size}")(total) for size in KERNELS]
    weights = layers.Concatenate(axis=1, name="fusion.scores")(scores)  # (N, 3, 1, C)
    weights = layers.Softmax(axis=1, name="fusion.weights")(weights)
    rows = [
        layers.Cropping2D(((i, 2 - i), 0), name=f"fusion.weight{size}x{size}")(weights)
        for i, size in enumerate(KERNELS)
    ]
    weighted = [
        layers.Multiply(name=f"fusion.weighted{size}x{size}")([branch, row])
        for size, branch, row in zip(KERNELS, branches, rows, strict=True)
    ]
    return layers.Add(name="fusion.out")(weighted)


class Enlarge(layers.Layer):
    """Enlarge bilinearly by an even factor, with aligned pixel centres and repeated borders.

    The bilinear layer of Keras 3.15 needs to know the size of images in advance.
    """

    def __init__(self, factor: int, **kwargs):
        super().__init__(**kwargs)
        self.factor = factor

    def call(self, images):
        factor, channels = self.factor, images.shape[-1]
        hat = 1 - np.abs(np.arange(2 * factor) - factor + 0.5) / factor
        kernel = np.multiply.outer(np.outer(hat, hat), np.eye(channels))
        images = ops.pad(images, ((0, 0), (1, 1), (1, 1), (0, 0)), mode="symmetric")
        images = ops.conv_transpose(images, ops.cast(kernel, images.dtype), strides=factor)
        margin = 3 * factor // 2
        return images[:, margin:-margin, margin:-margin, :]

    def compute_output_shape(self, shape):
        batch, height, width, channels = shape
        sides = (side and side * self.factor for side in (height, width))
        return (batch, *sides, channels)


class CutToSize(layers.Layer):
    """Cut the first image at the right and bottom to the size of the second."""

    def call(self, images):
        image, like = images
        _, height, width, _ = ops.shape(like)
        return image[:, :height, :width, :]

    def compute_output_shape(self, shapes):
        image, like = shapes
        return (*like[:3], image[3])


def convs(x, filters: int, count: int, name: str):
    for number in range(1, count + 1):
        x = conv(x, filters, f"{name}.conv{number}")
    return x


def conv(x, filters: int, name: str, size: int = 3):
    return layers.Conv2D(
        filters,
        size,
        padding="same",
        activation=layers.LeakyReLU(0.2),
        kernel_initializer="he_normal",
        name=name,
    )(x)
