import cv2
import numpy as np
import pytest

from casestudy import CaseStudyError
from casestudy.data import camera
from casestudy.data.catalogue import load_pairs
from casestudy.data.patches import cut_patches
from casestudy.denoising.methods import photo_denoiser
from casestudy.denoising.nlm import NLM, nlm_opencv, nlm_skimage, noise_level
from casestudy.results.metrics import psnr
from casestudy.results.nlm_search import search_strength


@pytest.fixture
def patches(pair_folder):
    name = f"folder:{pair_folder}"
    return cut_patches(name, load_pairs(name), size=64)


@pytest.mark.parametrize("sigma", [0.01, 0.05, 0.2])
def test_the_noise_level_of_white_noise_is_its_standard_deviation(sigma):
    ramp = np.linspace(0.2, 0.8, 256)[:, None, None]
    noisy = ramp + np.random.default_rng(0).normal(0, sigma, (256, 256, 3))
    assert noise_level(noisy) == pytest.approx(sigma, rel=0.05)


def blurred(white):
    kernel = np.array([1, 2, 1]) / 4
    return cv2.sepFilter2D(white, -1, kernel, kernel)


def demosaicked(raw):
    return camera.demosaic(raw[..., 0].astype(np.float32))


def compressed(image):
    return camera.jpeg(np.round(demosaicked(image) * 255).astype(np.uint8), 75) / 255


@pytest.mark.parametrize("processed", [blurred, demosaicked, compressed])
def test_the_noise_level_holds_where_neighbours_share_noise(processed):
    """What cameras do takes much of the noise from the finest details."""
    ramp = np.broadcast_to(np.linspace(0.3, 0.7, 256)[:, None, None], (256, 256, 3))
    noisy = processed(ramp + np.random.default_rng(0).normal(0, 0.03, ramp.shape))
    assert noise_level(noisy) == pytest.approx((noisy - ramp).std(), rel=0.25)


def test_a_photograph_in_tiles_is_what_it_is_at_once(patches):
    """The noise is estimated on all of it, and an overlap holds the window that is searched."""
    noisy = np.hstack(patches.noisy(np.arange(5)))
    at_once = nlm_skimage(noisy[None], 1.0)[0]
    for tile in (0, 16, 128):
        assert photo_denoiser("nlm", "", tile)(noisy) == pytest.approx(at_once, abs=1e-4)
    sixteen_bits = np.round(noisy * 65535).astype(np.uint16)
    denoised = photo_denoiser("nlm", "")(sixteen_bits)
    assert denoised == pytest.approx(at_once * 65535, abs=65535 * 1e-4)
    assert len(np.unique(denoised)) > 256


@pytest.mark.parametrize("shape", [(1, 1), (1, 97), (97, 1), (2, 3)])
@pytest.mark.parametrize("channels", [1, 2, 3, 4])
@pytest.mark.filterwarnings("error")
def test_the_smallest_images_keep_their_shape(shape, channels):
    levels = np.random.default_rng(0).integers(0, 256, (*shape, channels), np.uint8)
    denoised = photo_denoiser("nlm", "")(levels)
    assert denoised.shape == levels.shape and denoised.dtype == np.uint8
    if channels in (2, 4):
        np.testing.assert_array_equal(denoised[..., -1], levels[..., -1])


@pytest.mark.parametrize("name", NLM)
def test_nlm_raises_psnr_and_keeps_shape_and_range(name, patches):
    noisy, clean = patches.noisy(np.arange(2)), patches.clean(np.arange(2))
    denoised = NLM[name](noisy, strength=1.0)
    assert denoised.shape == noisy.shape and denoised.dtype == np.float32
    assert denoised.min() >= 0 and denoised.max() <= 1
    assert psnr(clean[0], denoised[0]) > psnr(clean[0], noisy[0]) + 3


@pytest.mark.parametrize("name", NLM)
def test_a_very_small_strength_returns_the_input(name, patches):
    noisy = patches.noisy(np.arange(1))
    # OpenCV works in CIE Lab of 8 bits, whose conversion alone moves a value by a few levels.
    assert np.abs(NLM[name](noisy, strength=1e-3) - noisy).mean() < 2 / 255


def test_the_search_tells_weak_from_strong(patches):
    table = search_strength(nlm_opencv, patches, [0.01, 1.0])
    assert list(table["strength"]) == [0.01, 1.0]
    assert table["psnr_db"].is_monotonic_increasing


def test_patches_without_noise_do_not_decide_the_strength(pair_folder, patches):
    expected = search_strength(nlm_opencv, patches.take(np.arange(2, 8)), [0.01, 1.0])
    noiseless = np.zeros((2, 64, 64, 3), np.uint8)
    with (patches.folder / "noisy.uint8").open("rb+") as noisy:
        noisy.write(noiseless)
    with (patches.folder / "clean.uint8").open("rb+") as clean:
        clean.write(noiseless)
    found = search_strength(nlm_opencv, patches.take(np.arange(8)), [0.01, 1.0])
    assert found["psnr_db"].tolist() == pytest.approx(expected["psnr_db"].tolist())
    with pytest.raises(CaseStudyError, match="No patch has noise"):
        search_strength(nlm_opencv, patches.take(np.arange(2)), [0.01, 1.0])
