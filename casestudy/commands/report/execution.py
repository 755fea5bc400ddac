"""Execute one notebook, and report whether it really succeeded.

What papermill records does not prove success: after a killed kernel or a timeout it marks cells
that never ran as completed, and it takes `sys.exit(0)` in a cell for success. A notebook
has succeeded when nothing was raised, every code cell has a count, and no output is an error.
"""

import logging
import os
import re
import signal
import sys
from contextlib import suppress
from pathlib import Path

import nbformat
import papermill
from jupyter_client.kernelspec import NoSuchKernel
from jupyter_client.manager import AsyncKernelManager
from jupyter_core.utils import run_sync
from nbclient.exceptions import CellTimeoutError, DeadKernelError
from nbformat import NotebookNode
from papermill.exceptions import PapermillExecutionError

from casestudy.commands.report.notebooks import Notebook
from casestudy.files.folders import cache_root, data_root

_START_SECONDS = 60
_START_ATTEMPTS = 2
_BAR = {"bar_format": "      {bar:40} {n_fmt} of {total_fmt} cells, {elapsed}", "leave": False}


class NotebookError(Exception):
    """A notebook did not run to its end.

    Parameters
    ----------
    message : str
        Notebook, cell and what happened, on one line.
    cell_id : str or None
        The cell at fault.
    """

    def __init__(self, message: str, cell_id: str | None = None):
        super().__init__(message)
        self.cell_id = cell_id


def execute(
    notebook: Notebook,
    parameters: dict[str, object],
    output: Path,
    cell_timeout: float | None = None,
) -> None:
    """Execute a notebook in its own kernel, in the notebook's folder.

    Parameters
    ----------
    notebook : Notebook
    parameters : dict
        Values to inject; the notebook declares all of them.
    output : Path
        Where the executed notebook goes, complete or not.
    cell_timeout : float, optional
        Longest time for one cell, in seconds.

    Raises
    ------
    NotebookError
        If a cell fails, the kernel dies or does not start, or a cell takes too long.
    """
    log = output.with_suffix(".log")
    progress = _Progress(notebook)
    kernel = _start_kernel(notebook, log)
    finished = False
    try:
        papermill.execute_notebook(
            notebook.source,
            # papermill fills in {names} in paths
            str(output).replace("{", "{{").replace("}", "}}"),
            parameters,
            kernel_name="python3",
            progress_bar=_BAR if sys.stderr.isatty() else False,
            execution_timeout=cell_timeout,
            km=kernel,
            on_cell_execute=progress.begin,
            coalesce_streams=True,
        )
        finished = True
    except PapermillExecutionError:
        pass  # the executed notebook says which cell and why
    except CellTimeoutError:
        reason = f"the cell was still running after {cell_timeout:g} s, the limit for one cell"
        raise progress.error(reason) from None
    except DeadKernelError:
        raise progress.error(_cause_of_death(kernel, log)) from None
    finally:
        kernel.stop(now=not finished)
    _check(notebook, nbformat.read(output, as_version=4))


class _Progress:
    """Knows which code cell runs, and prints it where papermill shows no bar."""

    def __init__(self, notebook: Notebook):
        self.notebook = notebook
        self.cell: NotebookNode | None = None

    def begin(self, cell: NotebookNode, cell_index: int) -> None:
        self.cell = cell
        if not sys.stderr.isatty() and cell.id in {c.id for c in self.notebook.source.cells}:
            print(f"      {_place(self.notebook, cell)}", file=sys.stderr, flush=True)

    def error(self, reason: str) -> NotebookError:
        if self.cell is None:
            return NotebookError(f"{self.notebook.stem}: {reason}")
        place = _place(self.notebook, self.cell)
        return NotebookError(f"{self.notebook.stem}, {place}: {reason}", self.cell.id)


def _place(notebook: Notebook, cell: NotebookNode) -> str:
    """Name a code cell as a person counts it: from 1, without the injected parameters."""
    numbers = {c.id: number for number, c in enumerate(_code_cells(notebook.source), 1)}
    if cell.id not in numbers:
        return "the injected parameters"
    lines = [line.strip() for line in cell.source.splitlines()]
    head = next((line for line in lines if line and not line.startswith("#")), lines[0])
    head = head if len(head) <= 50 else head[:49] + "…"
    return f"cell {numbers[cell.id]} of {len(numbers)} ({head})"


def _code_cells(source: NotebookNode) -> list[NotebookNode]:
    return [cell for cell in source.cells if cell.cell_type == "code" and cell.source.strip()]


def _check(notebook: Notebook, executed: NotebookNode) -> None:
    for cell in _code_cells(executed):
        errors = [output for output in cell.outputs if output.output_type == "error"]
        if errors:
            reason = _plain(f"{errors[0].ename}: {errors[0].evalue}")
            if errors[0].ename == "SystemExit":
                reason += " (a cell must not call exit(): the cells after it never ran)"
        elif cell.execution_count is None:
            reason = "the cell never ran"
        else:
            continue
        raise NotebookError(f"{notebook.stem}, {_place(notebook, cell)}: {reason}", cell.id)


def _plain(text: str) -> str:
    """Shorten to a line without colour codes."""
    first = re.sub(r"\x1b\[[0-9;]*m", "", text).strip().splitlines()[0]
    return first if len(first) <= 300 else first[:299] + "…"


class _Kernel(AsyncKernelManager):
    """A kernel that knows its clients, because papermill does not close the one it makes."""

    def __init__(self):
        super().__init__(kernel_name="python3")
        self.clients = []

    def client(self, **options):
        self.clients.append(super().client(**options))
        return self.clients[-1]

    def stop(self, now: bool) -> None:
        for client in self.clients:
            client.stop_channels()
        # one that is already gone cannot be asked to leave
        with suppress(RuntimeError, OSError):
            run_sync(self.shutdown_kernel)(now=now)


def _start_kernel(notebook: Notebook, log: Path) -> _Kernel:
    """Return a kernel that answers; only its start gets a second try."""
    for _ in range(_START_ATTEMPTS):
        kernel = _Kernel()
        try:
            with log.open("wb") as stream:
                run_sync(kernel.start_kernel)(
                    cwd=str(notebook.path.parent), env=_environment(), stdout=stream, stderr=stream
                )
            client = kernel.client()
            client.start_channels()
            run_sync(client.wait_for_ready)(timeout=_START_SECONDS)
            return kernel
        except (RuntimeError, OSError, NoSuchKernel) as error:
            kernel.stop(now=True)
            problem = _last_line(log) or str(error)
        except BaseException:
            kernel.stop(now=True)
            raise
    raise NotebookError(
        f"{notebook.stem}: its Python kernel did not start, tried {_START_ATTEMPTS} times "
        f"({problem})"
    )


def _environment() -> dict[str, str]:
    """Return the kernel's environment: quiet libraries, and folders that ignore its cwd."""
    return os.environ | {
        "CASESTUDY_DATA": str(data_root()),
        "CASESTUDY_CACHE": str(cache_root()),
        # a parent's choice, such as Agg in a test, would leave the notebook without figures
        "MPLBACKEND": "module://matplotlib_inline.backend_inline",
        "PYTHONUNBUFFERED": "1",
        "TF_CPP_MIN_LOG_LEVEL": os.environ.get("TF_CPP_MIN_LOG_LEVEL", "2"),
    }


def _cause_of_death(kernel: _Kernel, log: Path) -> str:
    code = run_sync(kernel.provisioner.wait)()
    if code == -signal.SIGKILL:
        return (
            "the kernel was killed (SIGKILL). Most often the machine ran out of memory: close "
            "other programs, or lower batch_size, crop_size or patch_size"
        )
    name = signal.Signals(-code).name if code < 0 else f"exit code {code}"
    last = _last_line(log)
    return f"the kernel died ({name})" + (f": {last}" if last else "")


def _last_line(log: Path) -> str:
    lines = log.read_text(errors="replace").strip().splitlines() if log.is_file() else []
    return _plain(lines[-1]) if lines else ""


# their errors are reported here in words; after Ctrl-C asyncio would show an abandoned task's
for _name in ("papermill", "asyncio"):
    logging.getLogger(_name).addHandler(logging.NullHandler())
