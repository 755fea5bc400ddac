"""CBDNet: estimate how strong the noise is at each pixel, then remove that much.

S. Guo, Z. Yan, K. Zhang, W. Zuo, L. Zhang, "Toward Convolutional Blind Denoising of Real
Photographs", CVPR 2019, arXiv:1807.04686. It consists of two networks. CNN_E estimates a map of
the noise level. CNN_D, a U-Net, takes the image and the map, and returns the correction that is
added to the image.

No official RGB weights exist in an open framework. This is the form that re-implementations agree
on, with 4,365,382 parameters. Its skips are added, not concatenated, and average pooling replaces
the strided convolutions of the paper's U-Net. The last layer starts near zero, so that training
starts from the noisy image itself.
"""

import keras
from keras import layers

from casestudy.models.residual import corrected

LEVEL_MAP = "noise_level_map"


def build_cbdnet(filters: int = 64) -> keras.Model:
    """Build CBDNet.

    Parameters
    ----------
    filters : int
        Channels of CNN_D's first level; the next two have twice and four times as many, CNN_E
        has half as many.

    Returns
    -------
    keras.Model
        From (N, H, W, 3) in [0, 1] to the same shape, H and W multiples of 4. 4,365,382
        parameters with 64 filters.
    """
    noisy = keras.Input((None, None, 3), name="noisy")
    level_map = estimate_noise(noisy, filters // 2)
    x = layers.Concatenate(name="unet_full.in")([noisy, level_map])
    x = remove_noise(x, filters)
    return keras.Model(noisy, corrected(noisy, x, kernel_size=1), name="cbdnet")


def with_level_map(cbdnet: keras.Model) -> keras.Model:
    """Return the same network, with the same weights, and the noise level map as second output.

    Returns
    -------
    keras.Model
        Outputs a dict: denoised and noise_level_map, both (N, H, W, 3). After training with the
        paper's full loss (`casestudy.training.losses`), the map estimates the standard deviation
        of the noise in units of the image.
    """
    outputs = {"denoised": cbdnet.output, LEVEL_MAP: cbdnet.get_layer(LEVEL_MAP).output}
    return keras.Model(cbdnet.input, outputs, name=cbdnet.name)


def estimate_noise(x, filters: int):
    """CNN_E: five convolutions without pooling, so the map has a value for each pixel."""
    for number in range(1, 5):
        x = conv(x, filters, f"estimate.conv{number}")
    return conv(x, 3, LEVEL_MAP, dtype="float32")


def remove_noise(x, filters: int):
    """CNN_D: a U-Net of three levels. Return the features that the correction comes from."""
    full = convs(x, filters, 2, "unet_full")
    half = layers.AveragePooling2D(2, name="unet_half.pool")(full)  # (N, H/2, W/2, C)
    half = convs(half, 2 * filters, 3, "unet_half")
    quarter = layers.AveragePooling2D(2, name="unet_quarter.pool")(half)  # (N, H/4, W/4, 2C)
    quarter = convs(quarter, 4 * filters, 6, "unet_quarter")
    half = upsample_and_add(quarter, half, "unet_half_up")  # (N, H/2, W/2, 2C)
    half = convs(half, 2 * filters, 3, "unet_half_up")
    full = upsample_and_add(half, full, "unet_full_up")  # (N, H, W, C)
    return convs(full, filters, 2, "unet_full_up")


def upsample_and_add(x, skip, name: str):
    x = layers.Conv2DTranspose(skip.shape[-1], 2, strides=2, name=f"{name}.deconv")(x)
    return layers.Add(name=f"{name}.add")([x, skip])


def convs(x, filters: int, count: int, name: str):
    for number in range(1, count + 1):
        x = conv(x, filters, f"{name}.conv{number}")
    return x


def conv(x, filters: int, name: str, dtype: str | None = None):
    return layers.Conv2D(
        filters,
        3,
        padding="same",
        activation="relu",
        kernel_initializer="he_normal",
        dtype=dtype,
        name=name,
    )(x)
