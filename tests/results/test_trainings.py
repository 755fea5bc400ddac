"""Trainings of several runs in one table."""

import json

import pandas as pd
import pytest

from casestudy import CaseStudyError
from casestudy.results.trainings import over_seeds, trainings


@pytest.fixture
def runs(tmp_path):
    """Three runs of RIDNet, of which two differ by their seed alone, and one of CBDNet."""

    def add(name, network, val_psnr_db, test_psnr_db=None, **settings):
        folder = tmp_path / name
        (folder / "models").mkdir(parents=True)
        identity = {"seed": 0, "epochs": 5, "network": network, "first weights": name} | settings
        manifest = {
            "identity": identity | {"training patches": name},
            "data": {"training": {"dataset": "polyu"}},
            "parameters": 1000,
            "best": {"val_psnr_db": val_psnr_db},
        }
        (folder / "models" / f"{network}.json").write_text(json.dumps(manifest))
        if test_psnr_db:
            (folder / "scores").mkdir()
            for method, psnr_db in {"noisy": 20.0, "RIDNet, trained here": test_psnr_db}.items():
                table = pd.DataFrame(
                    {
                        "method": method,
                        "dataset": "polyu",
                        "image": ["a", "b"],
                        "patch": 0,
                        "megapixels": 0.1,
                        "parameters": 0 if method == "noisy" else 1000,
                        "psnr_db": [psnr_db - 1, psnr_db + 1],
                    }
                )
                stem = "noisy" if method == "noisy" else "ridnet-trained-here"
                table.to_csv(folder / "scores" / f"{stem}.csv", index=False)
        return {name: folder}

    return (
        add("one", "ridnet", 30.0, 25.0)
        | add("two", "ridnet", 32.0, 27.0, seed=1)
        | add("longer", "ridnet", 33.0, epochs=9)
        | add("other", "cbdnet", 31.0)
    )


def test_settings_that_differ_stand_beside_the_scores(runs):
    table = trainings(runs).set_index("run")
    assert list(table) == ["network", "seed", "epochs", "val_psnr_db", "psnr_db", "gain_db"]
    assert table.loc["two"].tolist() == ["ridnet", 1, 5, 32, 27, 7]
    assert table.loc["longer", ["psnr_db", "gain_db"]].isna().all()


def test_mean_and_deviation_are_over_seeds_alone(runs):
    found = over_seeds(trainings(runs))
    assert found.index.tolist() == [("ridnet", "5")]
    row = found.iloc[0]
    assert (row["seeds"], row["val_psnr_db_mean"], row["gain_db_mean"]) == (2, 31, 6)
    assert row["psnr_db_std"] == pytest.approx(2**0.5)  # of 25 and 27
    assert over_seeds(trainings({"one": runs["one"], "other": runs["other"]})).empty


def test_a_run_without_a_training_is_named(runs, tmp_path):
    with pytest.raises(CaseStudyError, match="nothing holds no finished training"):
        trainings(runs | {"nothing": tmp_path / "nothing"})
