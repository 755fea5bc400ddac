"""How strongly a photograph is denoised, and whether at all."""

import numpy as np
import pytest

from casestudy.data.catalogue import load_pairs
from casestudy.denoising.methods import photo_denoiser
from casestudy.denoising.strength import blend, noise_stays

RAMP = np.broadcast_to(np.linspace(60, 190, 200)[:, None, None], (200, 150, 3))


def photograph(levels, dtype=np.uint8):
    """Return levels of 0 to 255 as pixels."""
    scale = np.iinfo(dtype).max // 255
    return np.clip(np.round(levels * scale), 0, 255 * scale).astype(dtype)


def grey_noise(sigma):
    """Return noise that is the same in red, green and blue."""
    return np.random.default_rng(0).normal(0, sigma, (200, 150, 1))


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_a_part_of_the_strength_removes_that_part(dtype, channels):
    largest = np.iinfo(dtype).max
    before = np.random.default_rng(0).integers(0, largest, (8, 9, channels), dtype, endpoint=True)
    after = before[::-1].copy()
    np.testing.assert_array_equal(blend(before, after, 0), before)
    np.testing.assert_array_equal(blend(before, after, 1), after)
    quarter = blend(before, after, 0.25)
    assert quarter.dtype == dtype
    np.testing.assert_allclose(quarter, before * 0.75 + after * 0.25, atol=0.51)


class TestNoiseStays:
    @pytest.mark.parametrize("channels", [1, 3])
    @pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
    def test_if_nothing_or_little_is_removed(self, dtype, channels):
        clean = photograph(RAMP[..., :channels], dtype)
        noisy = photograph(RAMP[..., :channels] + grey_noise(10), dtype)
        assert noise_stays(noisy, noisy)
        assert noise_stays(noisy, blend(noisy, clean, 0.1))
        assert not noise_stays(noisy, blend(noisy, clean, 0.5))
        assert not noise_stays(noisy, clean)

    def test_not_if_it_is_too_little_to_be_seen(self):
        noisy = photograph(RAMP + grey_noise(1))
        assert not noise_stays(noisy, noisy)

    def test_not_if_it_is_detail(self):
        """Which is as strong as noise, but is not everywhere."""
        detailed = RAMP.copy()
        detailed[:100] += grey_noise(20)[:100]
        detailed = photograph(detailed)
        assert not noise_stays(detailed, detailed)

    @pytest.mark.parametrize("value", [0, 255])
    def test_also_beside_what_is_too_dark_or_too_bright_for_noise(self, value):
        noisy = photograph(RAMP + grey_noise(10))
        noisy[:100] = value
        assert noise_stays(noisy, noisy)

    def test_transparency_is_no_noise(self):
        opacity = photograph(128 + grey_noise(40))
        veiled = np.dstack([photograph(RAMP), opacity])
        assert noise_stays(opacity, opacity) and not noise_stays(veiled, veiled)

    @pytest.mark.filterwarnings("error")
    @pytest.mark.parametrize("size", [(1, 1), (1, 97), (3, 2000), (64, 65)])
    def test_there_is_an_answer_for_every_size(self, size):
        assert not noise_stays(*(np.full((*size, 3), 90, np.uint8) for _ in range(2)))

    def test_for_camera_noise(self):
        pair = next(pair for pair in load_pairs("sample") if pair.iso == 3200)
        noisy, clean = (image[:256, :256] for image in pair.load())
        assert noise_stays(noisy, noisy)
        assert not noise_stays(noisy, photo_denoiser("nlm", "")(noisy))
        assert not noise_stays(clean, clean)
