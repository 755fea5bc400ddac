import numpy as np
import pandas as pd
import pytest

from casestudy.results.images import busiest, zoom
from casestudy.results.plots import plot_history


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


@pytest.mark.parametrize(("losses", "scale"), [([0.04, 0.01], "log"), ([-26.0, -29.1], "linear")])
def test_a_loss_in_db_is_not_drawn_on_a_logarithmic_axis(losses, scale):
    history = {"epoch": [1, 2], "loss": losses, "val_loss": losses, "val_psnr_db": [26.0, 29.0]}
    assert plot_history(pd.DataFrame(history)).axes[0].get_yscale() == scale
