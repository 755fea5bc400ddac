"""Whole photographs, tile by tile."""

import numpy as np
import pytest
import tensorflow as tf
from scipy.ndimage import uniform_filter

from casestudy import CaseStudyError, models
from casestudy.data.catalogue import load_pairs
from casestudy.denoising.methods import photo_denoiser
from casestudy.denoising.tiles import OVERLAP, denoise, network_denoiser, padded
from casestudy.results.metrics import psnr

SIZES = [(1, 1), (1, 97), (200, 31), (64, 64), (65, 63), (96, 100), (150, 130), (129, 257)]


def noise(shape, dtype):
    values = np.random.default_rng(0).random(shape)
    if np.issubdtype(dtype, np.floating):
        return values.astype(dtype)
    return np.round(values * np.iinfo(dtype).max).astype(dtype)


def blur(images):
    """Mean of 17x17 pixels: it looks 8 pixels far, and sees zeros beyond a border."""
    return uniform_filter(images, (1, 17, 17, 1), mode="constant")


@pytest.mark.parametrize(
    "error", [RuntimeError("XNNPack"), tf.errors.ResourceExhaustedError(None, None, "OOM")]
)
def test_what_runtimes_raise_for_want_of_memory_is_a_memory_error(error):
    def predict(noisy):
        raise error

    with pytest.raises(MemoryError, match=r"XNNPack|OOM"):
        padded(predict, 8)(np.zeros((1, 16, 16, 3), np.float32))


class TestTiles:
    @pytest.mark.parametrize("size", SIZES)
    @pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32, np.float64])
    @pytest.mark.parametrize("channels", [(), (1,), (2,), (3,), (4,)])
    def test_what_changes_nothing_loses_nothing(self, size, dtype, channels):
        image = noise((*size, *channels), dtype)
        again = denoise(lambda images: images, image, tile=64, overlap=32)
        assert again.dtype == image.dtype and again.shape == image.shape
        np.testing.assert_allclose(again, image, rtol=1e-6 if dtype().dtype.kind == "f" else 0)

    @pytest.mark.parametrize("size", SIZES)
    def test_tiles_are_as_the_whole_where_they_see_far_enough(self, size):
        """With an overlap of 32, a tile's outer 8 pixels towards another are not used."""
        image = noise((*size, 3), np.float32)
        whole = denoise(blur, image, tile=0)
        np.testing.assert_allclose(denoise(blur, image, tile=64, overlap=32), whole, atol=1e-6)
        np.testing.assert_allclose(whole, blur(image[None])[0], atol=1e-6)

    def test_without_overlap_seams_show(self):
        """That the test above can fail."""
        image = noise((150, 130, 3), np.float32)
        seams = denoise(blur, image, tile=64, overlap=0) - denoise(blur, image, tile=0)
        assert np.abs(seams).max() > 0.1

    def test_no_call_is_larger_than_a_tile(self):
        sizes = []

        def remember(images):
            sizes.append(images.shape)
            return images

        denoise(remember, noise((300, 500, 3), np.uint8), tile=128, overlap=32)
        assert len(sizes) == 3 * 5 and max(sizes) == (1, 128, 128, 3)

    def test_progress_sees_every_tile(self):
        seen = []

        def progress(tiles):
            for number, _ in enumerate(tiles):
                seen.append((number, len(tiles)))
                yield tiles[number]

        denoise(blur, noise((100, 100, 3), np.uint8), tile=64, overlap=16, progress=progress)
        assert seen == [(number, 4) for number in range(4)]

    def test_what_leaves_the_range_is_clipped(self):
        image = np.array([[[0, 128, 255]]], np.uint8)
        brighter = denoise(lambda images: images * 3 - 1, image)
        np.testing.assert_array_equal(brighter, [[[0, 129, 255]]])

    def test_alpha_is_passed_through_and_grey_is_the_mean_of_three(self):
        image = noise((20, 30, 4), np.uint16)
        darker = denoise(lambda images: images / 2, image)
        np.testing.assert_array_equal(darker[..., 3], image[..., 3])
        np.testing.assert_allclose(darker[..., :3], image[..., :3] / 2, atol=0.51)
        tinted = denoise(lambda images: images * [0, 0.5, 1], image[..., 0])
        np.testing.assert_allclose(tinted, image[..., 0] / 2, atol=0.51)

    @pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
    @pytest.mark.parametrize("channels", [3, 4])
    def test_rgb_without_colour_gets_none(self, dtype, channels):
        """Although what the network returns is tinted; the picture is judged as a whole."""
        image = np.repeat(noise((80, 100, 1), dtype), channels, axis=2)
        tinted = denoise(lambda images: images * [0, 0.5, 1], image, tile=64)
        assert np.ptp(tinted[..., :3], axis=2).max() == 0
        np.testing.assert_allclose(tinted[..., 0], image[..., 0] / 2, atol=0.51)
        np.testing.assert_array_equal(tinted[..., 3:], image[..., 3:])
        image[0, 0, 1] ^= 1
        tinted = denoise(lambda images: images * [0, 0.5, 1], image, tile=64)
        assert not tinted[..., 0].any() and tinted[..., 2].any()


@pytest.mark.parametrize("name", ["autoencoder", "cbdnet"])
def test_networks_that_halve_the_image_meet_the_same_pixels(name):
    """Tiles begin where the halvings of the whole image do, so only borders could differ."""
    network = network_denoiser(models.build(name, filters=4))
    image = noise((160, 144, 3), np.float32)
    whole = denoise(network, image, tile=0)
    error = np.abs(denoise(network, image, tile=96, overlap=48) - whole)
    change = np.abs(whole - image)
    assert error.max() < 0.02 * change.max()


@pytest.mark.parametrize("name", ["cbdnet", "ridnet"])
def test_tiles_of_released_networks_leave_no_seams(name):
    """RIDNet weighs its channels by means over a tile, so each tile differs a little."""
    network = network_denoiser(models.load(name))
    pair = next(pair for pair in load_pairs("sample") if pair.part != "train" and pair.iso == 3200)
    noisy, clean = (image[:320, :384] / np.float32(255) for image in pair.load())
    whole, tiled = denoise(network, noisy, tile=0), denoise(network, noisy, tile=192)
    assert abs(psnr(clean, tiled) - psnr(clean, whole)) < 0.02
    shared = np.zeros(noisy.shape[:2], bool)  # by tiles that begin every 144 pixels
    for start in (144, 288):
        shared[start : start + OVERLAP] = shared[:, start : start + OVERLAP] = True
    growth = [
        np.abs(tiled - clean)[part].mean() / np.abs(whole - clean)[part].mean()
        for part in (shared, ~shared)
    ]
    assert growth[0] < 1.01 * growth[1]


@pytest.mark.parametrize("method", ["cbdnet", "nlm"])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_photographs_without_colour_stay_so(method, dtype):
    photo = np.repeat(noise((40, 56, 1), dtype), 3, axis=2)
    denoised = photo_denoiser(method, "keras", tile=32)(photo)
    assert (denoised != photo).any() and denoised.dtype == dtype
    assert np.ptp(denoised, axis=2).max() == 0


def test_what_a_network_needs_in_size_is_mirrored_at_the_right_and_bottom_and_cut_again():
    seen = []

    def predict(images):
        seen.append(images)
        return images / 2

    grey = np.array([[1, 2, 3, 4, 5, 6], [7, 8, 9, 10, 11, 12]], np.float32) / 12
    image = np.stack([grey, 1 - grey, grey / 3], axis=-1)
    denoised = padded(predict, 4)(image[None])
    mirrored = [
        [1, 2, 3, 4, 5, 6, 6, 5],
        [7, 8, 9, 10, 11, 12, 12, 11],
        [7, 8, 9, 10, 11, 12, 12, 11],
        [1, 2, 3, 4, 5, 6, 6, 5],
    ]
    grey = np.array(mirrored, np.float32) / 12
    np.testing.assert_array_equal(seen, [[np.stack([grey, 1 - grey, grey / 3], axis=-1)]])
    np.testing.assert_array_equal(denoised, image[None] / 2)


class TestRefusals:
    @pytest.mark.parametrize(
        "image, said",
        [
            (np.zeros((4, 4, 5), np.uint8), "1 to 4 channels"),
            (np.zeros((2, 4, 4, 3), np.uint8), "height, width, channels"),
            (np.zeros((0, 4, 3), np.uint8), "height, width, channels"),
            (np.zeros((4, 4, 3), np.int32), "not int32"),
        ],
    )
    def test_other_images(self, image, said):
        with pytest.raises(CaseStudyError, match=said):
            denoise(blur, image)

    def test_floats_out_of_range(self):
        network = network_denoiser(models.build("autoencoder", filters=4))
        for value in (np.nan, -0.1, 1.1):
            with pytest.raises(CaseStudyError, match="in \\[0, 1\\]"):
                denoise(network, np.full((8, 8, 3), value, np.float32))

    def test_results_that_are_no_numbers(self):
        with pytest.raises(CaseStudyError, match="NaN or infinity"):
            denoise(lambda images: images * np.nan, np.ones((8, 8, 3), np.uint8))

    @pytest.mark.parametrize(
        "tile, overlap", [(100, 32), (128, 30), (64, 48), (64, -16), (-64, 0)]
    )
    def test_impossible_tiles(self, tile, overlap):
        with pytest.raises(CaseStudyError, match="not possible"):
            denoise(blur, np.zeros((8, 8, 3), np.uint8), tile, overlap)
