"""The embedded crops of SIDD: whole, with their licence, and seen by no network."""

import cv2
import numpy as np
import pandas as pd
import pytest
from PIL import Image

from casestudy import CaseStudyError
from casestudy.data.catalogue import load_pairs
from casestudy.data.experiment import open_experiment
from casestudy.data.sets import phones
from casestudy.files.folders import data_root
from casestudy.models import released
from casestudy.results.metrics import psnr
from casestudy.training.manifest import seen

PIECE = 48  # px, a quarter of those of the photograph

needs_sidd_crops = pytest.mark.skipif(
    not (data_root() / "sidd-crops").is_dir(), reason="sidd-crops is not under the data root"
)


def test_eight_pairs_of_six_scenes_all_to_test_on():
    pairs = load_pairs("phones")
    assert len({pair.id for pair in pairs}) == len(pairs) == 8
    assert len({pair.scene for pair in pairs}) == 6
    assert {pair.part for pair in pairs} == {"test"}


def test_noise_is_as_strong_as_published():
    """Noisy PSNR of these crops, from 18.1 to 30.2 dB."""
    levels = [psnr(*(image / 255 for image in pair.load()[::-1])) for pair in load_pairs("phones")]
    assert (min(levels), max(levels)) == pytest.approx((18.07, 30.15), abs=0.005)


def test_the_files_are_lossless_and_come_with_their_licence():
    files = sorted(phones.FOLDER.glob("*.webp"))
    assert len(files) == 16
    for file in files:
        assert file.read_bytes()[12:16] == b"VP8L"  # the lossless kind of WebP
        with Image.open(file) as image:
            assert image.mode == "RGB" and not image.info.get("exif")
    notice = (phones.FOLDER / "LICENSE.txt").read_text()
    for name in ("Abdelrahman Abdelhamed", "Stephen Lin", "Michael S. Brown", "MIT License"):
        assert name in notice
    assert "Permission is hereby granted, free of charge" in notice


@needs_sidd_crops
def test_they_are_the_crops_to_test_on_of_sidd_crops():
    originals = {pair.id: pair for pair in load_pairs("sidd-crops") if pair.part == "test"}
    for pair in load_pairs("phones"):
        original = originals.pop(pair.id)
        assert pair.scene == original.scene
        np.testing.assert_array_equal(pair.load(), original.load())
    assert not originals


def test_there_is_nothing_to_train_on(tmp_path):
    with pytest.raises(CaseStudyError, match=r"all 8 pairs are to test on.*casestudy evaluate"):
        open_experiment("phones", str(tmp_path / "run"))


@needs_sidd_crops
def test_no_crop_to_train_on_shows_what_they_show():
    """By content: a piece that is in a picture correlates with it, even through its noise."""
    crops = [details(p.load()[1]) for p in load_pairs("sidd-crops") if p.part != "test"]
    assert len(crops) == 38
    for pair in load_pairs("phones"):
        noisy, picture = map(details, pair.load())
        assert likeness(noisy, picture) > 0.85, pair.id
        assert max(likeness(crop, picture) for crop in crops) < 0.7, pair.id


def details(image: np.ndarray) -> np.ndarray:
    """An image in grey, at a quarter of its size, without its shading."""
    gray = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY).astype(np.float32)
    small = cv2.resize(gray, None, fx=0.25, fy=0.25, interpolation=cv2.INTER_AREA)
    return small - cv2.GaussianBlur(small, (0, 0), 4)


def likeness(crop: np.ndarray, picture: np.ndarray) -> float:
    """The best normalized cross-correlation of a piece of a crop at any place of a picture."""
    tops, lefts = (
        np.append(np.arange(0, side - PIECE, PIECE // 2), side - PIECE) for side in crop.shape
    )
    pieces = [crop[t : t + PIECE, left : left + PIECE] for t in tops for left in lefts]
    return max(
        float(cv2.matchTemplate(picture, piece.copy(), cv2.TM_CCOEFF_NORMED).max())
        for piece in pieces
    )


@pytest.mark.parametrize("network", released.titles())
def test_no_released_network_has_seen_them(network):
    assert not seen(released.manifest(network), as_table(), "phones").any()


def test_a_training_on_their_originals_counts_as_having_seen_them():
    trained = {"dataset": "sidd-crops", "images": ["x"], "scenes": ["chess"]}
    known = seen({"data": {"training": trained}}, as_table(), "phones")
    assert as_table()["image"][known].tolist() == ["yilmaz_1", "yilmaz_10", "yilmaz_2"]


def as_table() -> pd.DataFrame:
    pairs = load_pairs("phones")
    return pd.DataFrame({"image": [p.id for p in pairs], "scene": [p.scene for p in pairs]})
