"""Download datasets, and list what is there."""

from importlib import import_module
from pathlib import Path

import pandas as pd

from casestudy import CaseStudyError
from casestudy.data.catalogue import DATASETS, record


def fetch(dataset: str) -> Path | None:
    """Download a dataset into the data root, with a progress bar.

    Parameters
    ----------
    dataset : str
        A name in `DATASETS`.

    Returns
    -------
    Path or None
        The folder that holds the files; None where there is nothing to download.

    Raises
    ------
    CaseStudyError
        If the dataset is unknown or cannot be downloaded by a program, or a file cannot be
        fetched, differs from the published one, or cannot be stored.
    """
    known = DATASETS.get(dataset)
    if known and not known.get:
        return None
    if known and known.steps:
        raise CaseStudyError(known.steps)
    if not known or not known.fetch:
        names = ", ".join(name for name, each in DATASETS.items() if each.fetch)
        built_in = ", ".join(name for name, each in DATASETS.items() if not each.get)
        raise CaseStudyError(
            f"{dataset!r} cannot be fetched. `casestudy data fetch` knows: {names} (and "
            f"{built_in}, which needs no download); `casestudy data list` shows the others."
        )
    function = known.fetch
    if isinstance(function, str):
        module, _, function_name = function.partition(":")
        function = getattr(import_module(module), function_name)
    return function()


def availability() -> pd.DataFrame:
    """Return for every dataset what it is, whether it is there, and how to get it.

    Returns
    -------
    DataFrame
        Columns dataset, what, pairs (0 where it is missing or incomplete), where, terms, get.
    """
    rows = []
    for known in (*DATASETS.values(), record("folder:PATH")):
        try:
            pairs = known.load()
        except CaseStudyError:
            pairs = []
        rows.append(
            {
                "dataset": known.name,
                "what": known.summary,
                "pairs": len(pairs),
                "where": known.where(pairs) if pairs else "",
                "terms": known.terms,
                "get": known.get,
            }
        )
    return pd.DataFrame(rows)
