"""A dataset is added by one record: whatever lists or uses datasets then knows it."""

import subprocess
import sys
from dataclasses import replace

import pandas as pd
import pytest
from typer.testing import CliRunner

from casestudy import CaseStudyError
from casestudy.commands.main import app
from casestudy.data.catalogue import DATASETS, load_pairs
from casestudy.data.dataset import Dataset
from casestudy.data.getting.fetch import add, fetch
from casestudy.data.settings import check_parameters
from casestudy.training.manifest import seen


def fetch_toy():
    return "the toy box"


@pytest.fixture
def toy(monkeypatch, pair_folder):
    """Ten pairs, one of them without its clean half, in place of a download."""
    own = load_pairs(f"folder:{pair_folder}")
    record = Dataset(
        name="toy",
        summary="ten ramps",
        terms="none",
        get="casestudy data fetch toy (1 kB)",
        where=lambda found: str(found[0].noisy_path.parents[1]),
        find=lambda: (
            [replace(pair, part="test") for pair in own if pair.clean_path.exists()],
            [],
        ),
        incomplete=lambda found: "" if len(found) == 10 else f"{len(found)} of 10 ramps.",
        families=("ramps",),
        fetch=f"{__name__}:fetch_toy",
        add=lambda archive, folder: archive.rename(folder / archive.name),
    )
    monkeypatch.setitem(DATASETS, "toy", record)
    return pair_folder


def run(*arguments):
    return CliRunner().invoke(app, arguments)


def test_it_is_listed(toy):
    shown = f"toy\n  ten ramps\n  terms: none\n  10 pairs: {toy}\n"
    assert shown in run("data", "list").output
    (toy / "clean" / "scene3.png").unlink()
    assert "to get it: casestudy data fetch toy (1 kB)" in run("data", "list").output


def test_it_is_checked(toy):
    assert "toy: 10 sound pairs, 0 findings" in run("data", "check", "toy").output
    (toy / "clean" / "scene3.png").unlink()
    checked = run("data", "check", "toy")
    assert checked.exit_code == 1 and "toy: incomplete. 9 of 10 ramps." in checked.output
    with pytest.raises(CaseStudyError, match="9 of 10 ramps"):
        load_pairs("toy")


def test_it_is_evaluated_on(toy, tmp_path):
    output = tmp_path / "scores.csv"
    result = run("evaluate", "autoencoder", "--dataset", "toy", "--output", str(output))
    assert result.exit_code == 0, result.output
    assert pd.read_csv(output)["image"].tolist() == [f"scene{n}" for n in range(10)]


def test_it_is_fetched_and_added(toy, tmp_path, monkeypatch):
    monkeypatch.setenv("CASESTUDY_DATA", str(tmp_path / "data"))
    assert "toy is in the toy box" in run("data", "fetch", "toy").output
    (tmp_path / "toy.zip").touch()
    add("toy", [tmp_path / "toy.zip"])
    assert (tmp_path / "data" / "toy" / "toy.zip").exists()
    for command in ("fetch", "add"):
        assert " or toy." in run("data", command, "--help").output
    with pytest.raises(CaseStudyError, match="polyu, sidd, toy"):
        fetch("bsds500")


def test_its_name_is_a_setting(toy):
    assert check_parameters({"dataset": "toy"}) == {"dataset": "toy"}
    with pytest.raises(CaseStudyError, match=r"known are sample, .*, toy and folder:PATH"):
        check_parameters({"dataset": "toys"})


def test_datasets_of_its_family_show_its_scenes(toy, monkeypatch):
    monkeypatch.setitem(DATASETS, "ramps", replace(DATASETS["toy"], name="ramps"))
    trained = {"dataset": "polyu, ramps", "images": ["other"], "scenes": ["scene3"]}
    tested = pd.DataFrame({"image": ["a", "b"], "scene": ["scene3", "scene4"]})
    assert seen({"data": {"training": trained}}, tested, "toy").tolist() == [True, False]


SLOW = ("pandas", "skimage", "sklearn", "matplotlib", "scipy", "requests", "pooch", "keras")


def test_records_are_known_without_what_takes_seconds():
    program = "import sys, casestudy.data.catalogue\n"
    program += f"print(*(name for name in {SLOW} if name in sys.modules))"
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert result.returncode == 0 and not result.stdout.strip(), result.stdout + result.stderr
