import numpy as np
import pandas as pd
import pytest

from casestudy.datasets import load_pairs
from casestudy.models import build
from casestudy.patches import cut_patches
from casestudy.training import save_training, train


@pytest.fixture
def patches(pair_folder):
    name = f"folder:{pair_folder}"
    return cut_patches(name, load_pairs(name), size=32)


def test_training_lowers_the_loss_and_leaves_files(patches, tmp_path):
    model = build("autoencoder", seed=0, filters=8)
    history = train(model, patches, patches.spread(4), epochs=8, batch_size=4, seed=0)
    assert list(history["epoch"]) == list(range(1, 9))
    assert history["loss"].iloc[-1] < 0.5 * history["loss"].iloc[0]
    assert (history["seconds"] > 0).all()

    weights = save_training(model, history, tmp_path)
    assert weights == tmp_path / "models" / "autoencoder.weights.h5"
    assert weights.stat().st_size < 2 * 4 * model.count_params()  # float32, and no optimizer
    other = build("autoencoder", seed=1, filters=8)
    other.load_weights(weights)
    for trained, loaded in zip(model.get_weights(), other.get_weights(), strict=True):
        np.testing.assert_array_equal(trained, loaded)
    written = pd.read_csv(weights.with_name("autoencoder.history.csv"))
    np.testing.assert_allclose(written["val_loss"], history["val_loss"])


def test_the_validation_loss_is_the_mean_squared_error(patches):
    model = build("autoencoder", seed=0, filters=4)
    history = train(model, patches, patches, epochs=1, batch_size=64, seed=0)
    everything = np.arange(len(patches))
    error = model.predict_on_batch(patches.noisy(everything)) - patches.clean(everything)
    assert history["val_loss"].iloc[-1] == pytest.approx(np.mean(error**2), rel=1e-4)


def test_the_same_seed_trains_the_same_network(patches):
    losses = []
    for seed in (0, 0, 1):
        model = build("autoencoder", seed=seed, filters=4)
        losses.append(train(model, patches, patches, 2, 4, seed=seed)["loss"].tolist())
    assert losses[0] == losses[1] != losses[2]
