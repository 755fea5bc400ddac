import numpy as np
import pytest
from scipy.ndimage import uniform_filter

from casestudy.data.catalogue import load_pairs
from casestudy.results.exploration import autocorrelation
from casestudy.results.noise_kinds import (
    GAUSSIAN_FAR,
    correlation,
    estimate_noise,
    measure_noise,
    noise_kinds,
)


def clean_picture():
    ramp = np.linspace(30, 220, 256)[None, :, None]
    return np.broadcast_to(ramp, (256, 256, 3)).round().astype(np.uint8)


def white(sigma=10.0):
    return sigma * np.random.default_rng(0).normal(size=(256, 256, 3))


def test_gaussian_noise_is_found_to_be_white_and_even():
    clean = clean_picture()
    numbers = measure_noise([(clean + white(), clean)] * 2).numbers
    assert numbers["pictures"] == 2
    assert numbers["sigma, weakest"] == pytest.approx(10, rel=0.01)
    assert numbers["strongest / weakest brightness"] == pytest.approx(1, abs=0.05)
    assert numbers["next pixel"] == pytest.approx(0, abs=0.01)
    assert numbers["other colour"] == pytest.approx(0, abs=0.01)
    assert numbers["beyond 3 sigma"] == pytest.approx(GAUSSIAN_FAR, rel=0.15)


def test_noise_that_grows_with_brightness_and_is_shared():
    """Twice the deviation above 125 of 255; the mean of two in a row; one grey for all colours."""
    clean = clean_picture()
    noise = white()[..., :1].repeat(3, axis=2) * np.where(clean > 125, 2, 1)
    numbers = measure_noise([(clean + noise, clean)]).numbers
    assert numbers["strongest / weakest brightness"] == pytest.approx(2, abs=0.1)
    assert numbers["other colour"] == pytest.approx(1)
    averaged = uniform_filter(white(), (2, 2, 1))
    numbers = measure_noise([(clean + averaged, clean)]).numbers
    assert numbers["next pixel"] == pytest.approx(0.5, abs=0.02)


def test_pictures_without_noise_are_left_out():
    clean = clean_picture()
    assert measure_noise([(clean, clean)]) is None
    assert measure_noise([(clean, clean), (clean + white(), clean)]).numbers["pictures"] == 1


def test_phones_are_measured_once():
    """As strong as the Gaussian noise next to them."""
    kinds = noise_kinds("phones", [])
    assert list(kinds) == ["phones (real)", "Gaussian noise"]
    real, textbook = kinds.values()
    assert real.sigmas == pytest.approx(textbook.sigmas, rel=0.02)


@pytest.mark.parametrize("pair", load_pairs("phones")[::3], ids=lambda pair: pair.id)
def test_what_a_photograph_shares_is_estimated_without_its_clean_image(pair):
    noisy, clean = pair.load()
    noise = noisy.astype(np.float32) - clean
    estimated = estimate_noise(noisy)
    assert estimated["level"] == pytest.approx(noise.std(), rel=0.3)
    assert estimated["next pixel"] == pytest.approx(autocorrelation(noise, 1)[1, 2], abs=0.2)
    assert estimated["other colour"] == pytest.approx(
        correlation(noise)[np.triu_indices(3, 1)].mean(), abs=0.2
    )


def test_white_noise_of_a_photograph_of_any_depth():
    noisy = np.clip(clean_picture() + white(), 0, 255)
    for pixels in (noisy.astype(np.uint8), (noisy * 257).astype(np.uint16)):
        estimated = estimate_noise(pixels)
        assert estimated["level"] == pytest.approx(10, rel=0.1)
        assert abs(estimated["next pixel"]) < 0.05 and abs(estimated["other colour"]) < 0.05
    assert "other colour" not in estimate_noise(pixels[..., :1])
    assert estimate_noise(np.zeros((20, 40, 3), np.uint8))["next pixel"] == 0
