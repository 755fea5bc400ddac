"""One table of all test sets."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from casestudy.commands.main import app
from casestudy.data.catalogue import DATASETS, load_pairs, record
from casestudy.models import build
from casestudy.results import all_sets, shipped
from casestudy.results.whole_images import evaluate


@pytest.fixture
def sets(monkeypatch, pair_folder, tmp_path):
    """Ten ramps, the same under another name, and a set that is not there; NLM of the first."""
    own = [replace(pair, part="test") for pair in load_pairs(f"folder:{pair_folder}")]
    ramps = replace(DATASETS["phones"], name="ramps", find=lambda: (own, []), families=())
    monkeypatch.setitem(DATASETS, "ramps", ramps)
    monkeypatch.setitem(DATASETS, "slopes", replace(ramps, name="slopes"))
    monkeypatch.setenv("CASESTUDY_DATA", str(tmp_path / "nothing"))
    titles = {"ramps": "ramps", "kodak-grain": "not there", "slopes": "slopes"}
    monkeypatch.setattr(all_sets, "TITLES", titles)
    filters = tmp_path / "filters.csv"
    filters.write_text("method,dataset,images,psnr_db,ssim\nNLM,ramps,10,20.0,0.5\n")
    monkeypatch.setattr(shipped, "FILTERS", filters)
    return [pair.id for pair in own]


def test_every_set_that_is_there_is_scored_as_it_is_alone(sets):
    model = build("autoencoder", 0, filters=4)
    scores = all_sets.evaluate_all(model, {"data": {}})
    assert scores.columns[0] == "dataset"
    assert scores["dataset"].tolist() == ["ramps"] * 10 + ["slopes"] * 10
    assert all_sets.left_out(scores) == ["kodak-grain"]
    alone = evaluate(lambda noisy: np.asarray(model(noisy)), record("ramps").load())
    np.testing.assert_allclose(scores["psnr_db"][:10], alone["psnr_db"], atol=1e-3)


def test_means_are_compared_with_the_filter_and_with_the_noisy_images(sets):
    scores = all_sets.evaluate_all(build("autoencoder", 0, filters=4), {"data": {}})
    ramps = all_sets.summary(scores).set_index("dataset").loc["ramps"]
    own = scores[scores["dataset"] == "ramps"]
    assert ramps["images"] == 10 and ramps["psnr_db"] == pytest.approx(own["psnr_db"].mean())
    assert ramps["gain_db"] == pytest.approx((own["psnr_db"] - own["noisy_psnr_db"]).mean())
    assert ramps["filter_psnr_db"] == 20
    assert ramps["lead_db"] == pytest.approx(ramps["psnr_db"] - 20)


def test_there_is_no_lead_where_other_images_were_scored(sets):
    """The filter's mean is over all ten ramps; the network was trained on three of them."""
    trained = {"dataset": "ramps", "images": sets[:3], "scenes": sets[:3]}
    manifest = {"data": {"training": trained}}
    scores = all_sets.evaluate_all(build("autoencoder", 0, filters=4), manifest)
    means = all_sets.summary(scores).set_index("dataset")
    assert means["images"].to_dict() == {"ramps": 7, "slopes": 10}
    assert means["lead_db"].isna().all()
    trained["images"] = sets
    scores = all_sets.evaluate_all(build("autoencoder", 0, filters=4), manifest)
    assert all_sets.left_out(scores) == ["ramps", "kodak-grain"]


def test_the_command_prints_one_table_and_writes_one_file(sets, tmp_path):
    output = tmp_path / "scores.csv"
    arguments = ["evaluate", "autoencoder", "--dataset", "all", "--output", str(output)]
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 0, result.output
    head, ramps, slopes, _, missing, _ = result.output.splitlines()
    assert head.split("  ")[-1].strip() == "SSIM" and "lead over NLM, dB" in head
    assert ramps.split()[:2] == ["ramps", "10"] and ramps.split()[3] == "20.00"
    assert slopes.split()[:2] == ["slopes", "10"] and len(slopes.split()) == 6
    assert "kodak-grain." in missing and "casestudy data list" in missing
    assert pd.read_csv(output)["dataset"].value_counts().to_dict() == {"ramps": 10, "slopes": 10}
