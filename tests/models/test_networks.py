import json
import os
import subprocess
import sys

import cv2
import keras
import numpy as np
import pytest

from casestudy import CaseStudyError, models
from casestudy.denoising.tiles import network_denoiser
from casestudy.models import build
from casestudy.models.cbdnet import with_level_map
from casestudy.models.pridnet import Enlarge
from casestudy.models.weights import load_weights, save_weights
from tests.models.test_restoration import SMALL, shaken

NETWORKS = ("autoencoder", "cbdnet", "pridnet", "ridnet", "drunet")


def build_slim(name, seed=0):
    model = build(name, seed, filters=4)
    model.run_eagerly = True  # a few images are not worth compiling
    return model


@pytest.mark.parametrize(
    ("name", "sizes", "parameters"),
    [
        # Hand counts: 896 + 18,496 + 73,856 + 147,584 + 73,792 + 18,464 + 867.
        ("autoencoder", {}, 333_955),
        # CNN_E 896 + 3 x 9,248 + 867; CNN_D as in the widely cited count of 4.36 million.
        ("cbdnet", {}, 29_507 + 4_335_875),
        # Noise estimation, five U-Nets, fusion; the authors' raw network with 3 channels for 1.
        ("pridnet", {}, 29_669 + 5 * 14_831_683 + 37_639),
        # A quarter of each, but for what enters, leaves and has biases: counted by hand.
        ("pridnet-half", {}, 7_892 + 5 * 3_709_731 + 37_639),
        # By hand: 896, three levels down 682,688, their shrinking 172,480, the bottom 4,720,640,
        # three levels up 682,688, their enlarging 172,256, and 867.
        ("drunet", {}, 6_432_515),
        # The authors' code less the 24 weights of its mean shift.
        ("ridnet", {}, 1_499_371 - 24),
    ],
)
def test_networks_have_the_published_number_of_parameters(name, sizes, parameters):
    model = build(name, **sizes)
    assert model.count_params() == parameters
    assert sum(np.prod(w.shape) for w in model.trainable_weights) == parameters


@pytest.mark.parametrize("name", NETWORKS)
def test_slimmer_variants_have_fewer_parameters(name):
    """Convolutions between equal widths have a quarter of the weights at half the width."""
    wide, slim = (build(name, filters=filters).count_params() for filters in (16, 8))
    assert 0.2 * wide < slim < 0.4 * wide


@pytest.mark.parametrize("name", NETWORKS)
def test_a_denoised_image_has_the_size_of_the_noisy_one(name):
    denoise = network_denoiser(build_slim(name))
    for size in [(37, 50), (1, 1), (64, 16)]:
        denoised = denoise(np.random.default_rng(0).random((2, *size, 3), np.float32))
        assert denoised.shape == (2, *size, 3) and denoised.dtype == np.float32
        assert np.isfinite(denoised).all()


@pytest.mark.parametrize("name", NETWORKS)
def test_padding_does_not_touch_images_that_need_none(name):
    model = build_slim(name)
    size = 2 * models.NETWORKS[name].multiple
    noisy = np.random.default_rng(0).random((1, size, size, 3), np.float32)
    np.testing.assert_array_equal(network_denoiser(model)(noisy), model.predict_on_batch(noisy))


@pytest.mark.parametrize("name", models.released.titles())
def test_gradients_reach_every_weight(name):
    # As wide as released: the only hidden unit of a slim attention may be dead from the start.
    model = build(name)
    optimizer = keras.optimizers.SGD(momentum=0.9)  # its momentum is the gradient, scaled
    model.compile(optimizer, "mse", run_eagerly=True)  # one step is not worth compiling
    rng = np.random.default_rng(0)
    model.train_on_batch(rng.random((2, 32, 32, 3)), rng.random((2, 32, 32, 3)))
    gradients = optimizer.variables[2:]  # after iteration and learning rate
    assert len(gradients) == len(model.trainable_variables)
    for weight, gradient in zip(model.trainable_variables, gradients, strict=True):
        assert tuple(gradient.shape) == tuple(weight.shape)
        assert np.abs(keras.ops.convert_to_numpy(gradient)).max() > 0, weight.path


@pytest.mark.parametrize("name", ["cbdnet", "drunet", "ridnet"])
def test_residual_networks_start_near_the_noisy_image(name):
    noisy = np.random.default_rng(0).random((1, 32, 32, 3), np.float32)
    assert np.abs(build(name).predict_on_batch(noisy) - noisy).max() < 0.1


def test_the_level_map_is_an_output_that_is_not_negative():
    model = build("cbdnet", filters=8)
    noisy = np.random.default_rng(0).random((1, 16, 24, 3), np.float32)
    outputs = with_level_map(model).predict_on_batch(noisy)
    np.testing.assert_array_equal(outputs["denoised"], model.predict_on_batch(noisy))
    assert outputs["noise_level_map"].shape == noisy.shape
    assert outputs["noise_level_map"].min() >= 0


@pytest.mark.parametrize("factor", [2, 4, 16])
def test_pridnets_upsampling_is_bilinear_as_in_opencv(factor):
    image = np.random.default_rng(0).random((1, 5, 7, 3), np.float32)
    expected = cv2.resize(image[0], None, fx=factor, fy=factor, interpolation=cv2.INTER_LINEAR)
    np.testing.assert_allclose(Enlarge(factor)(image)[0], expected, atol=1e-6)


@pytest.mark.parametrize("name", NETWORKS)
def test_saved_weights_give_the_same_output(name, tmp_path):
    noisy = np.random.default_rng(0).random((1, 32, 32, 3), np.float32)
    model, other = build_slim(name, 1), build_slim(name, 2)
    expected = model.predict_on_batch(noisy)
    assert (other.predict_on_batch(noisy) != expected).any()
    save_weights(model, tmp_path / "model.safetensors")
    load_weights(other, tmp_path / "model.safetensors")
    np.testing.assert_array_equal(other.predict_on_batch(noisy), expected)


@pytest.mark.parametrize("name", NETWORKS)
def test_the_seed_decides_the_weights(name):
    first, same, other = (build(name, seed=s, filters=4).get_weights()[0] for s in (1, 1, 2))
    np.testing.assert_array_equal(first, same)
    assert (first != other).any()


PREDICT = """
import json, sys
import keras, numpy as np
from pathlib import Path
from casestudy.models import build
from casestudy.models.weights import load_weights
assert keras.backend.backend() == "jax"
folder = Path(sys.argv[1])
for name, sizes in json.loads(sys.argv[2]).items():
    model = build(name, seed=9, **sizes)
    load_weights(model, folder / f"{name}.safetensors")
    np.save(folder / f"{name}.npy", model.predict_on_batch(np.load(folder / "noisy.npy")))
"""


def test_tensorflow_and_jax_give_the_same_output(tmp_path):
    """Slim, since no backend treats a wide layer in another way."""
    noisy = np.random.default_rng(0).random((1, 64, 128, 3), np.float32)
    np.save(tmp_path / "noisy.npy", noisy)
    widths = {"autoencoder": 8, "cbdnet": 8, "pridnet": 4, "drunet": 8, "ridnet": 16}
    networks = {name: {"filters": width} for name, width in widths.items()} | SMALL
    expected = {}
    for name, sizes in networks.items():
        model = shaken(build(name, seed=3, **sizes))
        model.run_eagerly = True
        save_weights(model, tmp_path / f"{name}.safetensors")
        expected[name] = model.predict_on_batch(noisy)
    subprocess.run(
        [sys.executable, "-c", PREDICT, str(tmp_path), json.dumps(networks)],
        env=os.environ
        | {
            "KERAS_BACKEND": "jax",
            "JAX_PLATFORMS": "cpu",
            "XLA_FLAGS": "--xla_backend_optimization_level=0",  # compiles faster
        },
        check=True,
    )
    for name, output in expected.items():
        np.testing.assert_allclose(np.load(tmp_path / f"{name}.npy"), output, atol=1e-4)


class TestBadInput:
    def test_an_unknown_network_is_told_the_known_ones(self):
        with pytest.raises(
            CaseStudyError, match="autoencoder, cbdnet, pridnet, pridnet-half, ridnet, drunet"
        ):
            build("ridnett")

    @pytest.mark.parametrize(
        ("images", "message"),
        [
            (np.zeros((8, 8)), "number, height, width, 3"),
            (np.zeros((8, 8, 3)), r"image\[None\]"),
            (np.zeros((1, 8, 8, 1)), "converted to RGB"),
            (np.zeros((1, 8, 8, 4)), "converted to RGB"),
            (np.zeros((1, 0, 8, 3)), "number, height"),
            (np.zeros((1, 8, 8, 3), np.uint8), "255"),
            (np.full((1, 8, 8, 3), 255.0), "0, 1"),
            (np.full((1, 8, 8, 3), -0.1), "0, 1"),
            (np.full((1, 8, 8, 3), np.nan), "nan"),
        ],
    )
    def test_images_of_another_kind(self, images, message):
        with pytest.raises(CaseStudyError, match=message):
            network_denoiser(build("ridnet", filters=4))(images)

    def test_weights_of_another_width_or_network_name_the_layer(self, tmp_path):
        file = tmp_path / "net.safetensors"
        save_weights(build("ridnet", filters=8), file)
        slim, other = build("ridnet", filters=4), build("cbdnet", filters=8)
        before = slim.get_weights()
        with pytest.raises(CaseStudyError, match=r"head/kernel is \(3, 3, 3, 8\) in the file"):
            load_weights(slim, file)
        for weight, unchanged in zip(slim.get_weights(), before, strict=True):
            np.testing.assert_array_equal(weight, unchanged)
        with pytest.raises(CaseStudyError, match=r"estimate\.conv1/kernel is missing"):
            load_weights(other, file)

    def test_weights_of_a_larger_network_name_the_layer(self, tmp_path):
        file = tmp_path / "net.safetensors"
        model = build("cbdnet", filters=8)
        save_weights(model, file)
        estimator = keras.Model(model.input, model.get_layer("noise_level_map").output)
        with pytest.raises(
            CaseStudyError, match=r"residual/bias is \(3,\) in the file and missing"
        ):
            load_weights(estimator, file)

    def test_files_that_are_missing_or_cut_or_no_weights(self, tmp_path):
        model, file = build("ridnet", filters=4), tmp_path / "net.safetensors"
        with pytest.raises(CaseStudyError, match=r"net\.safetensors does not exist"):
            load_weights(model, file)
        save_weights(model, file)
        for content in (file.read_bytes()[:-1], b"", b"\x80\x04K*."):  # the last is a pickle
            file.write_bytes(content)
            with pytest.raises(CaseStudyError, match=r"net\.safetensors cannot be read"):
                load_weights(model, file)
