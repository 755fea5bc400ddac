"""Looking closely at one part of a network."""

import keras
import numpy as np
import pytest

from casestudy.data.catalogue import load_pairs
from casestudy.data.patches import cut_patches
from casestudy.results.closeups import psnr_with_means


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
