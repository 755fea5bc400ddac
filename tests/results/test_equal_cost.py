"""What page 11 makes of the records of trainings."""

import json

import numpy as np
import pandas as pd
import pytest

from casestudy import CaseStudyError
from casestudy.files.provenance import hash_file
from casestudy.models import NETWORKS, released
from casestudy.results import equal_cost

# dB over the noisy images of each of three scenes.
LEADS = {"hinet-slim": (3, 4, 5), "nafnet-slim": (2, 2, 2), "uformer-slim": (2, 3, 4)}
LEADS |= {"mirnet-slim": (1, 1, 1), "ridnet-slim": (6, 6, 6)}


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setattr(released, "EQUAL_COST", tmp_path)
    for network, gains in LEADS.items():
        write(tmp_path, network, 0, gains)
    write(tmp_path, "mirnet-slim", 1, (2, 2, 2))
    lines = (f"{hash_file(path)}  {path.name}\n" for path in tmp_path.iterdir())
    sums = "".join(lines)
    (tmp_path / released.SUMS).write_text(sums)
    return tmp_path


def write(folder, network, seed, gains):
    identity = {"network": network, "seed": seed, "learning_rate": 1e-3}
    manifest = {"identity": identity, "parameters": 10, "seconds": 600, "megapixels": 7.0}
    manifest |= {"best": {"val_psnr_db": 36.0}}
    (folder / f"{network}.{seed}.json").write_text(json.dumps(manifest))
    history = pd.DataFrame({"seconds": [120.0, 300, 180], "val_psnr_db": [34.0, 36, 35]})
    history.to_csv(folder / f"{network}.{seed}.history.csv", index=False)
    # The first image of each scene was scored in two squares, the second whole.
    squares = {"image": list("aabccdeef"), "scene": list("xxxyyyzzz"), "noisy_psnr_db": 30.0}
    table = pd.DataFrame(squares)
    table["gain_db"] = np.repeat(gains, 3) + np.tile([-0.5, 0.5, 0], 3)
    table["psnr_db"] = table["noisy_psnr_db"] + table["gain_db"]
    tables = [table.assign(dataset=name) for name in equal_cost.SETS]
    pd.concat(tables).to_csv(folder / f"{network}.{seed}.scores.csv", index=False)


def test_a_row_for_each_training_and_the_minutes_since_its_start(folder):
    trainings = equal_cost.trainings()
    assert len(trainings) == len(LEADS) + 1
    assert trainings.query("network == 'mirnet-slim'")["seed"].tolist() == [0, 1]
    assert set(trainings["minutes"]) == {10}
    history = equal_cost.histories().query("title == 'HINet, slim'")
    assert history["minutes"].tolist() == [2, 7, 10]


def test_gains_are_means_over_images_and_seeds(folder):
    scores = equal_cost.scores()
    gains = equal_cost.gains(scores)
    assert gains.index[0] == "RIDNet, slim" and list(gains) == list(equal_cost.SETS)
    assert gains["polyu"]["HINet, slim"] == 4
    assert gains["polyu"]["MIRNet, slim"] == 1.5  # 1 and 2
    spread = equal_cost.over_seeds(scores)
    assert spread.index.tolist() == ["MIRNet, slim"] and spread["seeds"].item() == 2
    assert spread["phones"].item() == pytest.approx(np.sqrt(0.5))  # of 1 and 2, with n - 1


def test_a_rank_holds_where_the_whole_interval_over_scenes_says_so(folder):
    scores = equal_cost.scores()
    ranking = equal_cost.ranking(scores).query("dataset == 'polyu'")
    assert len(ranking) == 10
    assert (ranking["published_db"] > 0).all()
    found = ranking.set_index(["better", "worse"])
    titles = {name: NETWORKS[name].title for name in LEADS}
    ahead = found.loc[titles["hinet-slim"], titles["nafnet-slim"]]
    assert (ahead["lead_db"], ahead["lead_low"], ahead["lead_high"]) == (2, 1, 3)
    assert ahead["verdict"] == "holds"
    assert found.loc[titles["mirnet-slim"], titles["ridnet-slim"]]["verdict"] == "does not hold"
    behind = found.loc[titles["nafnet-slim"], titles["uformer-slim"]]
    assert (behind["lead_low"], behind["lead_high"]) == (-2, 0)
    assert behind["verdict"] == "cannot be told"
    words = equal_cost.in_words(equal_cost.gains(scores), equal_cost.ranking(scores))
    assert "**RIDNet, slim** gains most" in words and "2.00 dB more than HINet, slim" in words
    # All four are before RIDNet in their papers, and behind it here.
    assert "Of the 10 pairs of networks that their papers rank, 5 have the same order" in words
    assert "and 4 the opposite order on every set. Of 1, it depends" in words


def test_an_altered_record_is_refused(folder):
    (folder / "hinet-slim.0.scores.csv").write_text("")
    with pytest.raises(CaseStudyError, match="altered"):
        equal_cost.scores()
