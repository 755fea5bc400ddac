"""Grids of pictures, as notebooks show them."""

import io

import cv2
import matplotlib.pyplot as plt
import numpy as np
import pytest
from PIL import Image

from casestudy.results import images
from casestudy.results.run import Method


@pytest.fixture
def patches():
    return images.phone_patches().spread(5)


@pytest.fixture(autouse=True)
def close_figures():
    yield
    plt.close("all")


def drawn(figure):
    """Draw a figure as notebooks do."""
    file = io.BytesIO()
    figure.savefig(file, bbox_inches="tight")
    return np.asarray(Image.open(file).convert("RGB"))


def occurs(picture, page):
    """Return whether a picture occurs in a page, pixel by pixel."""
    differences = cv2.matchTemplate(page, picture, cv2.TM_SQDIFF)
    y, x = np.unravel_index(differences.argmin(), differences.shape)
    return np.array_equal(page[y : y + len(picture), x : x + picture.shape[1]], picture)


def test_a_grid_shows_every_pixel_of_pictures_of_any_size():
    rng = np.random.default_rng(0)
    pictures = [
        rng.integers(0, 256, (*size, 3), np.uint8) for size in ((40, 50), (30, 50), (9, 8))
    ]
    rows = {"": {"a": pictures[0], "b\nsecond line": pictures[1]}, "row": {"c": pictures[2]}}
    page = drawn(images.show_images(rows))
    assert all(occurs(picture, page) for picture in pictures)


def test_results_are_shown_with_their_psnr(patches):
    brighter = Method("brighter", lambda batch: np.minimum(batch + np.float32(0.1), 1))
    figure = images.show_results([brighter], patches, {"one": 3, "two": 1})
    titles = [ax.get_title() for ax in figure.axes if ax.get_title()]
    for row, position in enumerate((3, 1)):
        noisy, clean = (
            np.round(255 * read([position])[0]).astype(np.uint8)
            for read in (patches.noisy, patches.clean)
        )
        bright = np.round(255 * np.minimum(patches.noisy([position])[0] + 0.1, 1))
        expected = [
            f"noisy\n{cv2.PSNR(clean, noisy):.1f} dB",
            f"brighter\n{cv2.PSNR(clean, bright.astype(np.uint8)):.1f} dB",
            "clean",
            "error x 4",
        ]
        assert titles[4 * row : 4 * row + 4] == expected


def test_examples_have_strong_typical_and_weak_noise(patches):
    chosen = images.examples(patches)
    psnr_db = [
        cv2.PSNR(np.float32(patches.clean([i])), np.float32(patches.noisy([i])), 1)
        for i in chosen.values()
    ]
    assert psnr_db == sorted(psnr_db) and len({*chosen.values()}) == 3
