"""Execute the notebooks in order, and turn them into pages to read: one call at a time per run."""

import ast
import shutil
import signal
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from casestudy import CaseStudyError
from casestudy.commands.report.notebooks import (
    MODELS,
    Notebook,
    choose,
    find_notebooks,
    notebook_files,
    with_needs,
)
from casestudy.data.catalogue import load_pairs
from casestudy.data.settings import check_parameters
from casestudy.files.folders import absolute, project_root, reports_root, run_name
from casestudy.files.provenance import hash_text
from casestudy.files.writing import only_writer
from casestudy.training.settings import Parameters


def report(
    dataset: str = "sample",
    run: str | None = None,
    only: Sequence[str] = (),
    parameters: Mapping[str, object] | None = None,
    force: bool = False,
    notebooks: Path | None = None,
    reports: Path | None = None,
) -> Path:
    """Execute the notebooks that are not up to date; write their pages and an index.

    Parameters
    ----------
    dataset, run, only, parameters, force
        Options of the command `casestudy report`; `parameters` by name.
    notebooks, reports : Path, optional
        Folders other than the project's.

    Returns
    -------
    Path
        The index page, `<reports>/<run>/index.html`.

    Raises
    ------
    CaseStudyError
        If an argument or the dataset is wrong (then no kernel has started), if another call is at
        work in the run folder, if the folder cannot be written, or if a notebook failed.
    """
    dataset = absolute(dataset)
    folder = (reports or reports_root()).resolve() / run_name(dataset, run)
    files = notebook_files((notebooks or project_root() / "notebooks").resolve())
    chosen = choose(files, only)
    values = _checked(dataset, parameters or {})
    data_hash = hash_text(dataset, *(pair.fingerprint() for pair in load_pairs(dataset)))
    # Imported after these checks: papermill and nbformat take seconds to import.
    from casestudy.commands.report.batch import Batch
    from casestudy.data.experiment import refuse_unusable
    from casestudy.results.comparison import load_scores, runs_beside

    found = find_notebooks(files)
    plan = with_needs(found, chosen)
    planned = [found[stem] for stem in plan]
    _check_declared(values, planned)
    for other in set(runs_beside(folder, values.get("beside", "")).values()) - {folder}:
        load_scores(other)
    # Those that only look at the data also run on pairs that are to test on.
    if any("max_test_patches" in notebook.parameters for notebook in planned):
        refuse_unusable(dataset, **values)
    with only_writer(folder, "Put this right"), _ended_by_sigterm():
        _refuse_results_of_another(folder, dataset)
        _remove_leftovers(folder)
        batch = Batch(folder, dataset, data_hash, values, found, plan)
        try:
            batch.run(chosen if force else [])
        finally:
            index = batch.write_index()
    if batch.failures:
        raise CaseStudyError(batch.summary())
    print(index)
    return index


@contextmanager
def _ended_by_sigterm() -> Iterator[None]:
    """Let SIGTERM unwind the stack as Ctrl-C does, so that the kernel is stopped on the way."""
    before = signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _remove_leftovers(folder: Path) -> None:
    """Remove what a killed call left unfinished, but for trainings, which may be running."""
    for path in list(folder.rglob(".*-????????")):
        if path.is_dir() and path.parent != folder / MODELS:
            shutil.rmtree(path)


def _refuse_results_of_another(folder: Path, dataset: str) -> None:
    """Refuse to mix results: two folders of pairs with the same last name would share a run."""
    # Imported here for a fast start-up.
    from casestudy.data.patches import read_table

    file = folder / "scores" / "noisy.csv"
    if file.exists() and (theirs := read_table(file)["dataset"].iloc[0]) != dataset:
        raise CaseStudyError(
            f"{folder} holds results of {theirs}. Choose another name with --run, or delete it."
        )


def _checked(dataset: str, parameters: Mapping[str, object]) -> dict[str, object]:
    """Return the parameters in their types."""
    for name, option in {"dataset": "--dataset", "run_folder": "--run"}.items():
        if name in parameters:
            raise CaseStudyError(f"{name} is set by {option}, not by -p.")
    check_parameters({"dataset": dataset})
    return check_parameters(parameters, Parameters)


def _check_declared(values: Mapping[str, object], planned: list[Notebook]) -> None:
    """Check the parameters together with those that notebooks declare."""
    known = {name for notebook in planned for name in notebook.parameters}
    if unknown := sorted(values.keys() - known):
        raise CaseStudyError(
            f"{', '.join(unknown)} is not a parameter of "
            f"{', '.join(notebook.stem for notebook in planned)}. "
            f"Known there: {', '.join(sorted(known - {'dataset', 'run_folder'}))}."
        )
    for notebook in planned:
        declared = {
            name: values.get(name, ast.literal_eval(default))
            for name, default in notebook.parameters.items()
            if name in Parameters.model_fields
        }
        try:
            check_parameters(declared, Parameters)
        except CaseStudyError as error:
            raise CaseStudyError(f"{notebook.stem}: {error}") from None
