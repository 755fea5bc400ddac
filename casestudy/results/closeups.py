"""A closer look at one building block of each network."""

from collections.abc import Sequence

import keras
import numpy as np
import pandas as pd

from casestudy.data.patches import Patches
from casestudy.models.cbdnet import LEVEL_MAP, with_level_map
from casestudy.models.pridnet import POOLING
from casestudy.models.ridnet import MODULES
from casestudy.results.metrics import psnr


def noise_estimates(cbdnet: keras.Model, patches: Patches) -> pd.DataFrame:
    """Return the noise level that CBDNet estimates for each patch, and the true one.

    Parameters
    ----------
    cbdnet : keras.Model
    patches : Patches

    Returns
    -------
    DataFrame
        One row per patch: estimated, the root mean square of the noise level map; true, that of
        noisy minus clean, full scale being 1.
    """
    network = with_level_map(cbdnet)
    rows = []
    for position in range(len(patches)):
        noisy, clean = patches.noisy([position]), patches.clean([position])
        level_map = network.predict_on_batch(noisy)[LEVEL_MAP]
        rows.append([np.sqrt(np.mean(np.square(x))) for x in (level_map, noisy - clean)])
    return pd.DataFrame(rows, columns=["estimated", "true"])


def pyramid_contributions(pridnet: keras.Model, noisy: np.ndarray) -> dict[int, np.ndarray]:
    """Return what each level of PRIDNet's pyramid adds to the result.

    A level's contribution is the result minus the result of the same fusion with this level's
    activations replaced by their mean over the image.

    Parameters
    ----------
    pridnet : keras.Model
    noisy : ndarray, shape (N, H, W, 3), float in [0, 1]
        H and W multiples of 16.

    Returns
    -------
    dict of int to ndarray, shape (N, H, W, 3), float32
        By the level's pooling: 1, 2, 4, 8, 16.
    """
    levels = pridnet.get_layer("fusion.in").output
    pyramid, fusion = keras.Model(pridnet.input, levels), keras.Model(levels, pridnet.output)
    features = pyramid.predict_on_batch(noisy)
    whole = fusion.predict_on_batch(features)
    contributions = {}
    for number, pooling in enumerate(POOLING, start=2):  # after 2 x 3 channels of stage 1
        channels = slice(3 * number, 3 * number + 3)
        without = features.copy()
        without[..., channels] = features[..., channels].mean(axis=(1, 2), keepdims=True)
        contributions[pooling] = whole - fusion.predict_on_batch(without)
    return contributions


def attention_weights(ridnet: keras.Model, noisy: np.ndarray, labels: list[str]) -> pd.DataFrame:
    """Return the weights that RIDNet's feature attention gives its channels.

    Parameters
    ----------
    ridnet : keras.Model
    noisy : ndarray, shape (N, H, W, 3), float in [0, 1]
    labels : list of str
        Names of the N images.

    Returns
    -------
    DataFrame
        One row per image, module and channel: image, module, channel, weight in (0, 1).
    """
    modules = [f"eam{number}" for number in range(1, MODULES + 1)]
    layers = [ridnet.get_layer(f"{module}.attention.weights").output for module in modules]
    weights = keras.Model(ridnet.input, layers).predict_on_batch(noisy)
    return pd.DataFrame(
        [
            (label, module, channel, weight)
            for module, of_images in zip(modules, weights, strict=True)
            for label, of_channels in zip(labels, of_images[:, 0, 0], strict=True)
            for channel, weight in enumerate(of_channels)
        ],
        columns=["image", "module", "channel", "weight"],
    )


def psnr_with_means(model: keras.Model, names: Sequence[str], patches: Patches) -> pd.DataFrame:
    """Return the PSNR of a trained network when the outputs of some layers are replaced by means.

    An ablation after training: the PSNR lost is what the network gains from how these outputs
    vary. A network that was trained without these layers may lose less.

    Parameters
    ----------
    model : keras.Model
    names : sequence of str
        Layers of the model.
    patches : Patches

    Returns
    -------
    DataFrame
        PSNR in dB, one row per patch: as it is; mean of the patch (each channel replaced by its
        mean over the patch's pixels); mean of all (over all patches as well).
    """
    layers = {name: model.get_layer(name).output for name in names}
    first = keras.Model(model.input, layers)
    rest = keras.Model([model.input, *layers.values()], model.output)
    noisy = [patches.noisy([position]) for position in range(len(patches))]
    features = [[*first.predict_on_batch(image).values()] for image in noisy]
    own = [[f.mean(axis=(1, 2), keepdims=True) for f in of_patch] for of_patch in features]
    common = [np.mean(means, axis=0) for means in zip(*own, strict=True)]
    rows = []
    for position, of_patch in enumerate(features):
        variants = {
            "as it is": of_patch,
            "mean of the patch": own[position],
            "mean of all": common,
        }
        row = {}
        for name, values in variants.items():
            full = [np.broadcast_to(v, f.shape) for v, f in zip(values, of_patch, strict=True)]
            denoised = rest.predict_on_batch([noisy[position], *full])[0]
            row[name] = psnr(patches.clean([position])[0], np.clip(denoised, 0, 1))
        rows.append(row)
    return pd.DataFrame(rows)
