"""Noise of many kinds: what a formula says of each."""

import numpy as np
import pytest

from casestudy.data.noise import (
    bands,
    blotches,
    grain,
    hot_pixels,
    random_noise,
    sharpened,
    tones,
)

SIZE = (128, 128)


def each(count, seed=0):
    return (np.random.default_rng((seed, number)) for number in range(count))


def neighbours(noise):
    """Return the correlation of each pixel with the one to its right."""
    return np.corrcoef(noise[:, 1:].ravel(), noise[:, :-1].ravel())[0, 1]


def photograph(seed=0):
    rows, columns = np.mgrid[:128, :128]
    image = np.stack([rows + columns, 255 - rows - columns / 2, 64 + columns], axis=-1)
    return np.clip(image, 0, 255).astype(np.uint8)


def test_grain_has_the_given_part_in_common_between_colours():
    for shared in (0.0, 0.6, 1.0):
        for rng in each(6):
            noise = grain(SIZE, shared, rng)
            assert noise.shape == (*SIZE, 3) and noise.dtype == np.float32
            assert noise.std() == pytest.approx(1, abs=1e-4)
            # The correlation of a + b with a + c is var(a) / (var(a) + var(b)).
            red, green, _ = noise.reshape(-1, 3).T
            assert np.corrcoef(red, green)[0, 1] == pytest.approx(shared, abs=0.08)


def test_neighbouring_grains_are_independent_in_six_of_ten_images():
    found = np.array([neighbours(grain(SIZE, 0.0, rng)) for rng in each(300)])
    assert np.mean(np.abs(found) < 0.02) == pytest.approx(0.6, abs=0.1)
    assert found.min() > -0.1
    # A blur of 1.3 pixels leaves exp(-1 / (4 1.3^2)) between neighbours.
    assert np.quantile(found, 0.99) == pytest.approx(np.exp(-1 / (4 * 1.3**2)), abs=0.06)


def test_tones_are_even_or_follow_brightness_and_keep_the_mean():
    clean = photograph()
    even = 0
    for rng in each(200):
        strength = tones(clean, rng)
        assert strength.shape == (*SIZE, 1) and strength.min() > 0
        assert strength.mean() == pytest.approx(1, abs=1e-3)
        even += np.ptp(strength) == 0
    assert even / 200 == pytest.approx(0.6, abs=0.1)


def test_blotches_are_smooth_and_have_no_brightness():
    for rng in each(5):
        noise = blotches(SIZE, rng)
        assert np.abs(noise.mean(axis=-1)).max() < 1e-5
        assert noise.std() == pytest.approx(1, abs=1e-4)
        assert neighbours(noise) > 0.85  # exp(-1 / (4 1.5^2)) = 0.895 for the finest


def test_bands_are_rows_or_columns():
    ways = set()
    for rng in each(20):
        noise = bands(SIZE, rng)
        along_row, along_column = (np.ptp(noise, axis=axis).max() == 0 for axis in (1, 0))
        assert along_row != along_column
        ways.add(along_row)
    assert ways == {True, False}


def test_hot_pixels_are_few_and_black_or_white():
    shares = []
    for rng in each(50):
        struck = hot_pixels(np.full((*SIZE, 3), 100.0), rng)
        assert set(np.unique(struck)) <= {0, 100, 255}
        shares.append((struck != 100).any(axis=-1).mean())
    assert 0 < np.max(shares) < 0.04 and np.median(shares) < 0.01


def test_sharpening_enlarges_a_step_and_leaves_even_places():
    step = np.repeat(np.where(np.arange(64) < 32, 80.0, 160.0)[None, :, None], 64, 0)
    step = np.repeat(step, 3, axis=-1)
    result = sharpened(step, 1.0)
    assert result.max() > 170 and result.min() < 70
    np.testing.assert_allclose(result[:, :20], 80, atol=1e-3)


def test_a_mixture_keeps_the_picture_in_8_bits_and_repeats_for_a_seed():
    clean = photograph()
    colour = []  # of grey pictures' noise
    for number in range(60):
        noisy, target = random_noise(clean, np.random.default_rng(number))
        again, _ = random_noise(clean, np.random.default_rng(number))
        np.testing.assert_array_equal(noisy, again)
        for image in (noisy, target):
            assert image.dtype == np.uint8 and image.shape == clean.shape
        assert (noisy != target).any()
        if np.ptp(target.astype(int), axis=-1).max() == 0:
            colour.append(np.ptp(noisy.astype(int), axis=-1).mean())
        else:
            assert np.abs(target.astype(float) - clean).mean() < 6  # sharpened at most
    assert 1 <= len(colour) < 20
    assert np.median(colour) < 1  # blotches alone have colours


def test_the_strength_of_noise_is_spread_over_its_range():
    """Log-uniform from 2 to 70: a median of sqrt(140), about 12 levels, and what blotches, bands
    and sharpening add."""
    clean = np.full((128, 128, 3), 128, np.uint8)
    found = []
    for number in range(300):
        noisy, target = random_noise(clean, np.random.default_rng(number))
        found.append((noisy.astype(float) - target).std())
    assert np.sqrt(2 * 70) < np.median(found) < 1.6 * np.sqrt(2 * 70)
    assert np.quantile(found, 0.02) < 3.5 and np.quantile(found, 0.98) > 50
