"""RIDNet: a chain of modules at full resolution, each of which scales its own channels.

S. Anwar, N. Barnes, "Real Image Denoising with Feature Attention", ICCV 2019, arXiv:1904.07396.
Block names follow the paper: EAM is `enhancement_attention_module`, and feature attention is its
last part. Nothing is pooled, except to compute the averages that attention needs.

The paper's figure has two skips that the released code does not have, both without parameters:
the short skip around each module and the long skip around all four. They are built here. The
released code shifts the mean by the average colour of a training set. This is left out, since the
biases of the first and the last layer can express it. Kernels are initialized as in the authors'
framework (PyTorch), except that the last one is near zero, so that training starts from the noisy
image.
"""

import keras
from keras import layers

from casestudy.models.pytorch import PYTORCH_DEFAULT
from casestudy.models.residual import corrected

MODULES = 4


def build_ridnet(filters: int = 64, name: str = "ridnet") -> keras.Model:
    """Build RIDNet.

    Parameters
    ----------
    filters : int
        Channels of every layer between the first and the last.
    name : str

    Returns
    -------
    keras.Model
        From (N, H, W, 3) in [0, 1] to the same shape, any H and W. 1,499,347 parameters with 64
        filters.
    """
    noisy = keras.Input((None, None, 3), name="noisy")
    features = conv(noisy, filters, "head")
    x = features
    for number in range(1, MODULES + 1):
        x = enhancement_attention_module(x, f"eam{number}")
    x = layers.Add(name="long_skip")([x, features])
    return keras.Model(noisy, corrected(noisy, x), name=name)


def enhancement_attention_module(x, name: str):
    """EAM: see far, refine twice, scale the channels, and add the input (the short skip)."""
    y = merge_and_run(x, f"{name}.merge_run")
    y = residual_block(y, f"{name}.residual")
    y = enhanced_residual_block(y, f"{name}.enhanced")
    y = feature_attention(y, f"{name}.attention")
    return layers.Add(name=f"{name}.short_skip")([y, x])


def merge_and_run(x, name: str):
    """Merge two branches of dilated convolutions, 7 and 15 pixels wide, and add the input."""
    filters = x.shape[-1]
    near = conv(x, filters, f"{name}.dilation1")
    near = conv(near, filters, f"{name}.dilation2", dilation=2)
    far = conv(x, filters, f"{name}.dilation3", dilation=3)
    far = conv(far, filters, f"{name}.dilation4", dilation=4)
    both = layers.Concatenate(name=f"{name}.both")([near, far])  # (N, H, W, 2C)
    merged = conv(both, filters, f"{name}.merge")
    return layers.Add(name=f"{name}.add")([merged, x])


def residual_block(x, name: str):
    y = conv(x, x.shape[-1], f"{name}.conv1")
    y = conv(y, x.shape[-1], f"{name}.conv2", activation=None)
    return add_and_relu(y, x, name)


def enhanced_residual_block(x, name: str):
    y = conv(x, x.shape[-1], f"{name}.conv1")
    y = conv(y, x.shape[-1], f"{name}.conv2")
    y = conv(y, x.shape[-1], f"{name}.conv3", size=1, activation=None)
    return add_and_relu(y, x, name)


def feature_attention(x, name: str, reduction: int = 16):
    """Scale each channel by a weight in (0, 1), computed from all channels' means."""
    channels = x.shape[-1]
    weights = layers.GlobalAveragePooling2D(keepdims=True, name=f"{name}.mean")(x)  # (N, 1, 1, C)
    weights = conv(weights, max(channels // reduction, 1), f"{name}.squeeze", size=1)
    weights = conv(weights, channels, f"{name}.weights", size=1, activation="sigmoid")
    return layers.Multiply(name=f"{name}.attended")([x, weights])


def add_and_relu(y, x, name: str):
    return layers.ReLU(name=f"{name}.relu")(layers.Add(name=f"{name}.add")([y, x]))


def conv(
    x, filters: int, name: str, size: int = 3, dilation: int = 1, activation: str | None = "relu"
):
    return layers.Conv2D(
        filters,
        size,
        padding="same",
        dilation_rate=dilation,
        activation=activation,
        kernel_initializer=PYTORCH_DEFAULT.clone(),
        name=name,
    )(x)
