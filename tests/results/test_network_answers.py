"""The sentences of the networks' pages follow their numbers."""

import numpy as np
import pandas as pd
import pytest

from casestudy.results.network_answers import (
    attention_finding,
    level_map_finding,
    network_answer,
    nlm_scores,
    patch_finding,
    pyramid_finding,
)


def scores(method, *psnr_db, ssim=0.5):
    count = len(psnr_db)
    return pd.DataFrame(
        {
            "method": method,
            "dataset": "sample",
            "image": [f"image {number}" for number in range(count)],
            "patch": 0,
            "psnr_db": psnr_db,
            "ssim": ssim,
            "megapixels": 0.065536,
        }
    )


NOISY = scores("noisy", 20.0, 30.0)
HERE = scores("RIDNet, trained here", 21.0, 30.5)
RELEASED = scores("RIDNet", 26.0, 31.0, ssim=0.75)


def test_the_released_network_comes_first():
    assert network_answer([NOISY, HERE, RELEASED], 2.2, "A finding.") == (
        "On these 2 test patches the released RIDNet gains 3.50 dB over the noisy "
        "pictures (PSNR 25.00 to 28.50 dB, SSIM 0.50 to 0.75). A finding. The network trained "
        "here for 2.2 minutes gains 0.75 dB, 2.75 dB less than the released one."
    )


def test_a_variant_is_named():
    released = RELEASED.assign(method="PRIDNet, half width")
    assert "the released PRIDNet (half width) gains" in network_answer(
        [NOISY, HERE, released], 2, ""
    )


def test_without_a_released_network_the_one_trained_here_is_named():
    text = network_answer([NOISY, HERE], 0.5, "A finding.")
    assert text.startswith(
        "On these 2 test patches the RIDNet trained here for 30 seconds gains 0.75 dB"
    )
    assert text.endswith("A finding.")


@pytest.mark.parametrize(
    ("psnr_db", "said"),
    [
        (24.0, "loses 1.00 dB against the noisy pictures"),
        (25.0, "gains nothing over the noisy pictures"),
        (25.5, "gains 0.50 dB over the noisy pictures"),
    ],
)
def test_a_gain_is_told_from_a_loss(psnr_db, said):
    shifted = scores("RIDNet", psnr_db - 5, psnr_db + 5)
    assert said in network_answer([NOISY, HERE, shifted], 2, "")
    assert said in network_answer([NOISY, shifted.assign(method="RIDNet, trained here")], 2, "")


@pytest.mark.parametrize(
    ("nlm_db", "said"),
    [(26.0, "2.50 dB more than"), (29.5, "1.00 dB less than"), (28.5, "as much as")],
)
def test_ahead_of_non_local_means_or_behind(nlm_db, said):
    nlm = scores("NLM (scikit-image)", nlm_db, nlm_db)
    text = network_answer([NOISY, HERE, RELEASED], 2, "", nlm)
    assert f"0.75), {said} Non-Local Means." in text


def test_patches_with_an_infinite_psnr_are_not_counted():
    tables = [scores("noisy", 20.0, np.inf), scores("RIDNet, trained here", 22.0, 40.0)]
    assert "On these 1 test patches" in network_answer(tables, 2, "")
    assert "gains 2.00 dB" in network_answer(tables, 2, "")


def test_non_local_means_is_read_where_it_was_scored_on_the_same_patches(tmp_path):
    assert nlm_scores(tmp_path, NOISY) is None
    (tmp_path / "scores").mkdir()
    scores("NLM (scikit-image)", 24.0, 31.0).to_csv(
        tmp_path / "scores" / "nlm-scikit-image.csv", index=False
    )
    assert nlm_scores(tmp_path, NOISY)["psnr_db"].tolist() == [24.0, 31.0]
    assert nlm_scores(tmp_path, NOISY.iloc[:1]) is None


def test_patches_that_get_worse_are_counted():
    noisy, denoised = scores("noisy", 20.0, 25.0, 36.0), scores("x", 28.0, 27.0, 33.5)
    assert patch_finding([noisy, denoised]) == (
        "It improves 2 of the patches and makes 1 worse, by up to 2.50 dB; the mean PSNR "
        "before denoising is 36.0 dB for those made worse and 27.0 dB for all."
    )
    assert patch_finding([NOISY, HERE]) == "Every patch improves, by 0.50 dB or more."


def replaced(as_it_is, of_patch, of_all):
    values = {"as it is": as_it_is, "mean of the patch": of_patch, "mean of all": of_all}
    return pd.DataFrame({name: [value, value] for name, value in values.items()})


def test_the_level_map_is_judged_by_what_is_lost_without_it():
    estimates = pd.DataFrame({"estimated": [0.02, 0.04, 0.06], "true": [0.01, 0.02, 0.03]})
    text = level_map_finding(estimates, replaced(30.0, 30.1, 28.5))
    assert "2.00 times the true noise level of a patch (correlation 1.00)" in text
    assert "one constant map for all patches the PSNR falls by 1.50 dB" in text


def test_the_scale_that_matters_most_is_named():
    text = pyramid_finding(pd.Series({1: 2.0, 2: 0.5, 4: 0.3, 8: -0.02, 16: 0.0}))
    assert "the one without pooling matters most and the one pooled by 8 least" in text
    assert "without the one the PSNR falls by 2.00 dB, without the other it rises by 0.02" in text


def test_attention_is_judged_by_what_constant_weights_lose():
    weights = pd.DataFrame(
        {
            "image": ["dark", "dark", "bright", "bright"],
            "module": "eam1",
            "channel": [0, 1, 0, 1],
            "weight": [0.3, 0.6, 0.35, 0.5],
        }
    )
    text = attention_finding(weights, replaced(30.0, 30.0, 30.0))
    assert "between 0.30 and 0.60 and differ by at most 0.10" in text
    assert "with constant weights the PSNR stays the same." in text
