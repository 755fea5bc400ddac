"""Where a clone is taken to be, and what is said where there is none."""

import pytest

from casestudy import CaseStudyError
from casestudy.files import folders
from casestudy.files.folders import cache_root, data_root, project_root


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A project with notebooks in which an installed copy of the package is used."""
    project = tmp_path / "project"
    (project / "notebooks" / "below").mkdir(parents=True)
    (project / "pyproject.toml").write_text('[project]\nname = "casestudy"\n')
    site_packages = tmp_path / "site-packages" / "casestudy" / "paths.py"
    monkeypatch.setattr(folders, "__file__", str(site_packages))
    monkeypatch.chdir(project / "notebooks" / "below")
    for variable in ("CASESTUDY_DATA", "CASESTUDY_CACHE"):
        monkeypatch.delenv(variable, raising=False)
    return project


def test_a_clone_is_found_from_within(project):
    assert project_root() == project
    assert data_root() == project / "data"


@pytest.mark.parametrize(
    "content",
    [b'[project]\nname = "other"\n', b"[tool.ruff]\n", b"no toml", b"\xff\xfe", None],
)
def test_another_project_is_none(project, content):
    (project / "pyproject.toml").unlink()
    if content is not None:
        (project / "pyproject.toml").write_bytes(content)
    with pytest.raises(CaseStudyError, match=r"inside a clone of the repository\.$"):
        project_root()


def test_without_a_clone_a_folder_may_be_named(project, tmp_path, monkeypatch):
    (project / "pyproject.toml").unlink()
    with pytest.raises(CaseStudyError, match=r"a clone .* Or name a folder in CASESTUDY_DATA"):
        data_root()
    assert cache_root().name == "casestudy"
    monkeypatch.setenv("CASESTUDY_DATA", str(tmp_path))
    assert data_root() == tmp_path
