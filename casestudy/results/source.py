"""The package's own source code, as notebooks and their pages show it."""

import ast
import html
import inspect
from collections.abc import Callable, Iterable
from pathlib import Path

from IPython.display import HTML
from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexers import PythonLexer

from casestudy.files.folders import project_root

FOLDED = 25  # lines; what is longer is folded


def show_source(*functions: Callable) -> HTML:
    """Return the highlighted source code of functions of one module, in the order given.

    Of a docstring, the first line is kept. The classes of the highlighting are those of Pygments,
    which pages of reports and JupyterLab style, in light and in dark.

    Parameters
    ----------
    *functions : callable
        Functions or classes. One of more than 25 lines is folded under a line that names it.
    """
    file = Path(inspect.getsourcefile(functions[0])).relative_to(project_root()).as_posix()
    parts = [f'<p class="caption">{html.escape(file)}</p>']
    short: list[str] = []
    for function in functions:
        code = shortened_source(function)
        lines = code.count("\n")
        if lines <= FOLDED:
            short.append(code)
            continue
        parts += _highlighted(short)
        short = []
        summary = f"<summary><code>{function.__name__}</code>: {lines} lines of code</summary>"
        parts.append(f"<details>{summary}{''.join(_highlighted([code]))}</details>")
    parts += _highlighted(short)
    return HTML(f'<div class="source">{"".join(parts)}</div>')


def shortened_source(function: Callable) -> str:
    """Return the source code of a function or class, with the first line of its docstring only."""
    source = inspect.getsource(function)
    lines = source.splitlines()
    (definition,) = ast.parse(source).body
    if ast.get_docstring(definition):
        docstring = definition.body[0]
        first, last = docstring.lineno - 1, docstring.end_lineno
        if last - first > 1:
            lines[first:last] = [f'{lines[first].rstrip()}"""']
    return "\n".join(lines) + "\n"


def _highlighted(codes: Iterable[str]) -> list[str]:
    """Return one highlighted block for several pieces of code, or nothing for none."""
    code = "\n\n".join(codes)
    return [highlight(code, PythonLexer(), HtmlFormatter())] if code else []
