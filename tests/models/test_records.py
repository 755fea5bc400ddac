"""A network is added by one record: whatever lists networks then names it."""

import subprocess
import sys

import keras
import pandas as pd
import pytest
from typer.testing import CliRunner

from casestudy.commands.main import app
from casestudy.commands.web_app.page import methods
from casestudy.models import NETWORKS, Network, build
from casestudy.results.comparison import load_scores


def build_toy() -> keras.Model:
    noisy = keras.Input((None, None, 3), name="noisy")
    return keras.Model(noisy, keras.layers.Conv2D(3, 1, name="only")(noisy), name="toy")


@pytest.fixture
def toy(monkeypatch):
    record = Network(build=f"{__name__}:build_toy", title="Toy net", multiple=1, released=True)
    monkeypatch.setitem(NETWORKS, "toy", record)


@pytest.mark.parametrize("command", ["train", "denoise", "evaluate", "quantize", "benchmark"])
def test_the_help_of_commands_names_it(toy, command):
    result = CliRunner().invoke(app, [command, "--help"])
    assert result.exit_code == 0 and "toy" in result.output


def test_networks_that_are_not_released_are_offered_for_training_only(monkeypatch):
    monkeypatch.setitem(
        NETWORKS, "toy", Network(build=f"{__name__}:build_toy", title="Toy net", multiple=1)
    )
    assert "toy" in CliRunner().invoke(app, ["train", "--help"]).output
    assert "toy" not in CliRunner().invoke(app, ["denoise", "--help"]).output
    assert "toy" not in methods()


def test_it_is_built_by_its_name(toy):
    assert build("toy").count_params() == 12


def test_the_web_app_offers_it(toy):
    assert list(methods())[-2:] == ["toy", "nlm"] and methods()["toy"] == "Toy net"


def test_the_comparison_counts_it_as_released(toy, tmp_path):
    (tmp_path / "scores").mkdir()
    for file, method, parameters in (("noisy", "noisy", 0), ("toy", "Toy net", 12)):
        row = {"method": method, "dataset": "sample", "image": "a", "patch": 0, "psnr_db": 30.0}
        row |= {"megapixels": 0.1, "parameters": parameters}
        pd.DataFrame([row]).to_csv(tmp_path / "scores" / f"{file}.csv", index=False)
    assert set(load_scores(tmp_path, "released")["method"]) == {"noisy", "Toy net"}


SLOW = ("keras", "tensorflow", "pandas", "skimage", "casestudy.data")


@pytest.mark.parametrize("module", ["casestudy.models", "casestudy.denoising.methods"])
def test_records_and_methods_are_known_without_what_takes_seconds(module):
    code = f"import sys, {module}; print(*(name for name in {SLOW} if name in sys.modules))"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert result.returncode == 0 and not result.stdout.strip(), result.stdout + result.stderr
