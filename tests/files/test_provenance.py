"""What results are said to be made from."""

import subprocess

import pytest

import casestudy
from casestudy.files.provenance import commit, hash_code, hash_reporting

NAMED = ["-c", "user.name=Somebody", "-c", "user.email=somebody@example.org"]


@pytest.fixture
def package(tmp_path, monkeypatch):
    """A package of two modules, in a hidden folder, as that of an environment may be."""
    folder = tmp_path / ".venv" / "casestudy"
    (folder / "reporting").mkdir(parents=True)
    (folder / "__init__.py").write_text("one")
    (folder / "reporting" / "pages.py").write_text("one")
    monkeypatch.setattr(casestudy, "__file__", str(folder / "__init__.py"))
    return folder


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
@pytest.mark.parametrize("within", ["", "reporting"])
def test_what_programs_leave_is_no_code(package, within, name):
    before = hash_code(), hash_reporting()
    path = package / within / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("left by a program")
    assert (hash_code(), hash_reporting()) == before


def test_a_copy_in_the_environment_of_another_project_has_no_commit(package):
    """Git is asked in the package's folder, and that project ignores its environment."""
    (package.parents[1] / ".gitignore").write_text(".venv\n")
    for command in (["init", "-q"], ["add", "."], [*NAMED, "commit", "-q", "-m", "theirs"]):
        subprocess.run(["git", *command], cwd=package.parents[1], check=True)
    assert commit() is None
    for command in (["add", "-f", "."], [*NAMED, "commit", "-q", "-m", "ours"]):
        subprocess.run(["git", *command], cwd=package, check=True)
    assert len(commit()) == 40


def test_code_that_computes_and_code_that_shows_are_told_apart(package):
    computes, shows = hash_code(), hash_reporting()
    (package / "reporting" / "pages.py").write_text("two")
    assert hash_code() == computes and hash_reporting() != shows
    (package / "models").mkdir()
    (package / "models" / "new.py").write_text("two")
    assert hash_code() != computes
