"""Execute one notebook, and report which cell failed and why."""

import logging
import os
import re
import signal
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import BinaryIO

import papermill
from jupyter_client.kernelspec import NoSuchKernel
from jupyter_core.utils import run_sync
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, DeadKernelError
from nbformat import NotebookNode
from papermill.engines import Engine, papermill_engines
from tqdm import tqdm

from casestudy.commands.report.notebooks import Notebook
from casestudy.files.folders import cache_root, data_root

_START_ATTEMPTS = 2
_BAR = "      {bar:20} {n_fmt} of {total_fmt} cells, {elapsed}{postfix}"


class NotebookError(Exception):
    """A notebook did not run to its end; the message names cell and reason on one line.

    `content` is the notebook with its outputs up to the failure.
    """

    def __init__(self, message: str, content: NotebookNode, cell_id: str | None = None):
        super().__init__(message)
        self.content, self.cell_id = content, cell_id


def execute(notebook: Notebook, parameters: dict[str, object]) -> NotebookNode:
    """Execute a notebook by papermill, in a kernel of its own and in the notebook's folder.

    Returns the executed notebook. Raises NotebookError if a cell fails, or if the kernel dies or
    does not start.
    """
    return papermill.execute_notebook(
        notebook.source,
        None,
        parameters,
        engine_name="cell by cell",
        kernel_name="python3",
        notebook=notebook,
    )


class _CellByCell(Engine):
    """papermill's own engine marks cells that never ran as completed; this one stops there."""

    @classmethod
    def execute_notebook(
        cls, nb: NotebookNode, kernel_name: str, notebook: Notebook, **_options: object
    ) -> NotebookNode:
        _execute(notebook, nb)
        return nb


papermill_engines.register("cell by cell", _CellByCell)


def _execute(notebook: Notebook, content: NotebookNode) -> None:
    client = NotebookClient(
        content,
        kernel_name="python3",
        coalesce_streams=True,
        raise_on_iopub_timeout=True,  # rather than lose outputs that come late
        shutdown_kernel="immediate",
    )
    cells = [(i, cell) for i, cell in enumerate(content.cells) if _is_code(cell)]
    with ExitStack() as stack:
        log = stack.enter_context(tempfile.TemporaryFile())
        _start_kernel(client, notebook, log, stack)
        # Shown in a terminal only.
        bar = stack.enter_context(tqdm(cells, bar_format=_BAR, leave=False, disable=None))
        for position, cell in bar:
            place = _place(notebook, cell)
            if bar.disable and "injected-parameters" not in cell.metadata.tags:
                print(f"      {place}", file=sys.stderr, flush=True)
            try:
                with _moving(bar, cell):
                    client.execute_cell(cell, position)
            except (CellExecutionError, DeadKernelError) as error:
                reason = _reason(error, client, log)
                message = f"{notebook.stem}, {place}: {reason}"
                raise NotebookError(message, content, cell.id) from None
        client.shutdown_kernel = "graceful"


@contextmanager
def _moving(bar: tqdm, cell: NotebookNode) -> Iterator[None]:
    """While a cell runs, move the clock of a bar every second, and show what was printed last."""
    over = threading.Event()

    def move() -> None:
        while not over.wait(1):
            bar.set_postfix_str(_shortened(_last_printed(cell), 60))

    mover = threading.Thread(target=move, daemon=True)
    if not bar.disable:
        mover.start()
    try:
        yield
    finally:
        over.set()
        if not bar.disable:
            mover.join()
            bar.set_postfix_str("")


def _last_printed(cell: NotebookNode) -> str:
    texts = [output.text for output in list(cell.outputs) if output.output_type == "stream"]
    lines = re.split(r"[\r\n]+", texts[-1].strip()) if texts else [""]
    return lines[-1]


def _is_code(cell: NotebookNode) -> bool:
    return cell.cell_type == "code" and bool(cell.source.strip())


def _start_kernel(
    client: NotebookClient, notebook: Notebook, log: BinaryIO, stack: ExitStack
) -> None:
    """Start a kernel that answers, to be shut down by `stack`; only the start is tried twice."""
    options = {"cwd": str(notebook.path.parent), "env": _environment()}
    for _ in range(_START_ATTEMPTS):
        try:
            stack.enter_context(client.setup_kernel(**options, stdout=log, stderr=log))
            return
        except (RuntimeError, OSError, NoSuchKernel) as error:
            problem = _last_line(log) or str(error)
    raise NotebookError(
        f"{notebook.stem}: its Python kernel did not start, tried {_START_ATTEMPTS} times "
        f"({problem})",
        client.nb,
    )


def _environment() -> dict[str, str]:
    """Return the kernel's environment, in which folders do not depend on where it runs."""
    return os.environ | {
        "CASESTUDY_DATA": str(data_root()),
        "CASESTUDY_CACHE": str(cache_root()),
        # A parent's choice, such as Agg in a test, would leave the notebook without figures.
        "MPLBACKEND": "module://matplotlib_inline.backend_inline",
    }


def _place(notebook: Notebook, cell: NotebookNode) -> str:
    """Name a code cell as a person counts it: from 1, without the injected parameters."""
    ids = [own.id for own in notebook.source.cells if _is_code(own)]
    if cell.id not in ids:
        return "the injected parameters"
    lines = [line.strip() for line in cell.source.splitlines()]
    head = next((line for line in lines if line and not line.startswith("#")), lines[0])
    return f"cell {ids.index(cell.id) + 1} of {len(ids)} ({_shortened(head, 50)})"


def _reason(error: Exception, client: NotebookClient, log: BinaryIO) -> str:
    if isinstance(error, DeadKernelError):
        return _cause_of_death(client, log)
    reason = _first_line(f"{error.ename}: {error.evalue}")
    if error.ename == "SystemExit":
        reason += " (a cell must not call exit(): the cells after it never ran)"
    return reason


def _cause_of_death(client: NotebookClient, log: BinaryIO) -> str:
    code = run_sync(client.km.provisioner.wait)()
    if code == -signal.SIGKILL:
        return (
            "the kernel was killed (SIGKILL). Most often the machine ran out of memory: close "
            "other programs, or lower batch_size, crop_size or patch_size"
        )
    name = signal.Signals(-code).name if code < 0 else f"exit code {code}"
    last = _last_line(log)
    return f"the kernel died ({name})" + (f": {last}" if last else "")


def _last_line(log: BinaryIO) -> str:
    log.seek(0)
    lines = log.read().decode(errors="replace").strip().splitlines()
    return _first_line(lines[-1]) if lines else ""


def _first_line(text: str) -> str:
    """Return the first line, without colour codes."""
    return _shortened(re.sub(r"\x1b\[[0-9;]*m", "", text).strip().splitlines()[0], 300)


def _shortened(line: str, longest: int) -> str:
    return line if len(line) <= longest else f"{line[: longest - 1]}…"


# Their errors are reported here in words. After Ctrl-C, asyncio would report an abandoned task.
for _name in ("papermill", "asyncio"):
    logging.getLogger(_name).addHandler(logging.NullHandler())
