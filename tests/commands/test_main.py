import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from casestudy import models
from casestudy.commands.main import app
from casestudy.data.catalogue import load_pairs
from casestudy.data.patches import cut_patches
from casestudy.models import released
from casestudy.models.weights import load_weights


def casestudy(*arguments, **options):
    command = [Path(sys.executable).with_name("casestudy"), *arguments]
    return subprocess.run(command, capture_output=True, text=True, **options)


@pytest.mark.parametrize(
    "command",
    [
        (),
        ("report",),
        ("train",),
        ("evaluate",),
        ("release",),
        ("export",),
        ("quantize",),
        ("benchmark",),
        ("data",),
        ("data", "list"),
        ("data", "fetch"),
        ("data", "add"),
        ("data", "check"),
        ("data", "prepare"),
    ],
)
def test_help_is_there_for_every_command(command):
    result = casestudy(*command, "--help")
    assert result.returncode == 0 and "Usage" in result.stdout


WRONG = [
    (("report", "--dataset", "nonesuch"), "sample"),
    (("report", "-p", "epochs=-1"), "epochs"),
    (("report", "-p", "epoch=3"), "epochs"),
    (("report", "-p", "epochs"), "name=value"),
    (("report", "--only", "99"), "01_eda"),
    (("data", "check", "folder:/nowhere"), "/nowhere"),
    (("data", "add", "polyu", "a.zip"), "knows: sidd, renoir"),
    (("data", "fetch", "renoir"), "casestudy data add renoir"),
    (("train", "ridnett"), "autoencoder, cbdnet, pridnet, pridnet-half, ridnet, drunet"),
    (("train", "ridnet", "--recipe", "relaesed"), "Known: released"),
    (("train", "pridnet", "--start", "released"), "pridnet-half"),
    (("train", "ridnet", "--recipe", "released", "--max-pairs", "9"), "--max-pairs"),
    (("evaluate", "ridnett"), "autoencoder, cbdnet, pridnet-half, ridnet, drunet"),
    (("release", "pridnet"), "pridnet-half"),
    (("release", "cbdnet", "--recipe", "equal-cost"), "It has: drunet"),
    (("export", "drunett"), "autoencoder, cbdnet, pridnet-half, ridnet, drunet"),
    (("evaluate", "drunet", "--shots", "a.jpg", "b.jpg"), "a.jpg"),
    (("evaluate", "drunet", "--shots", "a.jpg", "b.jpg", "--output", "c"), "no --output"),
    (("train", "autoencoder", "--learning-rate", "0"), "learning_rate"),
    (("train", "autoencoder", "--dataset", "nonesuch"), "sample"),
    (("train", "autoencoder", "--filters", "-4"), "filters"),
    (("train", "autoencoder", "--seed", "-1"), "seed"),
    (("train", "autoencoder", "--run", "../outside"), "cannot name a run"),
    (("train", "cbdnet", "--loss", "cbdnet", "--protocol", "article"), "use loss=mse"),
    (("train", "drunet", "--critic-weight", "0.01"), "--start released"),
    (("evaluate", "autoencoder", "--dataset", "sample", "--output", "."), "is a folder"),
    (("quantize", "autoencoder", "--output", "/dev/null/a.tflite"), "cannot be written"),
    (("denoise", "x" * 300, "a.png"), "File name too long"),
    (("denoise", "a.png", "x" * 300), "File name too long"),
]

# Of all calls in one process, so that what one imports is seen.
CALLS = """
import contextlib, io, json, sys
from casestudy.commands.main import main

refusals = []
for sys.argv[1:] in json.loads(sys.argv[1]):
    with contextlib.redirect_stderr(io.StringIO()) as error:
        try:
            main()
        except SystemExit as end:
            refusals.append((end.code, error.getvalue()))
print(json.dumps([refusals, list(sys.modules)]))
"""


@pytest.fixture(scope="module")
def refused(tmp_path_factory):
    """Exit codes and messages of the wrong calls, and the modules that were imported for them."""
    calls = json.dumps([arguments for arguments, _ in WRONG])
    result = subprocess.run(
        [sys.executable, "-c", CALLS, calls],
        cwd=tmp_path_factory.mktemp("refused"),
        capture_output=True,
        text=True,
    )
    assert result.returncode == 0, result.stderr
    return json.loads(result.stdout)


@pytest.mark.parametrize("number", range(len(WRONG)), ids=lambda i: " ".join(WRONG[i][0])[:60])
def test_a_wrong_argument_is_one_message_and_exit_code_1(number, refused):
    code, error = refused[0][number]
    assert code == 1 and error.startswith("Error: ")
    assert WRONG[number][1] in error and "Traceback" not in error


def test_a_wrong_argument_is_refused_before_anything_large_is_imported(refused):
    large = "keras", "tensorflow", "jax", "papermill", "nbformat", "matplotlib", "scipy", "skimage"
    assert not set(large) & set(refused[1])


def test_a_block_that_a_network_does_not_have_is_named():
    refused = CliRunner().invoke(app, ["quantize", "ridnet", "--floats", "eam9"]).exception
    assert "no block 'eam9'" in str(refused) and "eam1" in str(refused)


def test_a_missing_dataset_says_how_to_get_it(tmp_path, monkeypatch):
    monkeypatch.setenv("CASESTUDY_DATA", str(tmp_path))
    result = casestudy("report", "--dataset", "polyu")
    assert result.returncode == 1 and "casestudy data fetch polyu" in result.stderr
    listed = casestudy("data", "list")
    assert listed.returncode == 0 and "polyu" in listed.stdout


def test_check_of_sound_and_unsound_pairs(pair_folder):
    assert casestudy("data", "check", f"folder:{pair_folder}").returncode == 0
    (pair_folder / "noisy" / "scene1.png").write_bytes(b"")
    (pair_folder / "clean" / "scene2.png").unlink()
    result = casestudy("data", "check", f"folder:{pair_folder}")
    assert result.returncode == 1
    assert "scene1.png" in result.stdout and "scene2.png" in result.stdout


def test_prepare_cuts_what_an_experiment_then_opens(pair_folder, cache):
    name = f"folder:{pair_folder.resolve()}"
    result = casestudy("data", "prepare", name, "--patch-size", "32")
    assert result.returncode == 0, result.stderr
    patches = cut_patches(name, load_pairs(name), size=32)
    assert f"{len(patches)} patches in {patches.folder}" in result.stdout
    assert "damaged" not in result.stderr
    assert "patch_size" in casestudy("data", "prepare", name, "--patch-size", "33").stderr


def test_train_writes_weights_and_a_second_call_loads_them(pair_folder, tmp_path, monkeypatch):
    """In a project of its own, so that the repository's reports stay as they are."""
    (tmp_path / "notebooks").mkdir()
    (tmp_path / "pyproject.toml").touch()
    monkeypatch.setattr("casestudy.files.folders.project_root", lambda: tmp_path)
    command = f"train autoencoder --dataset folder:{pair_folder} --run one --epochs 2 --filters 4"
    small = "--patch-size 32 --batch-size 8 --crop-size 16 --tensorboard"
    for _ in range(2):
        result = CliRunner().invoke(app, f"{command} {small}".split())
        assert result.exit_code == 0, result.output
        assert "Best validation PSNR" in result.output
        folder = tmp_path / "reports" / "one" / "models"
        assert str(folder / "autoencoder.safetensors") in result.output.replace("\n", "")
    assert (folder / "autoencoder.json").is_file()
    assert (folder / "autoencoder.tensorboard").is_dir()
    refused = CliRunner().invoke(app, f"{command} {small} --loss mae".split())
    assert "loss was 'mse' and is now 'mae'" in str(refused.exception)


def test_train_and_evaluate_name_the_run_of_a_folder_alike(pair_folder, tmp_path, monkeypatch):
    (tmp_path / "notebooks").mkdir()
    (tmp_path / "pyproject.toml").touch()
    monkeypatch.setattr("casestudy.files.folders.project_root", lambda: tmp_path)
    monkeypatch.chdir(pair_folder)
    command = "train autoencoder --dataset folder:. --epochs 1 --filters 4 --patch-size 32"
    result = CliRunner().invoke(app, f"{command} --max-train-patches 16".split())
    assert result.exit_code == 0, result.output
    assert (tmp_path / "reports" / "folder-pairs" / "models" / "autoencoder.json").is_file()


def test_train_goes_on_from_the_released_weights(pair_folder, tmp_path, monkeypatch):
    """At a learning rate that changes nothing, which leaves what it started from."""
    (tmp_path / "notebooks").mkdir()
    (tmp_path / "pyproject.toml").touch()
    monkeypatch.setattr("casestudy.files.folders.project_root", lambda: tmp_path)
    command = f"train autoencoder --dataset folder:{pair_folder} --run own --start released"
    small = "--epochs 1 --patch-size 32 --batch-size 8 --learning-rate 1e-30"
    result = CliRunner().invoke(app, f"{command} {small}".split())
    assert result.exit_code == 0, result.output
    folder = tmp_path / "reports" / "own" / "models"
    manifest = json.loads((folder / "autoencoder.json").read_text())
    assert manifest["start"] == released.manifest("autoencoder")
    trained = models.build("autoencoder", seed=1)
    load_weights(trained, folder / "autoencoder.safetensors")
    expected = models.load("autoencoder").get_weights()
    for weight, first in zip(trained.get_weights(), expected, strict=True):
        np.testing.assert_allclose(weight, first, rtol=0, atol=1e-20)


def test_denoising_needs_no_training_library(tmp_path):
    """TensorFlow and Keras take seconds to import; the 8-bit network comes with the package."""
    program = """
import sys
from casestudy.commands.main import app
try:
    app()
finally:
    print({"tensorflow", "keras", "jax"} & {*sys.modules})
"""
    source = load_pairs("phones")[0].noisy_path
    command = [sys.executable, "-c", program, "denoise", source, tmp_path / "denoised.png"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "set()" and (tmp_path / "denoised.png").is_file()
