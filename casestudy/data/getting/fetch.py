"""Download datasets, or add them from archives, and list what is there."""

from collections.abc import Sequence
from importlib import import_module
from pathlib import Path

import pandas as pd

from casestudy import CaseStudyError
from casestudy.data.catalogue import DATASETS, record
from casestudy.files.folders import data_root
from casestudy.files.writing import only_writer

REMEDY = "Free some space, or set CASESTUDY_DATA to a folder you may write to"


def fetch(dataset: str) -> Path | None:
    """Download a dataset into the data root, with a progress bar.

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
            f"{dataset!r} cannot be fetched. `casestudy data fetch` knows: {names} "
            f"(built in: {built_in}); `casestudy data list` shows the others."
        )
    module, function = known.fetch.split(":")
    return getattr(import_module(module), function)()


def add(dataset: str, archives: Sequence[Path]) -> Path:
    """Verify archives and unpack them into the data root; they stay where they are.

    SIDD's archives must have the published size and checksums, RENOIR's the published layout.
    After an interruption the same call resumes.

    Returns
    -------
    Path
        The dataset's folder.

    Raises
    ------
    CaseStudyError
        If the dataset does not come as archives; if one is not there or not the right one, or
        cannot be unpacked without harm (see `archives`); if the disk has too little space or
        cannot be written to.
    """
    functions = {name: each.add for name, each in DATASETS.items() if each.add}
    if dataset not in functions:
        raise CaseStudyError(
            f"{dataset!r} does not come as archives. `casestudy data add` knows: "
            f"{', '.join(functions)}; `casestudy data list` shows how to get the others."
        )
    if missing := [archive for archive in archives if not archive.is_file()]:
        raise CaseStudyError(f"{missing[0]} is not there. Give the name of a file you downloaded.")
    folder = data_root() / dataset
    with only_writer(folder, REMEDY):
        for archive in archives:
            functions[dataset](archive, folder)
    return folder


def availability() -> pd.DataFrame:
    """Return which datasets are there, and how to get the others.

    Returns
    -------
    DataFrame
        One row per dataset: dataset, what, pairs (0 where it is missing or incomplete), where,
        terms, get.
    """
    rows = []
    for each in (*DATASETS.values(), record("folder:PATH")):
        try:
            pairs = each.load()
        except CaseStudyError:
            pairs = []
        where = each.where(pairs) if pairs else ""
        rows.append((each.name, each.summary, len(pairs), where, each.terms, each.get))
    return pd.DataFrame(rows, columns=["dataset", "what", "pairs", "where", "terms", "get"])
