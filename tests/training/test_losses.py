import keras
import numpy as np
import pytest

from casestudy.data.batches import UNKNOWN
from casestudy.results.metrics import psnr
from casestudy.training.losses import (
    PSNR,
    asymmetric_loss,
    level_map_loss,
    negative_psnr,
    of_both_results,
    total_variation,
)


def constant(value):
    return np.full((2, 4, 6, 3), value, np.float32)


def test_underestimated_noise_costs_more_than_overestimated():
    """Guo et al. 2019, equation 4 with alpha = 0.3: weights 0.7 and 0.3."""
    too_low = float(asymmetric_loss(constant(0.2), constant(0.1)))
    too_high = float(asymmetric_loss(constant(0.2), constant(0.3)))
    assert too_low == pytest.approx(0.7 * 0.01, rel=1e-5)
    assert too_high == pytest.approx(0.3 * 0.01, rel=1e-5)


def test_an_unknown_level_costs_nothing_but_roughness():
    assert float(asymmetric_loss(constant(UNKNOWN), constant(0.5))) == 0
    half_known = np.concatenate([constant(UNKNOWN), constant(0.2)])
    estimate = np.concatenate([constant(0.5), constant(0.1)])
    assert float(asymmetric_loss(half_known, estimate)) == pytest.approx(0.5 * 0.7 * 0.01)
    rough = constant(0.5)
    rough[:, ::2] = 0.4
    assert float(level_map_loss(constant(UNKNOWN), rough)) == pytest.approx(0.05 * 0.01, rel=1e-4)


def test_total_variation_of_a_ramp_is_its_squared_slopes():
    y, x = np.mgrid[0:5, 0:7].astype(np.float32)
    ramp = (0.1 * x + 0.2 * y)[None, :, :, None]
    assert float(total_variation(ramp)) == pytest.approx(0.01 + 0.04, rel=1e-4)
    assert float(total_variation(np.concatenate([ramp, ramp]))) == pytest.approx(0.05, rel=1e-4)


def test_the_level_maps_loss_is_weighted_as_in_the_paper():
    estimate = constant(0.1)
    estimate[:, :, 1:] += 0.1
    expected = 0.5 * float(asymmetric_loss(constant(0.3), estimate))
    expected += 0.05 * 0.01 / 5  # one of five differences along a row
    assert float(level_map_loss(constant(0.3), estimate)) == pytest.approx(expected, rel=1e-4)


def test_the_psnr_loss_is_minus_the_mean_psnr_of_the_images():
    rng = np.random.default_rng(0)
    clean = rng.random((3, 8, 8, 3), np.float32)
    denoised = clean + np.array([0.01, 0.1, 0.3], np.float32)[:, None, None, None]
    assert float(negative_psnr(clean, clean)) == pytest.approx(-60)
    expected = [psnr(c, d) for c, d in zip(clean, denoised, strict=True)]
    assert float(negative_psnr(clean, denoised)) == pytest.approx(-np.mean(expected), abs=0.02)


def test_the_metric_is_the_mean_psnr_of_the_clipped_images():
    rng = np.random.default_rng(0)
    clean = rng.random((5, 8, 8, 3), np.float32)
    denoised = clean + rng.normal(0, 0.2, clean.shape).astype(np.float32)
    expected = [psnr(c, np.clip(d, 0, 1)) for c, d in zip(clean, denoised, strict=True)]
    metric = PSNR()
    for batch in (slice(0, 3), slice(3, 5)):
        metric.update_state(clean[batch], denoised[batch])
    assert float(metric.result()) == pytest.approx(np.mean(expected), rel=1e-5)


def test_the_metric_leaves_out_images_without_an_error():
    clean = np.zeros((2, 8, 8, 3), np.float32)
    denoised = np.stack([clean[0], clean[1] + 0.1])
    metric = PSNR()
    metric.update_state(clean, denoised)
    assert float(metric.result()) == pytest.approx(20, rel=1e-5)  # 10 log10(1 / 0.1^2)
    metric.reset_state()
    metric.update_state(clean, clean)
    assert float(metric.result()) == np.inf


def test_of_two_results_both_have_a_loss_and_the_first_has_the_metric():
    clean, results = constant(0.5), np.concatenate([constant(0.6), constant(0.8)], axis=-1)
    loss = of_both_results(keras.losses.get("mae"))(clean, results)
    assert float(keras.ops.mean(loss)) == pytest.approx(0.1 + 0.3)
    metric = PSNR()
    metric.update_state(clean, results)
    assert float(metric.result()) == pytest.approx(20, abs=1e-3)
