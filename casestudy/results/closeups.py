"""A closer look at one building block of each network."""

from collections.abc import Mapping, Sequence

import keras
import numpy as np
import pandas as pd
from keras import ops

from casestudy.data.catalogue import load_pairs
from casestudy.data.patches import Patches
from casestudy.models.cbdnet import LEVEL_MAP, with_level_map
from casestudy.models.inspection import block_of
from casestudy.models.pridnet import KERNELS, POOLING
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
        level_map = _called(network, noisy)[LEVEL_MAP]
        rows.append([np.sqrt(np.mean(np.square(x))) for x in (level_map, noisy - clean)])
    return pd.DataFrame(rows, columns=["estimated", "true"])


def without_levels(
    pridnet: keras.Model, noisy: np.ndarray
) -> tuple[np.ndarray, dict[int, np.ndarray]]:
    """Denoise with PRIDNet, and again with one level's features replaced by their mean.

    Parameters
    ----------
    pridnet : keras.Model
    noisy : ndarray, shape (N, H, W, 3), float in [0, 1]
        H and W multiples of 16.

    Returns
    -------
    whole : ndarray, shape (N, H, W, 3), float32
    without : dict of int to ndarray of this shape
        By the level's pooling: 1, 2, 4, 8, 16.
    """
    levels = pridnet.get_layer("fusion.in").output
    pyramid, fusion = keras.Model(pridnet.input, levels), keras.Model(levels, pridnet.output)
    features = _called(pyramid, noisy)
    without = {}
    for number, pooling in enumerate(POOLING, start=2):  # after 2 x 3 channels of stage 1
        channels = slice(3 * number, 3 * number + 3)
        replaced = features.copy()
        replaced[..., channels] = features[..., channels].mean(axis=(1, 2), keepdims=True)
        without[pooling] = _called(fusion, replaced)
    return _called(fusion, features), without


def worth_of_levels(pridnet: keras.Model, patches: Patches) -> pd.Series:
    """Return the mean PSNR in dB that is lost without a level of PRIDNet, by its pooling."""
    lost = []
    for position in range(len(patches)):
        clean = patches.clean([position])[0]
        whole, without = without_levels(pridnet, patches.noisy([position]))
        best = psnr(clean, np.clip(whole[0], 0, 1))
        lost.append({p: best - psnr(clean, np.clip(x[0], 0, 1)) for p, x in without.items()})
    return pd.DataFrame(lost).mean().rename("dB lost without it").rename_axis("pooled by")


def phone_pictures(size: int = 256) -> dict[str, np.ndarray]:
    """Return the central squares of the darkest and the brightest noisy picture of `phones`.

    Parameters
    ----------
    size : int
        Side of the squares in pixels, 256 at most.

    Returns
    -------
    dict of str to ndarray, shape (size, size, 3), float32 in [0, 1]
        By "dark picture" and "bright picture".
    """
    pairs = [pair.load() for pair in load_pairs("phones")]
    ranked = [noisy for noisy, _ in sorted(pairs, key=lambda pair: pair[1].mean())]
    chosen = {"dark picture": ranked[0], "bright picture": ranked[-1]}
    corners = {name: [(side - size) // 2 for side in im.shape[:2]] for name, im in chosen.items()}
    return {
        name: chosen[name][top : top + size, left : left + size] / np.float32(255)
        for name, (top, left) in corners.items()
    }


def attention_weights(model: keras.Model, pictures: Mapping[str, np.ndarray]) -> pd.DataFrame:
    """Return the weights that a network's attention gives its channels.

    Parameters
    ----------
    model : keras.Model
        RIDNet or PRIDNet.
    pictures : mapping of str to ndarray, shape (H, W, 3), float in [0, 1]
        Of one size, with H and W multiples of 16.

    Returns
    -------
    DataFrame
        One row per picture, block with attention and channel: image, module, channel, weight in
        (0, 1).
    """
    names = [x.name for x in model.layers if x.name.endswith((".attention.weights", ".excite"))]
    rows = [
        (picture, block_of(name), channel, weight)
        for name, of_pictures in _outputs(model, names, pictures).items()
        for picture, of_picture in zip(pictures, of_pictures, strict=True)
        for channel, weight in enumerate(of_picture[0, 0])
    ]
    return pd.DataFrame(rows, columns=["image", "module", "channel", "weight"])


def kernel_weights(pridnet: keras.Model, pictures: Mapping[str, np.ndarray]) -> pd.DataFrame:
    """Return how PRIDNet's fusion weights its three kernel sizes in each channel.

    Parameters
    ----------
    pridnet, pictures
        As for `attention_weights`.

    Returns
    -------
    DataFrame
        One row per picture, kernel and channel: image; kernel, its side in pixels; channel;
        weight in (0, 1), which sums to 1 over the kernels.
    """
    weights = _outputs(pridnet, ["fusion.weights"], pictures)["fusion.weights"][:, :, 0]
    rows = [
        (picture, kernel, channel, weight)
        for picture, of_picture in zip(pictures, weights, strict=True)
        for kernel, of_kernel in zip(KERNELS, of_picture, strict=True)
        for channel, weight in enumerate(of_kernel)
    ]
    return pd.DataFrame(rows, columns=["image", "kernel", "channel", "weight"])


def _outputs(
    model: keras.Model, names: Sequence[str], pictures: Mapping[str, np.ndarray]
) -> dict[str, np.ndarray]:
    """Return the outputs of some layers for all pictures."""
    outputs = {name: model.get_layer(name).output for name in names}
    return _called(keras.Model(model.input, outputs), np.stack([*pictures.values()]))


def _called(model: keras.Model, inputs: object) -> object:
    """Return the output, or outputs, of a network as arrays.

    A few images are not worth the seconds for which `predict_on_batch` compiles.
    """
    return keras.tree.map_structure(ops.convert_to_numpy, model(inputs, training=False))


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
    layers = [model.get_layer(name).output for name in names]
    first = keras.Model(model.input, [model.output, *layers])
    rest = keras.Model([model.input, *layers], model.output)
    noisy = [patches.noisy([position]) for position in range(len(patches))]
    results, features = [], []
    for image in noisy:
        result, *of_patch = _called(first, image)
        results.append(result)
        features.append(of_patch)
    own = [[f.mean(axis=(1, 2), keepdims=True) for f in of_patch] for of_patch in features]
    common = [np.mean(means, axis=0) for means in zip(*own, strict=True)]
    rows = []
    for position, of_patch in enumerate(features):
        denoised = {"as it is": results[position]}
        for name, values in {"mean of the patch": own[position], "mean of all": common}.items():
            full = [np.broadcast_to(v, f.shape) for v, f in zip(values, of_patch, strict=True)]
            denoised[name] = _called(rest, [noisy[position], *full])
        clean = patches.clean([position])[0]
        rows.append({n: psnr(clean, np.clip(x[0], 0, 1)) for n, x in denoised.items()})
    return pd.DataFrame(rows)
