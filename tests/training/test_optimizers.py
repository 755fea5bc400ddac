"""What one step of an optimizer does to weights."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from casestudy.training.optimizers import Muon

RATE = 0.01


def step(gradient):
    """Return the first step down a gradient, in units of the learning rate."""
    weights = keras.Variable(np.zeros_like(gradient))
    optimizer = Muon(RATE)
    optimizer.build([weights])
    optimizer.apply([keras.ops.convert_to_tensor(gradient)])
    return -keras.ops.convert_to_numpy(weights) / RATE


class TestMuon:
    @pytest.mark.parametrize("shape", [(3, 3, 16, 8), (3, 3, 4, 64), (40, 8)])
    def test_a_kernel_moves_along_all_directions_alike(self, shape):
        """Jordan's iteration maps every singular value to 0.68 to 1.13; Liu's eq. 4 scales it."""
        rng = np.random.default_rng(0)
        scales = np.geomspace(1, 100, shape[-1])  # its directions differ a hundredfold
        gradient = (rng.normal(size=shape) * scales).astype(np.float32)
        matrix = step(gradient).reshape(-1, shape[-1])
        values = np.linalg.svd(matrix, compute_uv=False) / (0.2 * np.sqrt(max(matrix.shape)))
        assert values.min() > 0.65 and values.max() < 1.2
        u, _, v = np.linalg.svd(gradient.reshape(matrix.shape), full_matrices=False)
        aligned = np.diag(u.T @ matrix @ v.T) / (0.2 * np.sqrt(max(matrix.shape)))
        np.testing.assert_allclose(np.sort(aligned), np.sort(values), atol=0.02)

    def test_a_bias_moves_as_with_adam(self):
        """Adam's first step has the size of the rate, whatever the gradient's."""
        gradient = np.array([3, -0.2, 50], np.float32)
        np.testing.assert_allclose(step(gradient), np.sign(gradient), rtol=1e-4)

    def test_weights_do_not_decay(self):
        weights = keras.Variable(np.ones((3, 3, 2, 2), np.float32))
        optimizer = Muon(RATE)
        optimizer.build([weights])
        optimizer.apply([keras.ops.zeros((3, 3, 2, 2))])
        np.testing.assert_array_equal(keras.ops.convert_to_numpy(weights), 1)

    @pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="TensorFlow's own")
    def test_the_shape_of_a_gradient_may_be_unknown_when_a_step_is_traced(self):
        """As with some of PRIDNet's."""
        gradient = np.random.default_rng(0).normal(size=(3, 3, 4, 8)).astype(np.float32)
        weights = keras.Variable(np.zeros_like(gradient))
        optimizer = Muon(RATE)
        optimizer.build([weights])
        traced = tf.function(
            lambda g: optimizer.apply([g]), input_signature=[tf.TensorSpec(None, tf.float32)]
        )
        traced(gradient)
        np.testing.assert_allclose(-weights.numpy() / RATE, step(gradient), rtol=1e-4, atol=1e-5)
