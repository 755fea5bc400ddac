"""How strongly a photograph is denoised, and whether at all."""

import numpy as np
import pytest

from casestudy.denoising.strength import blend


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
