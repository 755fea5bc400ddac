"""Noise of known kinds: as strong, as wide and as colourful as its name says.

On a grey of 128 levels nothing is clipped but under strong noise, so formulas hold.
"""

import pickle

import numpy as np
import pytest
from PIL import Image
from scipy.stats import norm

from casestudy import CaseStudyError
from casestudy.data.catalogue import load_pairs
from casestudy.data.sets.kodak import NOISE, NoisyPair
from casestudy.files.photos import read_image
from casestudy.results.metrics import psnr


@pytest.fixture
def pair(tmp_path):
    """A function that returns the pair of one kind of noise on a flat photograph."""

    def make(kind, colour=(128, 128, 128), name="01"):
        path = tmp_path / f"{name}.png"
        Image.new("RGB", (384, 256), colour).save(path)
        return NoisyPair(
            id=f"{name}-{kind}", scene=name, photograph=path, noise=NOISE[kind], part="test"
        )

    return make


def noise_of(pair):
    noisy, clean = pair.load()
    return noisy.astype(float) - clean


def correlation(a, b):
    return np.corrcoef(a.ravel(), b.ravel())[0, 1]


@pytest.mark.parametrize("kind, sigma", [("white15", 15), ("white25", 25)])
def test_psnr_of_white_noise_is_that_of_the_formula(pair, kind, sigma):
    noisy, clean = pair(kind).load()
    assert psnr(clean / 255, noisy / 255) == pytest.approx(20 * np.log10(255 / sigma), abs=0.05)


@pytest.mark.parametrize("kind, sigma", [("white50", 50), ("sigma75", 75)])
def test_psnr_of_strong_white_noise_is_higher_by_what_is_clipped(pair, kind, sigma):
    """The mean square of a normal value that is clipped at z standard deviations on either side:
    1 - 2 z pdf(z) - 2 (1 - z^2) cdf(-z)."""
    noisy, clean = pair(kind).load()
    z = 127.5 / sigma
    kept = 1 - 2 * z * norm.pdf(z) - 2 * (1 - z**2) * norm.cdf(-z)
    expected = 20 * np.log10(255 / sigma) - 10 * np.log10(kept)
    assert expected > 20 * np.log10(255 / sigma)
    assert psnr(clean / 255, noisy / 255) == pytest.approx(expected, abs=0.05)


@pytest.mark.parametrize(
    "kind, sigma", [("white15", 15), ("grey20", 20), ("grain", 12), ("correlated", 15)]
)
def test_its_standard_deviation_is_the_stated_one(pair, kind, sigma):
    assert noise_of(pair(kind)).std() == pytest.approx(sigma, rel=0.02)


def blurred_white(lag, sigma=0.8):
    """Correlation of white noise after a Gaussian blur: exp(-lag^2 / (4 sigma^2))."""
    return np.exp(-(lag**2) / (4 * sigma**2))


@pytest.mark.parametrize(
    "kind, neighbours",
    [("white25", 0), ("grey20", 0), ("grain", blurred_white(1))],
)
def test_neighbouring_pixels_are_as_alike_as_their_kind_of_noise(pair, kind, neighbours):
    noise = noise_of(pair(kind))
    for one, other in ((noise[1:], noise[:-1]), (noise[:, 1:], noise[:, :-1])):
        assert correlation(one, other) == pytest.approx(neighbours, abs=0.03)


def test_enlarged_noise_is_wider_than_a_pixel_and_not_than_three(pair):
    noise = noise_of(pair("correlated"))
    assert 0.3 < correlation(noise[1:], noise[:-1]) < 0.8
    assert correlation(noise[4:], noise[:-4]) == pytest.approx(0, abs=0.03)


@pytest.mark.parametrize(
    "kind, alike",
    [
        ("white25", False),
        ("correlated", False),
        ("jpeg", False),
        ("grey20", True),
        ("grain", True),
    ],
)
def test_colours_share_their_noise_or_not(pair, kind, alike):
    red, green, blue = np.moveaxis(noise_of(pair(kind)), -1, 0)
    assert ((red == green).all() and (green == blue).all()) == alike
    if kind == "white25":
        assert correlation(red, green) == pytest.approx(0, abs=0.02)


def test_grey_is_the_brightness_of_the_photograph(pair):
    """Of pure red 0.299 of 255, by ITU-R BT.601."""
    noisy, clean = pair("grey20", (255, 0, 0)).load()
    assert (clean == round(0.299 * 255)).all()
    assert (noisy == noisy[..., :1]).all()
    assert (pair("grain", (255, 0, 0)).load()[1] == (255, 0, 0)).all()


def test_jpeg_takes_more_of_the_noise_of_colour_than_of_brightness(pair):
    """Its chroma has half the resolution."""
    plain, saved = noise_of(pair("white15")), noise_of(pair("jpeg"))
    assert saved.mean(axis=-1).std() > 0.7 * plain.mean(axis=-1).std()
    assert (saved - saved.mean(axis=-1, keepdims=True)).std() < 0.6 * (
        plain - plain.mean(axis=-1, keepdims=True)
    ).std()


@pytest.mark.parametrize("kind", NOISE)
def test_noise_is_the_same_every_time_and_another_on_every_photograph(pair, kind):
    first = noise_of(pair(kind))
    np.testing.assert_array_equal(first, noise_of(pickle.loads(pickle.dumps(pair(kind)))))
    other = noise_of(pair(kind, name="02"))
    assert abs(correlation(first, other)) < 0.05


def test_another_photograph_under_the_same_name_has_another_fingerprint(pair):
    first = pair("grain")
    before = first.fingerprint()
    assert before == first.fingerprint()
    assert pair("grey20").fingerprint() != before
    Image.new("RGB", (32, 32)).save(first.photograph)
    assert first.fingerprint() != before


def test_clean_images_are_the_photographs_themselves():
    try:
        clean = load_pairs("kodak")
    except CaseStudyError as error:
        pytest.skip(str(error))
    for photograph, disturbed in zip(clean, load_pairs("kodak-jpeg"), strict=True):
        np.testing.assert_array_equal(disturbed.load()[1], read_image(photograph.clean_path))
