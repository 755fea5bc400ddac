import keras
import numpy as np
import pytest

from casestudy.errors import CaseStudyError
from casestudy.models import BUILDERS, build, layer_table

MULTIPLE = {"autoencoder": 8}  # sizes must divide by this


def test_autoencoder_has_the_size_of_its_layer_ledger():
    """896 + 18,496 + 73,856 + 147,584 + 73,792 + 18,464 + 867, counted by hand."""
    model = build("autoencoder")
    assert model.count_params() == 333_955
    assert layer_table(model)["parameters"].sum() == 333_955


@pytest.mark.parametrize("name", BUILDERS)
def test_the_output_has_the_inputs_shape(name):
    step = MULTIPLE[name]
    model = build(name, filters=4)
    for height, width in ((step, step), (3 * step, 5 * step)):
        assert model.predict_on_batch(np.zeros((2, height, width, 3))).shape == (
            2,
            height,
            width,
            3,
        )


@pytest.mark.parametrize("name", BUILDERS)
def test_saved_weights_give_the_same_output(name, tmp_path):
    noisy = np.random.default_rng(0).random((1, 32, 32, 3), np.float32)
    model, other = build(name, seed=1, filters=4), build(name, seed=2, filters=4)
    expected = model.predict_on_batch(noisy)
    assert (other.predict_on_batch(noisy) != expected).any()
    model.save_weights(tmp_path / "model.weights.h5")
    other.load_weights(tmp_path / "model.weights.h5")
    np.testing.assert_array_equal(other.predict_on_batch(noisy), expected)


@pytest.mark.parametrize("name", BUILDERS)
def test_the_seed_decides_the_weights(name):
    first, same, other = (build(name, seed=s, filters=4).get_weights()[0] for s in (1, 1, 2))
    np.testing.assert_array_equal(first, same)
    assert (first != other).any()


def test_an_unknown_network_is_told_the_known_ones():
    with pytest.raises(CaseStudyError, match="autoencoder"):
        build("autoencodr")


def test_models_take_any_size(name="autoencoder"):
    assert build(name).input_shape == (None, None, None, 3)
    assert isinstance(build(name), keras.Model)
