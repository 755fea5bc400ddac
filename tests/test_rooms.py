"""Imports go down only: a room may use the rooms below it, and nothing else."""

import ast
import subprocess
import sys
from graphlib import CycleError, TopologicalSorter

import pytest

from casestudy.files.folders import project_root

PACKAGE = project_root() / "casestudy"
FLOORS = [["files"], ["data", "models"], ["training", "denoising"], ["results"], ["commands"]]
FLOOR = {room: level for level, rooms in enumerate(FLOORS) for room in rooms}
MODULES = {
    ".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts): path
    for path in sorted(PACKAGE.rglob("*.py"))
}
MODULES = {name.removesuffix(".__init__"): path for name, path in MODULES.items()}


def imports(module: str) -> list[tuple[str, ast.stmt]]:
    """Return the modules of the package that a module imports, with the statements that do."""
    found = []
    for node in ast.walk(ast.parse(MODULES[module].read_text())):
        names = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        for name in names:
            name = name if name in MODULES else name.rpartition(".")[0]
            if name in MODULES and name not in ("casestudy", module):
                found.append((name, node))
    return found


def room(module: str) -> str:
    return module.split(".")[1]


def test_the_package_is_seven_rooms():
    assert {path.name for path in PACKAGE.iterdir() if path.name != "__pycache__"} == {
        "__init__.py",
        *FLOOR,
    }


@pytest.mark.parametrize("module", sorted(MODULES.keys() - {"casestudy"}))
class TestImports:
    def test_go_down_only(self, module):
        for imported, _ in imports(module):
            assert room(imported) == room(module) or FLOOR[room(imported)] < FLOOR[room(module)]

    def test_are_hidden_in_functions_for_start_up_time_only(self, module):
        source = MODULES[module].read_text()
        lines, tree = source.splitlines(), ast.parse(source)
        for function in (n for n in ast.walk(tree) if isinstance(n, ast.FunctionDef)):
            hidden = [node for _, node in imports(module) if node.lineno in span(function)]
            if hidden:
                first = min(node.lineno for node in hidden)
                above = "".join(lines[function.lineno : first])
                assert "start-up" in above or "seconds to import" in above


def span(node: ast.stmt) -> range:
    return range(node.lineno, node.end_lineno + 1)


def test_no_module_imports_itself_by_way_of_others():
    graph = {module: {name for name, _ in imports(module)} for module in MODULES}
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        pytest.fail(" imports ".join(reversed(error.args[1])))


def test_denoising_loads_what_denoising_needs():
    """Neither tables, nor metrics, nor datasets: a photograph is denoised without them."""
    program = "import casestudy.denoising, sys\n"
    program += "from casestudy.denoising import methods, photographs, tiles\nprint(*sys.modules)"
    output = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    loaded = set(output.stdout.split())
    assert "casestudy.denoising.tiles" in loaded, output.stderr
    assert not loaded & {"pandas", "skimage", "keras", "tensorflow"}
    assert not any(name.startswith("casestudy.data") for name in loaded)
