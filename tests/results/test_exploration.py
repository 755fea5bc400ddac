from dataclasses import dataclass

import numpy as np
import pytest
from conftest import needs_polyu

from casestudy.data.catalogue import Pair, load_pairs
from casestudy.results.exploration import (
    autocorrelation,
    by_setting,
    noise_by_intensity,
    pair_statistics,
    resizing,
)


@dataclass(frozen=True)
class MadePair(Pair):
    """A pair made of arrays: clean levels from 64 to 192 and noise of a chosen kind."""

    sigma_at_64: float = 5.0
    sigma_at_192: float = 5.0

    def load(self):
        rng = np.random.default_rng(0)
        clean = np.repeat(np.array([64, 192], np.uint8), 128)[:, None, None]
        clean = np.broadcast_to(clean, (256, 200, 3)).copy()
        sigma = np.where(clean < 128, self.sigma_at_64, self.sigma_at_192)
        return np.round(clean + sigma * rng.normal(size=clean.shape)).astype(np.uint8), clean

    def fingerprint(self):
        return self.id


def test_statistics_of_a_known_pair():
    row = pair_statistics([MadePair("a", "s", "cam", 100)]).iloc[0]
    assert row["mean_clean"] == 128
    assert row["sigma"] == pytest.approx(np.hypot(5, np.sqrt(1 / 12)), rel=0.01)
    assert row["psnr_db"] == pytest.approx(20 * np.log10(255 / row["sigma"]), abs=0.01)
    assert row["black_noisy"] == row["black_clean"] == 0


@dataclass(frozen=True)
class LargePair(MadePair):
    """White noise of 8 levels, or of blocks of `block` x `block` equal pixels, on 2048x2048."""

    block: int = 1

    def load(self):
        side = 2048 // self.block
        levels = 128 + 8 * np.random.default_rng(0).normal(size=(side, side, 1))
        noisy = np.kron(np.round(levels).astype(np.uint8), np.ones((self.block, self.block, 3)))
        return noisy.astype(np.uint8), np.full((2048, 2048, 3), 128, np.uint8)


def test_resizing_halves_noise_of_independent_pixels_and_leaves_that_of_equal_neighbours():
    """To half the side, a mean of 4 pixels: of 1/2 the deviation, which is 6.02 dB."""
    white = resizing([LargePair("a", "s")])
    assert white.loc["resized", "megapixels"] == 1024**2 / 1e6
    before, after = white.loc["as photographed"], white.loc["resized"]
    assert after["sigma"] == pytest.approx(before["sigma"] / 2, rel=0.02)
    assert after["psnr_db"] - before["psnr_db"] == pytest.approx(20 * np.log10(2), abs=0.1)
    blocks = resizing([LargePair("a", "s", block=2)])
    assert blocks["sigma"].to_numpy() == pytest.approx(8, rel=0.02)
    assert blocks.loc["as photographed", "next_in_row"] == pytest.approx(0.5, abs=0.02)
    assert abs(blocks.loc["resized", ["next_in_row", "next_in_column"]]).max() < 0.02


def test_settings_that_are_unknown_have_no_table():
    assert by_setting(pair_statistics([MadePair("a", "s")])) is None
    table = by_setting(pair_statistics([MadePair("a", "s", "cam"), MadePair("b", "s")]))
    assert table.index.tolist() == [("cam", "unknown")]
    assert not table.isna().any(axis=None)


def test_signal_dependence_is_measured():
    table = noise_by_intensity([MadePair("a", "s", "cam", 100, sigma_at_64=4, sigma_at_192=12)])
    dark, bright = table[table["intensity"] < 128], table[table["intensity"] > 128]
    assert dark["sigma"].to_numpy() == pytest.approx(4, rel=0.02)
    assert bright["sigma"].to_numpy() == pytest.approx(12, rel=0.02)
    assert set(table["channel"]) == {"red", "green", "blue"}


def test_few_pixels_are_measured_too():
    """1,600 of either brightness."""

    class SmallPair(MadePair):
        def load(self):
            return tuple(image[96:160, :50] for image in super().load())

    table = noise_by_intensity([SmallPair("a", "s", sigma_at_64=4, sigma_at_192=12)])
    assert sorted(table.query("channel == 'red'")["sigma"]) == pytest.approx([4, 12], rel=0.05)


def test_a_moving_average_has_the_textbook_correlation():
    """Mean of two neighbours in a row: correlation 1/2 at distance one, none beyond."""
    white = np.random.default_rng(0).normal(size=(400, 401, 3))
    correlation = autocorrelation((white[:, 1:] + white[:, :-1]) / 2, reach=2)
    assert correlation[2] == pytest.approx([0, 0.5, 1, 0.5, 0], abs=0.02)
    assert correlation[:, 2] == pytest.approx([0, 0, 1, 0, 0], abs=0.02)


@needs_polyu
def test_polyu_measures_what_others_measured():
    """Noisy against clean, 100 crops of 8-bit RGB; independent measurements of the same files."""
    table = pair_statistics(load_pairs("polyu"))
    assert table["psnr_db"].mean() == pytest.approx(35.9694, abs=1e-3)
    assert table["psnr_db"].std(ddof=0) == pytest.approx(2.13, abs=0.02)
    assert table["ssim"].mean() == pytest.approx(0.9130, abs=2e-4)
    by_camera = table.groupby("camera")["psnr_db"].agg(["mean", "size"])
    expected = {
        "Canon EOS 5D Mark II": (35.52, 29),
        "Canon EOS 600D": (37.44, 11),
        "Canon EOS 80D": (36.58, 15),
        "Nikon D800": (35.83, 33),
        "Sony A7 II": (35.31, 12),
    }
    for camera, (psnr_db, pairs) in expected.items():
        assert by_camera.loc[camera, "mean"] == pytest.approx(psnr_db, abs=0.01)
        assert by_camera.loc[camera, "size"] == pairs
