"""NAFNet, HINet, MIRNet and Uformer: networks of image restoration, not in the article."""

import cv2
import keras
import numpy as np
import pytest
from keras import layers, ops

from casestudy.denoising.tiles import network_denoiser
from casestudy.models import NETWORKS, build, hinet, mirnet, nafnet, uformer
from casestudy.models.inspection import analytic_receptive_field
from casestudy.models.pytorch import EnlargeTwice
from casestudy.models.weights import load_weights, save_weights

# Few blocks, and narrow ones, but of every kind.
SMALL = {
    "nafnet": {"filters": 4, "down_blocks": (1, 1), "bottom_blocks": 1, "up_blocks": (1, 1)},
    "hinet": {"filters": 4},
    "mirnet": {"filters": 16, "groups": 1, "blocks": 1},
    "mirnet-v2": {"filters": 16, "parts": (1, 4), "blocks": 1},
    "uformer": {"filters": 4, "blocks": (2, 2)},
}


def images(*shape, seed=0):
    return np.random.default_rng(seed).random(shape, np.float32)


def of_size(network, seed=0):
    side = max(2 * NETWORKS[network.name].multiple, 64)
    return images(1, side, side, 3, seed=seed)


def shaken(model):
    """Move weights far from their start, where zeros hide what follows or precedes them."""
    rng = np.random.default_rng(0)
    model.set_weights([w + 0.05 * rng.standard_normal(w.shape) for w in model.get_weights()])
    return model


@pytest.fixture(scope="module", params=SMALL)
def network(request):
    model = shaken(build(request.param, **SMALL[request.param]))
    model.run_eagerly = True  # a few images are not worth compiling
    return model


@pytest.mark.parametrize(
    ("name", "sizes", "parameters"),
    [
        # Of the authors' PyTorch code.
        ("nafnet", {}, 29_159_715),
        ("nafnet", {"filters": 64}, 115_982_915),
        ("hinet", {"filters": 32}, 22_176_518),
        ("hinet", {}, 88_669_702),
        ("mirnet", {}, 31_787_419),
        ("mirnet-v2", {}, 5_858_560),
        ("uformer", {"filters": 16}, 5_291_853),
        ("uformer", {}, 20_751_197),
        ("uformer", {"blocks": (1, 2, 8, 8, 2)}, 50_880_946),
    ],
)
def test_networks_have_as_many_parameters_as_the_authors_code(name, sizes, parameters):
    model = build(name, **sizes)
    assert sum(np.prod(w.shape) for w in model.trainable_weights) == parameters


def test_an_image_of_any_size_keeps_it(network):
    denoise = network_denoiser(network)
    for size in [(37, 50), (1, 1)]:
        denoised = denoise(images(2, *size, 3))
        assert denoised.shape == (2, *size, 3) and np.isfinite(denoised).all()


def test_training_starts_from_the_noisy_image(network):
    new, noisy = build(network.name, **SMALL[network.name]), of_size(network)
    assert np.abs(new.predict_on_batch(noisy) - noisy).max() < 0.05


def test_saved_weights_give_the_same_output(network, tmp_path):
    noisy = of_size(network)
    save_weights(network, tmp_path / "model.safetensors")
    other = build(network.name, seed=1, **SMALL[network.name])
    load_weights(other, tmp_path / "model.safetensors")
    expected = network.predict_on_batch(noisy)
    np.testing.assert_allclose(other.predict_on_batch(noisy), expected, atol=1e-6)


def test_gradients_reach_every_weight(network):
    optimizer = keras.optimizers.SGD(1e-6, momentum=0.9)  # its momentum is the gradient, scaled
    network.compile(optimizer, "mse", run_eagerly=True)  # one step is not worth compiling
    network.train_on_batch(of_size(network), of_size(network, seed=1))
    gradients = optimizer.variables[2:]  # after iteration and learning rate
    for weight, gradient in zip(network.trainable_variables, gradients, strict=True):
        assert np.abs(ops.convert_to_numpy(gradient)).max() > 0, weight.path


def test_nafnet_sees_as_far_as_measured_on_the_authors_code():
    assert analytic_receptive_field(build("nafnet", filters=4)) == (311, 325)


def test_an_untrained_nafnet_skips_its_blocks():
    """Whatever their weights, since the sums start with a factor of zero."""
    model, noisy = build("nafnet", **SMALL["nafnet"]), images(1, 16, 16, 3)
    before = model.predict_on_batch(noisy)
    for layer in model.layers:
        if ".block" in layer.name and not isinstance(layer, nafnet.AddScaled):
            layer.set_weights([w + 1 for w in layer.get_weights()])
    np.testing.assert_array_equal(model.predict_on_batch(noisy), before)


def test_half_of_the_channels_are_normalized_over_the_image():
    x, half, like = images(2, 9, 7, 6), hinet.HalfInstanceNorm(), layers.GroupNormalization(-1)
    like.epsilon = 1e-5
    half.build(x.shape)
    like.build((2, 9, 7, 3))
    for layer in (half, like):
        layer.set_weights(np.array([[1, 2, 3], [4, 5, 6]], np.float32))
    found = ops.convert_to_numpy(half(x))
    np.testing.assert_allclose(found[..., :3], like(x[..., :3]), atol=1e-5)
    np.testing.assert_array_equal(found[..., 3:], x[..., 3:])


def test_enlarging_is_bilinear_as_in_opencv():
    image = images(1, 5, 7, 3)
    expected = cv2.resize(image[0], None, fx=2, fy=2, interpolation=cv2.INTER_LINEAR)
    np.testing.assert_allclose(EnlargeTwice()(image)[0], expected, atol=1e-6)


def test_shrinking_blurs_as_in_opencv():
    image = images(1, 8, 10, 3)
    binomial = np.array([1, 2, 1]) / 4
    blurred = cv2.sepFilter2D(image[0], -1, binomial, binomial, borderType=cv2.BORDER_REFLECT)
    np.testing.assert_allclose(mirnet.BlurPool()(image)[0], blurred[::2, ::2], atol=1e-6)


def test_windows_attend_as_in_keras():
    """With two heads of 3 channels, and a bias for each displacement of key from query."""
    q, kv = images(1, 8, 16, 6), images(1, 8, 16, 12, seed=1)
    attention = uformer.WindowAttention(2, shifted=False)
    attention.build([q.shape, kv.shape])
    table = images(15, 15, 2, seed=2)
    attention.set_weights([table.reshape(225, 2)])
    at = np.indices((8, 8)).reshape(2, 64)
    down, right = at[:, :, None] - at[:, None] + 7
    bias = table[down, right].transpose(2, 0, 1)[None]
    found = ops.convert_to_numpy(attention([q, kv]))
    for columns in (slice(0, 8), slice(8, 16)):
        window = [x[:, :, columns].reshape(1, 64, 2, 3) for x in (q, kv[..., :6], kv[..., 6:])]
        expected = ops.convert_to_numpy(ops.dot_product_attention(*window, bias=bias))
        np.testing.assert_allclose(found[:, :, columns], expected.reshape(1, 8, 8, 6), atol=1e-6)


def test_the_bottom_is_not_shifted_and_only_the_way_up_is_modulated():
    places = {
        kind: {
            layer.name[:2] for layer in build("uformer", filters=4).layers if type(layer) is kind
        }
        for kind in (uformer.Roll, uformer.Modulator)
    }
    assert places == {uformer.Roll: {"do", "up"}, uformer.Modulator: {"up"}}


def test_a_shifted_window_does_not_join_opposite_borders():
    """What a changed pixel touches lies close to it."""
    q, kv = images(1, 16, 24, 4), images(1, 16, 24, 8, seed=1)
    attention, back = uformer.WindowAttention(2, shifted=True), uformer.Roll(uformer.SHIFT)
    shift = uformer.Roll(-uformer.SHIFT)
    for row, column in [(0, 0), (15, 23), (7, 12)]:
        changed = kv.copy()
        changed[0, row, column] += 5
        outputs = [back(attention([shift(q), shift(x)])) for x in (kv, changed)]
        touched = np.argwhere(np.abs(outputs[1] - outputs[0])[0].max(axis=-1) > 1e-6)
        assert len(touched) and np.abs(touched - (row, column)).max() < uformer.WINDOW
