import io

import cv2
import numpy as np
import pytest
from PIL import Image
from scipy.optimize import brentq
from skimage.metrics import peak_signal_noise_ratio

from casestudy.data.camera import (
    Camera,
    add_noise,
    capture,
    demosaic,
    develop,
    inverse_tone_curve,
    mosaic,
    noise_level_map,
    random_camera,
    random_light,
    tone_curve,
    unprocess,
)
from casestudy.files.folders import data_root

PLAIN = Camera("plain", shot_per_iso=1e-6, read_per_iso2=0, read_floor=0)
BSDS = data_root() / "bsds500" / "test"


def natural_image(height=64, width=96):
    """Smooth colours, so that a mosaic loses next to nothing."""
    y, x = np.mgrid[0:height, 0:width] / max(height, width)
    image = np.stack([0.3 + 0.4 * x, 0.2 + 0.5 * y, 0.6 - 0.3 * x * y], axis=-1)
    return np.round(image * 255).astype(np.uint8)


def test_tone_curve_is_the_smoothstep_and_its_inverse_undoes_it():
    assert tone_curve(0.25) == pytest.approx(3 / 16 - 2 / 64)
    assert tone_curve(0.25, contrast=0.5) == pytest.approx((1 / 4 + 3 / 16 - 2 / 64) / 2)
    x = np.linspace(0, 1, 101)
    for contrast in (0.1, 0.5, 1):
        y = tone_curve(x, contrast)
        np.testing.assert_allclose(inverse_tone_curve(y, contrast), x, atol=1e-7)


def test_white_stays_white_in_camera_colours():
    np.testing.assert_allclose(PLAIN.srgb_to_camera @ np.ones(3), np.ones(3))


def test_noise_variance_is_linear_in_light():
    """Brooks et al. 2019: variance = lambda_shot x + lambda_read."""
    shot, read = 4e-3, 1e-4
    for light in (0.0, 0.2, 0.9):
        raw = np.full((1000, 1000), light, np.float32)
        noisy = add_noise(raw, shot, read, np.random.default_rng(0))
        assert noisy.mean() == pytest.approx(light, abs=5 * np.sqrt((shot * light + read) / 1e6))
        assert noisy.var() == pytest.approx(shot * light + read, rel=0.01)


def test_mosaic_is_rggb():
    colours = np.zeros((4, 4, 3), np.float32)
    colours[...] = 1, 2, 3
    expected = np.tile([[1, 2], [2, 3]], (2, 2))
    np.testing.assert_array_equal(mosaic(colours), expected)


def test_demosaic_keeps_what_was_measured_and_is_exact_on_linear_ramps():
    """Malvar, He, Cutler 2004: the filters have gain 1 and no error on a linear gray image."""
    y, x = np.mgrid[0:16, 0:24].astype(np.float32)
    gray = 0.1 + 0.01 * x + 0.02 * y
    colours = demosaic(gray)
    for channel in range(3):
        np.testing.assert_allclose(colours[3:-3, 3:-3, channel], gray[3:-3, 3:-3], atol=1e-6)
    raw = np.random.default_rng(0).random((8, 8), np.float32)
    np.testing.assert_array_equal(mosaic(demosaic(raw)), raw)


@pytest.mark.parametrize(
    ("row", "column", "channel", "weights"),
    [
        # The published 5x5 filters in eighths, written out here from the paper's figure 2.
        (4, 4, 1, {(0, 0): 4, (-1, 0): 2, (1, 0): 2, (0, -1): 2, (0, 1): 2, (0, 2): -1}),
        (4, 5, 0, {(0, 0): 5, (0, -1): 4, (0, 1): 4, (0, 2): -1, (2, 0): 0.5, (1, 1): -1}),
        (5, 4, 0, {(0, 0): 5, (-1, 0): 4, (1, 0): 4, (2, 0): -1, (0, 2): 0.5, (1, 1): -1}),
        (5, 5, 0, {(0, 0): 6, (-1, -1): 2, (1, 1): 2, (2, 0): -1.5, (0, 2): -1.5}),
        (4, 4, 2, {(0, 0): 6, (-1, -1): 2, (1, 1): 2, (2, 0): -1.5, (0, 2): -1.5}),
    ],
)
def test_demosaic_filters_are_the_published_ones(row, column, channel, weights):
    for (down, right), weight in weights.items():
        raw = np.zeros((10, 10), np.float32)
        raw[row + down, column + right] = 1
        assert demosaic(raw)[row, column, channel] == pytest.approx(weight / 8)


def test_capture_without_noise_looks_like_the_photograph():
    photograph = natural_image()
    _, clean = capture(photograph, PLAIN, 100, np.random.default_rng(0))
    assert clean.dtype == np.uint8
    assert peak_signal_noise_ratio(photograph[4:-4, 4:-4], clean[4:-4, 4:-4]) > 45


def test_capture_leaves_out_an_odd_last_row_and_column():
    noisy, clean = capture(natural_image(33, 47), PLAIN, 100, np.random.default_rng(0))
    assert noisy.shape == clean.shape == (32, 46, 3)


def test_capture_is_deterministic_for_a_seed_and_differs_between_seeds():
    first, second, other = (
        capture(natural_image(), PLAIN, 800, np.random.default_rng(seed))[0] for seed in (1, 1, 2)
    )
    np.testing.assert_array_equal(first, second)
    assert (first != other).any()


def test_only_the_noisy_image_is_compressed():
    """Without noise, it is the clean one as Pillow compresses it, colour at half resolution."""
    photograph = natural_image()
    camera = Camera("c", 0, 0, 0, jpeg_quality=10)
    noisy, clean = capture(photograph, camera, 100, np.random.default_rng(0))
    file = io.BytesIO()
    Image.fromarray(clean).save(file, "JPEG", quality=10, subsampling="4:2:0")
    np.testing.assert_allclose(noisy, Image.open(file), atol=2)
    assert peak_signal_noise_ratio(clean, noisy) < 40
    assert peak_signal_noise_ratio(photograph[4:-4, 4:-4], clean[4:-4, 4:-4]) > 45


@pytest.mark.parametrize("level", [100, 240, 250, 253, 254, 255])
def test_highlights_keep_their_light(level):
    """Brooks et al. 2019: x max(m + (1 - m) k, k), m = (max(x - 0.9, 0) / 0.1)^2, of gray x."""
    camera = Camera("c", 0, 0, 0, red_gain=2, blue_gain=0.77, brightness=1.25)
    x = brentq(lambda x: 3 * x**2 - 2 * x**3 - level / 255, 0, 1) ** 2.2
    m = (max(x - 0.9, 0) / 0.1) ** 2
    expected = [x * max(m + (1 - m) * k, k) for k in (1 / 2 / 1.25, 1 / 1.25, 1 / 0.77 / 1.25)]
    light = unprocess(np.full((2, 2, 3), level, np.uint8), camera)
    np.testing.assert_allclose(light[0, 0], np.clip(expected, 0, 1), atol=1e-4)


def test_what_is_clipped_to_white_stays_white_in_noise():
    white = np.full((32, 32, 3), 255, np.uint8)
    raw = mosaic(unprocess(white, PLAIN))
    noisy = develop(add_noise(raw, 1e-3, 0, np.random.default_rng(0)), PLAIN)
    np.testing.assert_array_equal(noisy, white)


@pytest.mark.parametrize("level", [20, 60, 128, 200, 240])
def test_the_noise_level_map_predicts_the_noise_of_developed_photographs(level):
    """Standard deviation of 60 captures of a flat colour, without JPEG."""
    camera = Camera("c", shot_per_iso=2e-6, read_per_iso2=2e-11, read_floor=1e-6)
    colour = np.array([level, 0.8 * level, 0.6 * level], np.uint8)
    raw = mosaic(unprocess(np.broadcast_to(colour, (32, 32, 3)), camera))
    shot, read = camera.noise_levels(800)
    rng = np.random.default_rng(0)
    noisy = [develop(add_noise(raw, shot, read, rng), camera)[4:-4, 4:-4] for _ in range(60)]
    measured = (np.stack(noisy) / 255).std(axis=0).mean(axis=(0, 1))
    predicted = noise_level_map(develop(raw, camera), camera, 800)[16, 16]
    np.testing.assert_allclose(predicted, measured, rtol=0.25)


def test_random_cameras_keep_to_the_published_ranges():
    """Brooks et al. 2019, or phones; JPEG quality as in Guo et al. 2019."""
    rng = np.random.default_rng(0)
    cameras = [random_camera(rng) for _ in range(600)]
    shots, reads = np.array([camera.noise_levels(1) for camera in cameras]).T
    assert 1e-4 < shots.min() < 1.2e-4 and 0.012 < shots.max() < 0.024
    off_the_line = np.log(reads) - (2.18 * np.log(shots) + 1.2)
    on_the_line = np.abs(off_the_line) < 4 * 0.26
    assert 0.5 < on_the_line.mean() < 0.8  # phones cross it, too
    assert np.all(reads[~on_the_line] > 1e-6)
    for camera in cameras:
        assert 1.9 <= camera.red_gain <= 2.4 and 1.5 <= camera.blue_gain <= 1.9
        assert sum(camera.colour_weights) == pytest.approx(1)
        assert 60 <= camera.jpeg_quality <= 100
    darker = [1 / camera.brightness for camera in cameras]
    assert np.mean(darker) == pytest.approx(0.8, abs=0.02)
    assert np.std(darker) == pytest.approx(0.1, abs=0.015)


@pytest.mark.parametrize(
    ("shot", "read"),
    [
        (2.28e-4, 2e-6),  # Google Pixel at ISO 100
        (1.764e-3, 1.2e-5),  # at 800
        (7.029e-3, 1.79e-4),  # at 3200
        (4.73e-4, 3e-6),  # Nexus 6 at ISO 100
        (1.3773e-2, 8.33e-4),  # at 3200
        (1.774e-3, 2e-6),  # Galaxy S6 at ISO 400
        (1.993e-2, 2e-6),  # at 3200
        (3.356e-3, 6.3e-5),  # LG G4 at ISO 800
    ],
)
def test_random_cameras_are_as_noisy_as_phones(shot, read):
    """Measured for SIDD: Abdelhamed, Brubaker, Brown, "Noise Flow", ICCV 2019."""
    rng = np.random.default_rng(0)
    drawn = np.log([random_camera(rng).noise_levels(1) for _ in range(4000)])
    nearest = np.abs(drawn - np.log([shot, read])).max(axis=1).min()
    assert nearest < np.log(1.5)


def test_random_light_is_at_most_two_stops_less():
    """Light is the 2.2th power of a gray level; a stop is half the light."""
    gray = np.full((4, 4, 3), 200, np.uint8)
    rng = np.random.default_rng(0)
    levels = np.stack([random_light(gray, rng) for _ in range(300)])
    assert np.all(np.ptp(levels, axis=-1) == 0)
    stops = np.log2((levels[:, 0, 0, 0] / 200) ** 2.2)
    assert stops.min() == pytest.approx(-2, abs=0.05) and stops.max() == pytest.approx(0, abs=0.05)


def test_random_light_lets_colours_vanish_and_keeps_their_order():
    leaf = np.broadcast_to(np.array([60, 160, 40], np.uint8), (4, 4, 3))
    rng = np.random.default_rng(0)
    red, green, blue = np.stack([random_light(leaf, rng)[0, 0] for _ in range(300)]).T
    assert np.all(green > red) and np.all(red >= blue)
    assert 0.3 < (blue == 0).mean() < 1


@pytest.mark.skipif(not BSDS.is_dir(), reason="BSDS500 is not there")
@pytest.mark.parametrize(
    ("shot", "psnr_db"), [(1e-4, 38.4), (1e-3, 28.4), (3e-3, 23.4), (1.2e-2, 16.9)]
)
def test_noise_levels_match_measurements_of_another_implementation(shot, psnr_db):
    """Median over 24 BSDS500 test photographs, noisy against the noise-free rendering, no JPEG."""
    read = np.exp(2.18 * np.log(shot) + 1.2)
    rng = np.random.default_rng(0)
    measured = []
    for file in sorted(BSDS.glob("*.jpg"))[:24]:
        photograph = cv2.cvtColor(cv2.imread(str(file)), cv2.COLOR_BGR2RGB)[:320, :320]
        raw = mosaic(unprocess(photograph, PLAIN))
        clean = develop(raw, PLAIN)
        noisy = develop(add_noise(raw, shot, read, rng), PLAIN)
        measured.append(peak_signal_noise_ratio(clean, noisy))
    assert np.median(measured) == pytest.approx(psnr_db, abs=0.3)
