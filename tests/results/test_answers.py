"""Sentences change with the numbers that they are made of."""

from pathlib import Path

import pandas as pd
import pytest

from casestudy.results.answers import (
    camera_noise,
    camera_noise_lessons,
    photo_noise,
    your_photo,
)

TEXTBOOK = {
    "sigma, weakest": 8.0,
    "sigma, strongest": 31.0,
    "strongest / weakest brightness": 1.01,
    "next pixel": -0.001,
    "other colour": 0.0,
    "beyond 3 sigma": 0.0027,
}
CAMERA = TEXTBOOK | {
    "strongest / weakest brightness": 1.64,
    "next pixel": 0.47,
    "beyond 3 sigma": 0.0071,
}


def kinds(real, other=None):
    rows = {"phones (real)": TEXTBOOK | real}
    if other is not None:
        rows["sample (simulated)"] = TEXTBOOK | other
    return pd.DataFrame(rows | {"Gaussian noise": TEXTBOOK}).T


@pytest.mark.parametrize(
    ("real", "beginning"),
    [
        (CAMERA, "No: the real noise of `phones` is neither Gaussian, nor white, nor equally"),
        ({}, "Yes: the real noise of `phones` is Gaussian, white and equally strong everywhere."),
        (
            CAMERA | {"next pixel": 0.0},
            "Only in part: the real noise of `phones` is white, but not Gaussian or equally",
        ),
        (
            CAMERA | {"strongest / weakest brightness": 1.1, "beyond 3 sigma": 0.003},
            "Only in part: the real noise of `phones` is Gaussian and equally strong everywhere, "
            "but not white.",
        ),
    ],
)
def test_the_verdict_is_that_of_the_numbers(real, beginning):
    assert camera_noise(kinds(real)).startswith(f"**{beginning}")


def test_the_answer_holds_the_figures_of_every_kind():
    text = camera_noise(kinds(CAMERA, {}))
    for figure in ("1.6 times", "0.47", "0.7 %", "1.0 times, 0.00 and 0.3 %"):
        assert figure in text
    assert "The simulated noise of `sample` is Gaussian, white and equally" in text
    assert "`sample`" not in camera_noise(kinds(CAMERA))


def test_lessons_are_only_those_that_hold():
    """Of the mean of two values with correlation 0.47, 0.857 of the deviation is left."""
    assert "keeps 86 %" in camera_noise_lessons(kinds(CAMERA))
    assert camera_noise_lessons(kinds({})).count("\n") == 0


@pytest.mark.parametrize(
    ("estimated", "expected"),
    [
        ({"quietest": 0.5, "next pixel": 0.0, "other colour": 0.0}, "hardly any noise"),
        ({"quietest": 2.0, "next pixel": 0.0, "other colour": 0.0}, "own noise"),
        ({"quietest": 9.0, "next pixel": 0.4, "other colour": 0.4}, "share a part"),
        ({"quietest": 9.0, "next pixel": 0.4}, "no colour"),
    ],
)
def test_a_photograph_is_described_as_measured(estimated, expected):
    text = photo_noise(estimated | {"level": 12.34})
    assert expected in text and "12.3" in text
    assert ("they share their noise" in text) == (estimated["next pixel"] > 0.1)


def test_the_place_of_the_result_and_remarks_are_named():
    estimated = {"quietest": 9.0, "level": 12.34}
    text = your_photo(estimated, "RIDNet", Path("/tmp/a.png"), ["Left out."])
    assert "strong noise" in text and "`/tmp/a.png`. Left out." in text
