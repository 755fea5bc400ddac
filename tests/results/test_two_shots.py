"""The PSNR of a method from two shots of a scene, without a clean image."""

import cv2
import numpy as np
import pytest
import skimage.data

from casestudy import CaseStudyError
from casestudy.results.two_shots import describe, estimate

CLEAN = cv2.resize(skimage.data.astronaut(), (448, 384), interpolation=cv2.INTER_AREA)


def shots(sigma=12.0, blur=0.0):
    """Gaussian noise in a picture whose values are far from black and white."""
    clean = np.round(60 + 0.5 * CLEAN).astype(np.uint8)
    for seed in (1, 2):
        noise = np.random.default_rng(seed).normal(0, 1, clean.shape)
        if blur:
            noise = cv2.GaussianBlur(noise, (0, 0), blur)
        noisy = np.clip(np.round(clean + sigma * noise / noise.std()), 0, 255).astype(np.uint8)
        yield clean, noisy


def blurred(image):
    return cv2.GaussianBlur(image, (0, 0), 1.2)


@pytest.mark.parametrize("blur", [0, 0.8])
def test_the_estimate_is_the_psnr_to_the_clean_image(blur):
    (clean, first), (_, second) = shots(blur=blur)
    found = estimate({"blurred": blurred}, first, second)
    assert found.index.tolist() == ["blurred", "noisy"]
    truths = {
        "noisy": np.mean([cv2.PSNR(clean, shot) for shot in (first, second)]),
        "blurred": np.mean([cv2.PSNR(clean, blurred(shot)) for shot in (first, second)]),
    }
    for method, truth in truths.items():
        assert found.loc[method, "psnr_db"] == pytest.approx(truth, abs=0.05)
    row = found.loc["blurred"]
    assert row["gain_low"] < row["gain_db"] < row["gain_high"]
    assert row["gain_db"] == pytest.approx(truths["blurred"] - truths["noisy"], abs=0.1)
    assert found.loc["noisy", ["gain_db", "gain_low", "gain_high"]].tolist() == [0, 0, 0]
    assert found.loc["noisy", "behind_low"] == pytest.approx(row["gain_low"])  # it is the second
    assert "blurred is best on this scene." in describe(found)


def test_methods_that_the_shots_do_not_tell_apart_are_not_ranked():
    (_, first), (_, second) = shots()
    found = estimate({"one": blurred, "other": blurred}, first, second)
    assert "do not tell one and other apart" in describe(found)


def test_light_that_flickers_a_little_is_allowed_for():
    """In a photograph of a usual size, whose sums 32-bit floats could not hold."""
    (_, first), (_, second) = shots(sigma=2)
    first, second = (np.tile(shot, (8, 5, 1)) for shot in (first, second))
    alike, changed = (estimate({}, first, shot)["psnr_db"].item() for shot in (second, second + 2))
    assert changed == pytest.approx(alike, abs=0.001)


def test_a_method_that_leaves_no_error_is_best_and_its_psnr_unknown():
    """Some error is estimated below zero, because the noise of two shots is never quite equal."""
    (clean, first), (_, second) = shots()
    found = estimate({"exact": lambda image: clean, "blurred": blurred}, first, second)
    assert found.index[0] == "exact"
    text = describe(found)
    assert "nan" not in text and "do not tell exact and blurred apart. -: the error" in text


def test_shots_of_different_sizes_scenes_or_places_are_refused():
    (_, first), (_, second) = shots()
    with pytest.raises(CaseStudyError, match="448x384 and 400x384"):
        estimate({}, first, second[:, :400])
    with pytest.raises(CaseStudyError, match="are equal"):
        estimate({}, first, first)
    with pytest.raises(CaseStudyError, match="The camera moved"):
        estimate({}, first[:, 3:], second[:, :-3])
    with pytest.raises(CaseStudyError, match="different things"):
        estimate({}, first, np.ascontiguousarray(second[::-1]))
    with pytest.raises(CaseStudyError, match="too small"):
        estimate({}, first[:64], second[:64])
