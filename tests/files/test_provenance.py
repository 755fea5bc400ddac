"""What results are said to be made from."""

import shutil
import subprocess
from pathlib import Path

import pytest

import casestudy
from casestudy.commands.report.markers import hash_study
from casestudy.denoising.litert import conversion
from casestudy.files.provenance import commit, hash_rooms

NAMED = ["-c", "user.name=Somebody", "-c", "user.email=somebody@example.org"]


@pytest.fixture
def package(tmp_path, monkeypatch):
    """A copy of the package, in a hidden folder, as that of an environment may be."""
    folder = tmp_path / ".venv" / "casestudy"
    ignored = shutil.ignore_patterns("__pycache__", "*.safetensors", "*.tflite", "*.webp")
    shutil.copytree(Path(casestudy.__file__).parent, folder, ignore=ignored)
    monkeypatch.setattr(casestudy, "__file__", str(folder / "__init__.py"))
    monkeypatch.setenv("CASESTUDY_CACHE", str(tmp_path))
    return folder


def keys():
    """Return what decides if a converted network, a notebook and a page are made again."""
    return conversion("litert", "ridnet", "int8"), hash_study(), hash_rooms("commands/report")


def touched(path):
    before = keys()
    with path.open("a") as file:
        file.write("\n")
    return tuple(a != b for a, b in zip(before, keys(), strict=True))


@pytest.mark.parametrize(
    "name",
    [
        ".DS_Store",
        ".nlm.py.swp",
        ".ipynb_checkpoints/nlm-checkpoint.py",
        "models/.DS_Store",
        "__pycache__/nlm.cpython-311.pyc",
    ],
)
@pytest.mark.parametrize("within", ["denoising", "commands/report"])
def test_what_programs_leave_is_no_code(package, within, name):
    before = keys()
    path = package / within / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("left by a program")
    assert keys() == before


def test_a_copy_in_the_environment_of_another_project_has_no_commit(package):
    """Git is asked in the package's folder, and that project ignores its environment."""
    (package.parents[1] / ".gitignore").write_text(".venv\n")
    for command in (["init", "-q"], ["add", "."], [*NAMED, "commit", "-q", "-m", "theirs"]):
        subprocess.run(["git", *command], cwd=package.parents[1], check=True)
    assert commit() is None
    for command in (["add", "-f", "."], [*NAMED, "commit", "-q", "-m", "ours"]):
        subprocess.run(["git", *command], cwd=package, check=True)
    assert len(commit()) == 40


@pytest.mark.parametrize(
    ("file", "outdated"),  # converted networks, notebooks, pages
    [
        ("results/plots.py", (False, False, False)),
        ("results/images.py", (False, False, False)),
        ("results/slider.html.j2", (False, False, False)),
        ("commands/main.py", (False, False, False)),
        ("commands/web_app/page.py", (False, False, False)),
        ("models/released/ridnet.md", (False, False, False)),
        ("models/released/SHA256SUMS", (False, False, False)),
        ("models/equal_cost/hinet-slim.0.md", (False, False, False)),
        ("models/equal_cost/hinet-slim.0.scores.csv", (False, True, False)),
        ("commands/report/pages.py", (False, False, True)),
        ("results/metrics.py", (False, True, False)),
        ("training/loop.py", (False, True, False)),
        ("models/released/cbdnet.safetensors", (False, True, False)),
        ("models/released/cbdnet.scores.csv", (False, True, False)),
        ("files/photos.py", (True, True, False)),
        ("data/sets/sample.py", (True, True, False)),
        ("models/ridnet.py", (True, True, False)),
        ("denoising/tiles.py", (True, True, False)),
        ("denoising/convert.py", (True, True, False)),
    ],
)
def test_what_is_made_again_when_a_file_changes(package, file, outdated):
    if not file.endswith(".safetensors") and "equal_cost" not in file:
        assert (package / file).is_file()
    (package / file).parent.mkdir(exist_ok=True)
    assert touched(package / file) == outdated


def test_a_new_network_outdates_converted_networks_and_notebooks(package):
    assert touched(package / "models" / "new.py") == (True, True, False)
