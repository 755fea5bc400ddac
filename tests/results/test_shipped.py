"""Scores that come with the package, of all methods on all test sets."""

import re

import numpy as np
import pandas as pd
import pytest

from casestudy.data.catalogue import DATASETS
from casestudy.models import released
from casestudy.results import shipped
from casestudy.results.whole_images import pairs_to_test


@pytest.mark.parametrize("network", released.titles())
def test_standings_are_what_the_card_of_each_network_says(network):
    _, head, _ = (released.FOLDER / f"{network}.md").read_text().split("---\n", 2)
    in_card = re.findall(r"type: (\S+)\n      name: .+\n    metrics:\n.+\n      value: (.+)", head)
    standings = shipped.standings()
    assert standings.index.tolist() == list(shipped.TITLES)
    column = standings[released.titles()[network]].dropna()
    assert "polyu" in column
    for dataset, psnr_db in in_card:
        if dataset in column:
            assert column[dataset] == pytest.approx(float(psnr_db), abs=0.0051)


def test_the_filters_scores_are_those_of_every_set():
    filters = pd.read_csv(shipped.FILTERS)
    assert filters["dataset"].tolist() == list(shipped.TITLES)
    assert shipped.TITLES.keys() <= DATASETS.keys()
    for name in ("phones", "sample"):
        stored = filters.set_index("dataset").loc[name, "images"]
        assert stored == len(pairs_to_test(name))


def test_the_filter_is_better_than_nothing_and_worse_than_a_network_for_its_noise():
    """PSNR of white noise that is not clipped: 20 log10(255 / sigma). A network trained for it,
    FFDNet, reaches 34.63, 32.13 and 28.98 dB (K. Zhang et al., TIP 2018, arXiv:1710.04026)."""
    psnr_db = pd.read_csv(shipped.FILTERS).set_index("dataset")["psnr_db"]
    for sigma, network in ((15, 34.63), (25, 32.13), (50, 28.98)):
        assert 20 * np.log10(255 / sigma) + 3 < psnr_db[f"kodak-white{sigma}"] < network


def test_the_recommendation_names_gains_on_real_noise_and_losses():
    title = shipped.recommended()
    standings = pd.DataFrame(
        {
            "noisy": [30.0, 24, 20],
            "NLM": [32.0, 28, 25],
            "CBDNet": [33.6, 20, 26],
            "RIDNet": [34.0, 27, 27],
            title: [33.5, 27.75, np.nan],
        },
        index=["polyu", "phones", "kodak-white25"],
    )
    text = shipped.recommendation(standings)
    assert text.startswith(f"Take **{title}**.")
    assert "by 3.8 dB on phones and 3.5 dB on PolyU." in text
    assert "Means, a filter, raises it by 4.0 and 2.0 dB." in text
    assert "Non-Local Means beats DRUNet on phones (by 0.25 dB)." in text
    assert text.endswith("RIDNet beats DRUNet on PolyU (by 0.50 dB).") and "CBDNet" not in text
    text = shipped.recommendation(standings.drop(index="phones"))
    assert "DRUNet beats Non-Local Means on every test set." in text
