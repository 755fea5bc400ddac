import json
import shutil

import numpy as np
import pandas as pd
import pytest

from casestudy import CaseStudyError
from casestudy.data.experiment import open_experiment
from casestudy.results.comparison import (
    by_gain,
    file_name,
    gain_by_setting,
    gains_by_run,
    load_examples,
    load_scores,
    means,
    runs_beside,
    save_summary,
    summarize,
)
from casestudy.results.metrics import score
from casestudy.results.run import describe_runs, save_result


@pytest.fixture
def experiment(pair_folder, tmp_path):
    return open_experiment(f"folder:{pair_folder}", str(tmp_path / "run"), patch_size=32)


def save(experiment, method, denoiser, **facts):
    save_result(experiment, score(method, denoiser, experiment.test), denoiser, **facts)


def halfway(experiment):
    """Return a denoiser that halves the error: 20 log10(2) dB better than noisy."""
    clean = experiment.test.clean(np.arange(len(experiment.test)))
    noisy = experiment.test.noisy(np.arange(len(experiment.test)))

    def denoiser(batch):
        rows = [np.argmin(np.abs(noisy - patch).sum(axis=(1, 2, 3))) for patch in batch]
        return (batch + clean[rows]) / 2

    return denoiser


def test_no_scene_is_in_two_parts(experiment):
    parts = [experiment.train, experiment.validation, experiment.test]
    scenes = [set(part.table["scene"]) for part in parts]
    assert all(scenes)
    assert not (scenes[0] & scenes[1] or scenes[0] & scenes[2] or scenes[1] & scenes[2])


def test_a_folder_is_written_down_for_any_working_directory(pair_folder, tmp_path, monkeypatch):
    monkeypatch.chdir(pair_folder.parent)
    opened = open_experiment(f"folder:{pair_folder.name}", str(tmp_path / "run"), patch_size=32)
    assert set(opened.test.table["dataset"]) == {f"folder:{pair_folder.resolve()}"}


def test_limits_are_kept(pair_folder, tmp_path):
    small = open_experiment(
        f"folder:{pair_folder}",
        str(tmp_path / "run"),
        patch_size=32,
        max_pairs=3,
    ).at_most(train=2, test=1)
    assert (len(small.train), len(small.test)) == (2, 1)


def test_a_method_joins_the_comparison_by_writing_its_scores(experiment):
    save(experiment, "noisy", lambda batch: batch)
    save(experiment, "Half way", halfway(experiment), parameters=12)
    summary = summarize(load_scores(experiment.folder))
    assert list(summary["method"]) == ["Half way", "noisy"]
    row = summary.iloc[0]
    assert row["gain_db"] == pytest.approx(20 * np.log10(2), abs=1e-3)
    assert row["parameters"] == 12
    assert row["psnr_low"] <= row["psnr_db"] <= row["psnr_high"]
    # Paired: the same difference on every image leaves nothing open.
    assert [row["gain_low"], row["gain_high"]] == pytest.approx([20 * np.log10(2)] * 2, abs=1e-3)
    columns = ["behind_db", "behind_low", "behind_high"]
    assert row[columns].tolist() == [0, 0, 0]
    last = summary.iloc[1][columns].tolist()
    assert last == pytest.approx([20 * np.log10(2)] * 3, abs=1e-3)

    save_summary(summary, experiment.folder)
    written = pd.read_csv(experiment.folder / "results.csv")
    expected = {"method", "psnr_db", "ssim", "gain_db", "parameters", "size_mb"}
    assert expected | {"seconds_per_megapixel"} <= set(written.columns)
    assert np.isfinite(written.select_dtypes("number")).all(axis=None)


def test_patches_of_infinite_psnr_are_left_out_for_every_method(experiment, capsys):
    """One without noise, and one that a method gives back exactly."""

    def denoiser(batch):
        return batch

    scores = score("noisy", denoiser, experiment.test)
    better = scores.assign(method="better", psnr_db=scores["psnr_db"] + 3)
    scores.loc[0, "psnr_db"] = better.loc[[0, 1], "psnr_db"] = np.inf
    save_result(experiment, scores, denoiser)
    save_result(experiment, better, denoiser)
    found = load_scores(experiment.folder)
    assert len(found) == 2 * (len(scores) - 2)
    assert "2 patches without an error" in capsys.readouterr().out
    assert summarize(found)["gain_db"].tolist() == pytest.approx([3, 0])
    save_result(experiment, better.assign(psnr_db=np.inf), denoiser)
    with pytest.raises(CaseStudyError, match="nothing to compare"):
        load_scores(experiment.folder)


def test_images_may_be_called_na(pair_folder, tmp_path):
    for part in ("noisy", "clean"):
        for number, name in enumerate(("NA", "null", "nan", "None")):
            (pair_folder / part / f"scene{number}.png").rename(pair_folder / part / f"{name}.png")
    opened = open_experiment(f"folder:{pair_folder}", str(tmp_path / "run"), patch_size=32)
    parts = [opened.train, opened.validation, opened.test]
    images = [image for part in parts for image in part.table["image"].unique()]
    assert sorted(images) == sorted(path.stem for path in (pair_folder / "clean").iterdir())
    save(opened, "noisy", lambda batch: batch)
    assert set(load_scores(opened.folder)["image"]) == set(opened.test.table["image"])


def test_the_examples_of_a_method_are_its_results(experiment):
    save(experiment, "dark", np.zeros_like)
    examples = load_examples(experiment.folder, "dark")
    assert examples.shape == (3, 32, 32, 3) and not examples.any()


def test_scores_of_another_folder_are_refused(experiment, pair_folder, tmp_path):
    save(experiment, "noisy", lambda batch: batch)
    shutil.copytree(pair_folder, tmp_path / "other")
    other = open_experiment(f"folder:{tmp_path / 'other'}", str(experiment.folder), patch_size=32)
    save(other, "other", lambda batch: batch)
    with pytest.raises(CaseStudyError, match=r"other\.csv"):
        load_scores(experiment.folder)


def test_scores_of_other_patches_are_refused(experiment, pair_folder):
    save(experiment, "noisy", lambda batch: batch)
    other = open_experiment(f"folder:{pair_folder}", str(experiment.folder), patch_size=64)
    save(other, "other", lambda batch: batch)
    with pytest.raises(CaseStudyError, match=r"other\.csv"):
        load_scores(experiment.folder)


def test_missing_scores_say_what_to_run(tmp_path):
    with pytest.raises(CaseStudyError, match="notebook 02"):
        load_scores(tmp_path)


def test_runs_stand_side_by_side(experiment, pair_folder, monkeypatch):
    monkeypatch.setattr(
        "casestudy.results.comparison.reports_root", lambda: experiment.folder.parent
    )
    save(experiment, "noisy", lambda batch: batch)
    save(experiment, "Half way", halfway(experiment), parameters=12)
    by_image = open_experiment(
        f"folder:{pair_folder}",
        str(experiment.folder.parent / "by-image"),
        split_by="image",
        patch_size=32,
    )
    save(by_image, "noisy", lambda batch: batch)
    scenes = sorted(set(by_image.test.table["scene"]))
    by_image.models.mkdir()
    own = {"dataset": f"folder:{pair_folder}", "images": [], "scenes": scenes[:1]}
    manifest = {"start": {"data": {"training": own}}, "data": {}}
    (by_image.models / "net.json").write_text(json.dumps(manifest))

    runs = runs_beside(experiment.folder, "by-image")
    described = describe_runs(runs, "all")
    assert list(described.index) == ["run", "by-image"]
    assert described.loc["run", "seen"] == 0
    assert described.loc["by-image", "seen"] == pytest.approx(
        (by_image.test.table["scene"] == scenes[0]).mean()
    )
    assert described.loc["run", "patches"] == len(experiment.test)
    assert describe_runs(runs, "released").loc["by-image", "seen"] == 0
    gains = gains_by_run(runs, "all")
    assert gains.loc["Half way", "run"] == pytest.approx(20 * np.log10(2), abs=1e-3)
    assert np.isnan(gains.loc["Half way", "by-image"])
    with pytest.raises(CaseStudyError, match="none"):
        describe_runs(runs_beside(experiment.folder, "none"), "all")
    with pytest.raises(CaseStudyError, match="cannot name a run"):
        runs_beside(experiment.folder, "../elsewhere")


def test_the_bootstrap_interval_covers_the_mean_of_normal_data():
    """95 % of intervals should hold the true mean; with 40 draws fewer than 32 is a 1e-5 event."""
    rng = np.random.default_rng(0)
    covered = 0
    for _ in range(40):
        table = pd.DataFrame(
            {
                "method": "m",
                "image": np.arange(60),
                "psnr_db": rng.normal(30, 2, 60),
                "ssim": 0.5,
                "gain_db": 0.0,
                "parameters": 0,
                "size_mb": 0.0,
                "seconds": 1.0,
                "megapixels": 1.0,
            }
        )
        row = summarize(table).iloc[0]
        covered += row["psnr_low"] < 30 < row["psnr_high"]
    assert covered >= 32


def test_patches_are_ranked_by_gain():
    noisy = pd.DataFrame({"psnr_db": [20.0, 20.0, 20.0, 30.0, 30.0]})
    method = pd.DataFrame({"psnr_db": [25.0, 21.0, 22.0, 29.0, 33.0]})
    assert by_gain(method, noisy) == {
        "best: +5.0 dB": 0,
        "median: +2.0 dB": 2,
        "worst: -1.0 dB": 3,
    }


def test_patches_without_noise_or_error_are_not_ranked():
    noisy = pd.DataFrame({"psnr_db": [np.inf, 20.0, 20.0, 20.0]})
    method = pd.DataFrame({"psnr_db": [np.inf, 21.0, 22.0, np.inf]})
    assert list(by_gain(method, noisy).values()) == [2, 1, 1]


def test_patches_without_noise_or_error_are_in_no_mean():
    noisy = pd.DataFrame({"method": "noisy", "psnr_db": [np.inf, 20, 22, 9], "ssim": 0.5})
    other = noisy.assign(method="other", psnr_db=[40, 21, 25, np.inf], camera="C", iso=100)
    table = means([noisy, other])
    assert table.loc["other"].tolist() == pytest.approx([23, 0.5, 2])
    assert gain_by_setting(other, noisy).loc[("C", 100)].tolist() == pytest.approx([23, 2])
    unknown = other.assign(camera="unknown", iso=pd.NA)
    assert "names neither camera nor ISO" in gain_by_setting(unknown, noisy)
    only_camera = other.assign(iso=pd.NA)
    assert gain_by_setting(only_camera, noisy).index.tolist() == [("C", "unknown")]


@pytest.mark.parametrize(
    ("method", "name"),
    [("NLM (OpenCV)", "nlm-opencv"), ("RIDNet, 16 filters", "ridnet-16-filters")],
)
def test_method_names_become_plain_file_names(method, name):
    assert file_name(method) == name
