import time

import cv2
import numpy as np
import pandas as pd
import pytest
from conftest import needs_polyu
from skimage.metrics import structural_similarity

from casestudy import CaseStudyError
from casestudy.data.catalogue import load_pairs
from casestudy.data.patches import cut_patches
from casestudy.results.metrics import denoise_patches, psnr, score, ssim, ssim_volume


def textured(seed=0, shape=(64, 80, 3)):
    return cv2.GaussianBlur(np.random.default_rng(seed).random(shape), (0, 0), 2)


def test_psnr_of_a_known_error():
    """10 log10(1 / 0.1^2) = 20 dB."""
    assert psnr(np.zeros((8, 8, 3)), np.full((8, 8, 3), 0.1)) == pytest.approx(20.0)


def test_psnr_range_is_one_even_when_values_leave_it():
    clean = np.zeros((8, 8, 3))
    clean[0, 0, 0] = -0.001
    assert psnr(clean, clean + 0.1) == pytest.approx(20.0)


def test_psnr_of_equal_images_is_infinite():
    assert psnr(textured(), textured()) == np.inf


def wang_ssim(clean, other):
    """Wang et al. 2004 written out with OpenCV: 11x11 Gaussian window, sigma 1.5, valid part."""
    window = cv2.getGaussianKernel(11, 1.5)

    def mean(x):
        return cv2.sepFilter2D(x, cv2.CV_64F, window, window)[5:-5, 5:-5]

    c1, c2 = 0.01**2, 0.03**2
    values = []
    for channel in range(3):
        x, y = clean[..., channel], other[..., channel]
        mx, my = mean(x), mean(y)
        vx, vy, cov = mean(x * x) - mx**2, mean(y * y) - my**2, mean(x * y) - mx * my
        value = (2 * mx * my + c1) * (2 * cov + c2) / ((mx**2 + my**2 + c1) * (vx + vy + c2))
        values.append(value.mean())
    return np.mean(values)


@pytest.mark.parametrize("sigma", [0.01, 0.05, 0.2])
def test_ssim_agrees_with_another_implementation(sigma):
    clean = textured()
    noisy = clean + np.random.default_rng(1).normal(0, sigma, clean.shape)
    assert ssim(clean, noisy) == pytest.approx(wang_ssim(clean, noisy), abs=1e-4)


def test_volume_ssim_agrees_with_another_implementation():
    """scikit-image's, for any number of dimensions, of images continued by their edges."""
    clean = textured()
    noisy = clean + np.random.default_rng(1).normal(0, 0.05, clean.shape)
    continued = [np.pad(image, 5, mode="edge") for image in (clean, noisy)]
    options = {"data_range": 1, "gaussian_weights": True, "use_sample_covariance": False}
    assert ssim_volume(clean, noisy) == pytest.approx(structural_similarity(*continued, **options))


@needs_polyu
def test_both_ssims_are_those_known_of_polyu():
    """Noisy crops, from outside: .9130 by an 11x11 Gaussian per channel, .9585 by MATLAB's."""
    scores = []
    for pair in load_pairs("polyu"):
        noisy, clean = (image / np.float32(255) for image in pair.load())
        scores.append((ssim(clean, noisy), ssim_volume(clean, noisy)))
    assert np.mean(scores, axis=0) == pytest.approx([0.9130, 0.9585], abs=5e-5)


@pytest.fixture
def patches(pair_folder):
    name = f"folder:{pair_folder}"
    return cut_patches(name, load_pairs(name), size=64)


def test_score_has_a_row_per_patch(patches):
    scores = score("noisy", lambda batch: batch, patches, batch_size=3)
    assert len(scores) == len(patches)
    named = {"dataset", "image", "scene", "patch", "method", "psnr_db", "ssim", "seconds"}
    assert named <= set(scores.columns)
    expected = [psnr(patches.clean([i])[0], patches.noisy([i])[0]) for i in range(len(patches))]
    np.testing.assert_allclose(scores["psnr_db"], expected)


def test_patches_to_look_at_are_clipped_and_rounded(patches):
    denoised = denoise_patches(lambda batch: 2 * batch, patches, [3, 1])
    assert denoised.dtype == np.uint8
    levels = np.round(patches.noisy([3, 1]) * 255)
    np.testing.assert_array_equal(denoised, np.minimum(2 * levels, 255))


def test_seconds_are_those_of_the_call_shared_by_its_batch(patches):
    """All seconds together fit between the end of the first call, not timed, and that of all."""
    ends = []

    def slow(batch):
        time.sleep(0.1)
        ends.append(time.perf_counter())
        return batch

    scores = score("slow", slow, patches, batch_size=10)
    assert len(ends) == 1 + 2
    assert 0.1 < scores["seconds"].sum() < time.perf_counter() - ends[0]


def test_score_clips_what_leaves_the_range(patches):
    clean = score("bright", lambda batch: np.full_like(batch, 7.0), patches)
    white = score("white", lambda batch: np.ones_like(batch), patches)
    pd.testing.assert_series_equal(clean["psnr_db"], white["psnr_db"])


def test_score_gives_every_call_a_batch_of_one_shape(patches):
    shapes = set()

    def denoiser(batch):
        shapes.add(batch.shape)
        return batch

    score("noisy", denoiser, patches, batch_size=3)
    assert len(shapes) == 1


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_results_that_are_no_numbers_are_refused(patches, value):
    with pytest.raises(CaseStudyError, match="broken: a result holds values that are not numbers"):
        score("broken", lambda batch: np.where(batch > 0.5, value, batch), patches)
