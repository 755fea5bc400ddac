import numpy as np
import pytest

from casestudy.results.images import busiest, zoom


@pytest.mark.parametrize("scale", [255, 1.0])
def test_the_busiest_square_is_where_the_texture_is(scale):
    image = np.full((100, 120, 3), 0.5)
    image[30:62, 70:102] = np.random.default_rng(0).integers(0, 2, (32, 32, 3))
    image = (image * scale).astype(np.uint8 if scale == 255 else np.float32)
    assert busiest(image, 32) == (30, 70)
    np.testing.assert_array_equal(
        zoom(image, 32, factor=2, corner=(30, 70))[::2, ::2], image[30:62, 70:102]
    )


def test_an_image_smaller_than_the_square_is_taken_whole():
    assert busiest(np.zeros((20, 40, 3), np.uint8), 64) == (0, 0)
