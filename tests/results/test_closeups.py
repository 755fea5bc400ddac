"""Looking closely at one part of a network."""

import keras
import numpy as np
import pytest

from casestudy.data.catalogue import load_pairs
from casestudy.data.patches import cut_patches
from casestudy.models import build
from casestudy.results.closeups import (
    attention_weights,
    kernel_weights,
    phone_pictures,
    psnr_with_means,
    without_levels,
)
from casestudy.results.plots import plot_attention, plot_kernels

PICTURE = np.random.default_rng(0).random((32, 32, 3), dtype=np.float32)


@pytest.fixture(scope="module")
def networks():
    return {name: build(name, filters=4) for name in ("pridnet", "ridnet")}


def test_a_layer_that_says_all_leaves_its_means(pair_folder):
    """A network whose result is what one layer says: the noisy patch itself."""
    name = f"folder:{pair_folder}"
    patches = cut_patches(name, load_pairs(name)[:3], size=64)
    noisy = keras.Input((None, None, 3))
    said = keras.layers.Identity(name="said")(noisy)
    model = keras.Model(noisy, keras.layers.Identity()(said))
    table = psnr_with_means(model, ["said"], patches)
    inputs, clean = (read(np.arange(len(patches))) for read in (patches.noisy, patches.clean))
    results = {
        "as it is": inputs,
        "mean of the patch": inputs.mean(axis=(1, 2), keepdims=True),
        "mean of all": inputs.mean(axis=(0, 1, 2), keepdims=True),
    }
    for column, result in results.items():
        errors = np.square(result - clean).mean(axis=(1, 2, 3))
        assert table[column].tolist() == pytest.approx(-10 * np.log10(errors), abs=1e-3)


@pytest.mark.parametrize(
    ("name", "modules"), [("pridnet", ["estimate"]), ("ridnet", [f"eam{n}" for n in range(1, 5)])]
)
def test_attention_is_what_the_network_multiplies_by(networks, name, modules):
    """Features times weights are the attended features."""
    model, pictures = networks[name], {"one": PICTURE, "other": PICTURE[::-1]}
    weights = attention_weights(model, pictures)
    assert weights["module"].unique().tolist() == modules
    for module in modules:
        (product,) = (
            layer
            for layer in model.layers
            if layer.name.startswith(module) and layer.name.endswith("attended")
        )
        features = keras.Model(model.input, [product.input[0], product.output])
        before, after = map(keras.ops.convert_to_numpy, features(PICTURE[None]))
        row = weights.query("image == 'one' and module == @module").sort_values("channel")
        np.testing.assert_allclose(before * row["weight"].to_numpy(), after, atol=1e-6)


def test_only_a_level_that_says_nothing_can_be_left_out(networks):
    model = networks["pridnet"]
    last = model.get_layer("pyramid4.out")
    kept = last.get_weights()
    last.set_weights([np.zeros_like(weight) for weight in kept])
    whole, without = without_levels(model, PICTURE[None])
    last.set_weights(kept)
    same = {pooling: np.allclose(x, whole, atol=1e-7) for pooling, x in without.items()}
    assert same == {1: False, 2: False, 4: True, 8: False, 16: False}


def test_the_kernels_of_a_channel_share_a_weight_of_one(networks):
    weights = kernel_weights(networks["pridnet"], {"one": PICTURE, "other": PICTURE / 2})
    assert weights["kernel"].unique().tolist() == [3, 5, 7]
    sums = weights.groupby(["image", "channel"])["weight"].sum()
    assert len(sums) == 2 * 21 and sums.to_numpy() == pytest.approx(1)


def test_a_dark_and_a_bright_picture_of_a_phone():
    dark, bright = phone_pictures(128).values()
    assert dark.shape == bright.shape == (128, 128, 3) and dark.dtype == np.float32
    assert dark.mean() < bright.mean() and bright.max() <= 1


def test_figures_of_attention_and_kernels_show_every_channel(networks):
    pictures, model = {"dark": PICTURE / 2, "bright": PICTURE}, networks["pridnet"]
    fig = plot_attention(attention_weights(model, pictures), pictures)
    assert [len(line.get_xdata()) for line in fig.axes[2].lines[:2]] == [4, 4]
    fig = plot_kernels(kernel_weights(model, pictures), pictures)
    bars, dots = fig.axes[2].patches, fig.axes[2].lines
    assert len(bars) == 3 * 21 and sum(len(line.get_xdata()) for line in dots) == 21
    tops = {round(bar.get_y() + bar.get_height(), 5) for bar in bars[2 * 21 :]}
    assert tops == {1.0}
