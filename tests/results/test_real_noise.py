"""Scores on real noise: those of the cards, and what page 07 makes of them."""

import re

import numpy as np
import pandas as pd
import pytest

from casestudy.data.sets.polyu import TEST_SCENES
from casestudy.models import released
from casestudy.results import real_noise


@pytest.fixture(scope="module")
def scores():
    return real_noise.scores_on_polyu()


def test_means_of_the_networks_are_those_in_the_head_of_each_card(scores):
    table = real_noise.leads(scores).set_index("method")
    assert table["psnr_db"].is_monotonic_decreasing
    for network, title in released.titles().items():
        card = (released.FOLDER / f"{network}.md").read_text()
        _, head, _ = card.split("---\n", 2)
        values = re.findall(r"value: (.+)", head.partition("type: polyu")[2])
        psnr_db, ssim = map(float, values[:2])
        assert table.loc[title, "psnr_db"] == pytest.approx(psnr_db, abs=0.0051)
        assert table.loc[title, "ssim"] == pytest.approx(ssim, abs=0.000051)


def test_every_method_was_scored_on_the_same_crops_of_the_scenes_held_out(scores):
    assert set(scores["scene"]) == set(TEST_SCENES)
    for _, table in scores.groupby("method"):
        crops = table.sort_values("image", ignore_index=True)
        assert len(crops) == crops["image"].nunique() == 43
        assert crops["noisy_psnr_db"].mean() == pytest.approx(36.07, abs=0.005)
        gains = crops["psnr_db"] - crops["noisy_psnr_db"]
        np.testing.assert_allclose(crops["gain_db"], gains, atol=1.1e-4)


def test_a_lead_is_paired_and_its_interval_is_over_scenes():
    """On two of three scenes of two crops each a decibel ahead, on the third one behind."""
    rival = pd.DataFrame(
        {
            "method": "BM3D",
            "image": list("abcdef"),
            "scene": list("xxyyzz"),
            "camera": "C",
            "psnr_db": [30.0, 31, 35, 36, 40, 41],
            "gain_db": 1.0,
            "ssim": 0.9,
            "lpips": 0.1,
        }
    )
    lead = [1.0, 1, 1, 1, -1, -1]
    other = rival.assign(method="other", psnr_db=rival["psnr_db"] + lead, gain_db=2.0)
    table = real_noise.leads(pd.concat([rival, other.iloc[::-1]])).set_index("method")
    assert table.index.tolist() == ["other", "BM3D"]
    assert table.loc["BM3D", "ahead_db":"ahead_scenes"].tolist() == [0] * 5
    ahead = table.loc["other"]
    assert ahead["ahead_db"] == pytest.approx(1 / 3)
    # Of three scenes drawn from three all are the third one in 1 of 27, none is in 8 of 27.
    assert (ahead["ahead_low"], ahead["ahead_high"]) == (-1, 1)
    assert ahead["ahead_crops"] == ahead["ahead_scenes"] == pytest.approx(2 / 3)
    assert real_noise.in_words(table.reset_index()).splitlines() == [
        "better than BM3D on these scenes: none",
        "worse than BM3D on these scenes: none",
        "not told apart from BM3D on these scenes: other",
    ]
    gains = real_noise.gain_by_camera(pd.concat([rival, other]))
    assert gains["C"].to_dict() == {"other": 2, "BM3D": 1}
