"""Verdicts on the article's claims follow the numbers."""

import numpy as np
import pandas as pd
import pytest

from casestudy.models.networks import NETWORKS
from casestudy.results import claims

TITLES = {
    name: NETWORKS[name].title for name in ("autoencoder", "cbdnet", "pridnet-half", "ridnet")
}


@pytest.mark.parametrize(
    ("low", "high", "limit", "expected"),
    [
        (0.1, 0.5, 0, "holds"),
        (-0.5, -0.1, 0, "does not hold"),
        (-0.1, 0.1, 0, "cannot be told"),
        (0.1, 0.5, 0.3, "cannot be told"),
        (np.nan, np.nan, 0, "cannot be told"),
    ],
)
def test_a_verdict_needs_the_whole_interval_on_one_side(low, high, limit, expected):
    assert claims.verdict(low, high, limit) == expected


def scores(scenes=4, **psnr_db):
    """Every scene has its own level; methods differ by the same in each."""
    levels = 30 + 2 * np.arange(scenes)
    return pd.concat(
        pd.DataFrame(
            {
                "method": TITLES.get(name, name),
                "image": [f"i{n}" for n in range(scenes)],
                "scene": [f"s{n}" for n in range(scenes)],
                "psnr_db": levels + gain,
            }
        )
        for name, gain in psnr_db.items()
    )


def test_methods_are_compared_on_the_same_images():
    table = claims.on_methods(
        scores(**{"autoencoder": 0, "cbdnet": 3, "pridnet-half": 2, "ridnet": 2.5, "BM3D": 4})
    ).set_index("claim")
    verdicts = table["verdict"]
    assert verdicts["A network removes more noise than a filter"] == "does not hold"
    assert verdicts["RIDNet is the best of the four"] == "does not hold"
    assert verdicts["A smaller network can be better than PRIDNet"] == "holds"
    assert verdicts["PRIDNet is not worth its size: it is no better than CBDNet"] == "holds"
    finding = table.loc["RIDNet is the best of the four", "finding"]
    assert finding == "RIDNet is 0.50 dB behind CBDNet (0.50 to 0.50)"


def test_pridnet_is_worth_its_size_where_it_is_clearly_better():
    better = {"autoencoder": 0, "cbdnet": 1, "pridnet-half": 2, "ridnet": 1}
    verdicts = claims.on_methods(scores(**better)).set_index("claim")["verdict"]
    assert verdicts.filter(like="worth its size").tolist() == ["does not hold"]
    assert verdicts["A smaller network can be better than PRIDNet"] == "does not hold"


def test_two_images_decide_nothing():
    verdicts = claims.on_methods(scores(scenes=2, cbdnet=3, BM3D=0))["verdict"]
    assert set(verdicts) == {"cannot be told"}


def test_claims_about_methods_without_scores_are_left_out():
    assert len(claims.on_methods(scores(noisy=0, BM3D=1))) == 0
    assert claims.on_methods(scores(cbdnet=1))["claim"].tolist() == [
        "A good network reaches 30 dB"
    ]


def test_what_the_data_show():
    statistics = pd.DataFrame(
        {
            "image": list("abcd"),
            "scene": list("abcd"),
            "black_noisy": [0.2, 0.3, 0.2, 0.3],
            "black_clean": [0.1, 0.1, 0.1, 0.1],
            "mean_noisy": [100, 120, 130, 90],
            "psnr_db": [26, 27, 28, 29],
            "ssim": [0.5, 0.9, 0.5, 0.9],
        }
    )
    table = claims.on_noisy_images(statistics)
    assert table["verdict"].tolist() == ["holds", "does not hold", "holds", "cannot be told"]
    assert table["finding"][0] == "25.00 % of noisy values are zero, 10.00 % of clean ones"
    assert table["finding"][1] == "0 of 4 are between 20 and 75 levels of 255"


def test_what_8_bits_did():
    table = pd.DataFrame(
        {
            "network": "ridnet",
            "variant": ["Keras", "LiteRT float32", "LiteRT int8"],
            "size_mb": [6.0, 6.0, 1.5],
            "lost_db": [0, 0, 0.2],
            "seconds_per_megapixel": [10.0, 8.0, 25.0],
        }
    )
    assert claims.on_quantization(table)["verdict"].tolist() == ["holds", "does not hold", "holds"]


def test_the_answer_names_what_all_data_agree_on():
    rows = {
        "one": [("A", "", "holds"), ("B", "", "holds"), ("C", "", "does not hold")],
        "two": [("A", "", "holds"), ("B", "", "cannot be told")],
    }
    tables = {name: pd.DataFrame(table, columns=claims.COLUMNS) for name, table in rows.items()}
    together = claims.side_by_side(tables)
    assert together.index.tolist() == [
        ("A", "one"),
        ("A", "two"),
        ("B", "one"),
        ("B", "two"),
        ("C", "one"),
    ]
    lines = claims.in_words(together).splitlines()
    assert lines[2:] == [
        "- **Holds**: A.",
        "- **Does not hold**: C.",
        "- **Cannot be told, or depends on the data**: B.",
    ]
    assert "Does not" not in claims.in_words(together.loc[["A"]])
