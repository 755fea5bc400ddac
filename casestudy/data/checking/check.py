"""Open every pair of a dataset and list what is wrong with it."""

import pandas as pd
from tqdm import tqdm

from casestudy import CaseStudyError
from casestudy.data.catalogue import record
from casestudy.data.checking.soundness import judge
from casestudy.data.pairs import FilePair, Pair
from casestudy.files.photos import read_image


def check(dataset: str) -> tuple[pd.DataFrame, int]:
    """Open every pair of one dataset, with a progress bar.

    Parameters
    ----------
    dataset : str
        As for `load_pairs`, but files without a partner are findings, not an error.

    Returns
    -------
    findings : DataFrame
        One row per finding: dataset, pair (id, file without a partner, or dataset), kind ("no
        partner", "incomplete", "unreadable", "shape", "content", "brightness" or "shift"), and
        what to do.
    sound : int
        Number of pairs without any finding.

    Raises
    ------
    CaseStudyError
        If the dataset is not there at all, or its name is unknown.
    """
    known = record(dataset)
    pairs, rows, sound = [], [], 0
    for part in known.parts or [known]:
        found, lonely = part.find()
        pairs += found
        advice = "Add the other half of the pair, or remove this file."
        rows += [(dataset, str(path), "no partner", advice) for path in lonely]
        if advice := part.incomplete(found):
            rows.append((dataset, part.name, "incomplete", advice))
    for pair in tqdm(pairs, desc=f"Checking {dataset}", unit="pair"):
        findings = _judge_pair(pair)
        rows += [(dataset, pair.id, kind, advice) for kind, advice in findings]
        sound += not findings
    return pd.DataFrame(rows, columns=["dataset", "pair", "kind", "advice"]), sound


def _judge_pair(pair: Pair) -> list[tuple[str, str]]:
    """Return (kind, advice) for everything that is wrong with a pair."""
    try:
        noisy, clean = pair.load()
    except CaseStudyError as error:
        return _unreadable(pair) or [("shape", str(error))]
    return judge(noisy, clean)


def _unreadable(pair: Pair) -> list[tuple[str, str]]:
    found = []
    paths = (pair.noisy_path, pair.clean_path) if isinstance(pair, FilePair) else ()
    for path in dict.fromkeys(paths):  # both may be one file
        try:
            read_image(path)
        except CaseStudyError as error:
            found.append(("unreadable", str(error)))
    return found
