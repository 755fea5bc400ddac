import subprocess
import sys
from pathlib import Path

import pytest


def casestudy(*arguments, **options):
    command = [Path(sys.executable).with_name("casestudy"), *arguments]
    return subprocess.run(command, capture_output=True, text=True, **options)


@pytest.mark.parametrize(
    "command", [(), ("report",), ("data",), ("data", "list"), ("data", "fetch"), ("data", "check")]
)
def test_help_is_there_for_every_command(command):
    result = casestudy(*command, "--help")
    assert result.returncode == 0 and "Usage" in result.stdout


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("report", "--dataset", "nonesuch"), "sample"),
        (("report", "-p", "epochs=-1"), "epochs"),
        (("report", "-p", "epoch=3"), "epochs"),
        (("report", "-p", "epochs"), "name=value"),
        (("report", "--only", "99"), "01_eda"),
        (("data", "check", "folder:/nowhere"), "/nowhere"),
    ],
)
def test_a_wrong_argument_is_one_message_and_exit_code_1(arguments, message, tmp_path):
    result = casestudy(*arguments, cwd=tmp_path)
    assert result.returncode == 1
    assert message in result.stderr and "Traceback" not in result.stderr


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
