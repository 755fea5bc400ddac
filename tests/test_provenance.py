"""What results are said to be made from."""

import pytest

import casestudy
from casestudy.provenance import hash_code, hash_reporting


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


def test_code_that_computes_and_code_that_shows_are_told_apart(package):
    computes, shows = hash_code(), hash_reporting()
    (package / "reporting" / "pages.py").write_text("two")
    assert hash_code() == computes and hash_reporting() != shows
    (package / "models").mkdir()
    (package / "models" / "new.py").write_text("two")
    assert hash_code() != computes
