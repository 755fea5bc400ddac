"""The files at the root agree with each other, and notebooks keep to their form."""

import ast
import re
import subprocess
import sys
import tomllib
from itertools import chain
from pathlib import Path

import nbformat
import papermill
import pytest

from casestudy import __version__
from casestudy.data.settings import check_parameters
from casestudy.files.folders import project_root
from casestudy.training.settings import Parameters

ROOT = project_root()
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
MODULES = sorted((ROOT / "casestudy").rglob("*.py"))


def requirement_name(requirement: str) -> str:
    return re.match(r"[A-Za-z0-9_-]+", requirement)[0].lower()


def test_conda_environment_names_the_same_packages():
    lines = (ROOT / "environment.yml").read_text().splitlines()
    listed = [
        line.split("- ", 1)[1].split(" #")[0] for line in lines if line.startswith("      -")
    ]
    editable = listed.pop()
    assert editable == f"--editable .[{','.join(PROJECT['optional-dependencies'])}]"
    assert listed == PROJECT["dependencies"]
    assert f"  - python{PROJECT['requires-python']}" in lines


def test_locks_hold_every_package_with_a_hash_and_no_address():
    """`make install` needs no tools; those of `make test` are added in the same versions."""
    extras = PROJECT["optional-dependencies"]
    needed = [*PROJECT["dependencies"], *extras["app"]]
    found = []
    for name, wanted in {
        "requirements": needed,
        "requirements-dev": chain(needed, *extras.values()),
    }.items():
        text = (ROOT / f"{name}.lock").read_text()
        locked = set(re.findall(r"^([A-Za-z0-9_.-]+)==([^ \\]+)", text, flags=re.M))
        assert {requirement_name(requirement) for requirement in wanted} <= {k for k, _ in locked}
        assert all("--hash=sha256:" in entry for entry in re.split(r"\n(?=\S)", text.strip()))
        assert "://" not in text
        found.append(locked)
    assert found[0] < found[1]
    assert not {"jax", "nncf", "playwright", "pytest"} & {package for package, _ in found[0]}


def test_versions_agree():
    assert PROJECT["version"] == __version__
    assert f"version: {__version__}" in (ROOT / "CITATION.cff").read_text()


@pytest.mark.parametrize("module", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_only_conversion_may_import_tensorflow(module):
    """So that the package runs under any Keras backend; what backends do not share is asked for
    inside functions of devices.py."""
    if module.name == "convert.py":
        return
    tree = ast.parse(module.read_text())
    imported = set()
    for node in tree.body if module.name == "devices.py" else ast.walk(tree):
        if isinstance(node, ast.Import):
            imported |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            imported.add((node.module or "").split(".")[0])
    assert not imported & {"tensorflow", "jax", "torch", "tf_keras"}


def test_a_scene_opens_without_a_display():
    """OpenCV's desktop build fails to import where no display libraries are installed."""
    program = "import cv2; print('GUI:' in cv2.getBuildInformation(), cv2.getBuildInformation())"
    output = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    ).stdout
    assert re.search(r"GUI:\s+NONE", output)


def parameters_cell(notebook: Path):
    cells = nbformat.read(notebook, as_version=4).cells
    tagged = [c for c in cells if "parameters" in c.metadata.get("tags", [])]
    assert len(tagged) == 1
    return tagged[0].source


def code_lines(cell) -> list[str]:
    return [line for line in cell.source.splitlines() if line.strip()]


def test_no_two_notebooks_share_six_lines_of_code():
    """Imports and parameters apart."""
    runs = {}
    for notebook in NOTEBOOKS:
        cells = [c for c in nbformat.read(notebook, as_version=4).cells if c.cell_type == "code"]
        tagged = ["parameters" in c.metadata.get("tags", []) for c in cells]
        lines = list(chain(*map(code_lines, cells[tagged.index(True) + 1 :])))
        for run in {tuple(lines[i : i + 6]) for i in range(len(lines) - 5)}:
            runs.setdefault(run, []).append(notebook.stem)
    assert not {run: shared for run, shared in runs.items() if len(shared) > 1}


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda path: path.stem)
class TestNotebookForm:
    def test_parameters_are_known_flat_literals_with_a_comment(self, notebook):
        for line in parameters_cell(notebook).splitlines():
            assert re.fullmatch(r"\w+: (str|int|float|bool) = \S+  # .+", line)
        declared = papermill.inspect_notebook(str(notebook))
        assert set(declared) <= set(Parameters.model_fields)
        defaults = {name: ast.literal_eval(p["default"]) for name, p in declared.items()}
        check_parameters(defaults, Parameters)

    def test_no_output_is_stored(self, notebook):
        cells = [c for c in nbformat.read(notebook, as_version=4).cells if c.cell_type == "code"]
        assert not any(cell.outputs or cell.execution_count for cell in cells)

    def test_cells_are_few_and_short_and_define_nothing(self, notebook):
        cells = [c for c in nbformat.read(notebook, as_version=4).cells if c.cell_type == "code"]
        cells = [c for c in cells if "answer" not in c.metadata.get("tags", [])]
        lengths = sorted(len(cell.source.splitlines()) for cell in cells)
        assert lengths[-1] <= 20 and lengths[len(lengths) // 2] <= 8
        # A network's page also shows its source, in a cell per idea.
        most = 21 if any("show_source(" in cell.source for cell in cells) else 15
        assert len(cells) <= most and len(list(chain(*map(code_lines, cells)))) <= 90
        for cell in cells:
            nodes = ast.walk(ast.parse(cell.source))
            assert not any(isinstance(n, ast.FunctionDef | ast.ClassDef) for n in nodes)

    def test_first_and_last_cells_are_prose(self, notebook):
        cells = nbformat.read(notebook, as_version=4).cells
        assert re.match(r"# \d+\. ", cells[0].source) and "**Question.**" in cells[0].source
        opening = "".join(cell.source for cell in cells[:3])  # around the answer
        assert re.search(r"\]\(https://(doi|arxiv)\.org/", opening)  # the paper
        prose = [cell.source for cell in cells if cell.cell_type == "markdown"]
        headings = re.findall(r"^## .+$", "\n".join(prose), re.MULTILINE)
        assert headings[-1] == "## What to take along" and cells[-1].cell_type == "markdown"


def test_readme_shows_the_scores_and_times_of_this_repository():
    command = [sys.executable, "-m", "cogapp", "--check", "--diff", "README.md"]
    checked = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert checked.returncode == 0, checked.stdout + checked.stderr


@pytest.mark.parametrize("page", ["README.md", *(f"docs/{p.name}" for p in ROOT.glob("docs/*"))])
def test_links_between_pages_lead_somewhere(page):
    links = re.findall(r"\]\(([^)#]+)", (ROOT / page).read_text())
    local = [link for link in links if not link.startswith("http")]
    assert all((ROOT / page).parent.joinpath(link).exists() for link in local), local


def test_reference_reports_are_small():
    reference = ROOT / "reports" / "reference"
    tracked = [
        *reference.glob("*.html"),
        *reference.glob("*.csv"),
        *(reference / "figures").iterdir(),
    ]
    assert sum(f.stat().st_size for f in tracked) < 8e6
