"""Open every pair of a dataset and list what is wrong with it."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from tqdm import tqdm

from casestudy import CaseStudyError
from casestudy.data.catalogue import record
from casestudy.data.checking.soundness import fine_detail, judge
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
        partner", "incomplete", "unreadable", "shape", "identical", "black", "content",
        "brightness", "shift" or "exchanged"), and what to do.
    sound : int
        Number of pairs without any finding.

    Raises
    ------
    CaseStudyError
        If the dataset is not there at all, or its name is unknown.
    """
    known = record(dataset)
    pairs, rows, sound, exchanged = [], [], 0, []
    for part in known.parts or [known]:
        found, lonely = part.find()
        pairs += found
        rows += [
            (dataset, str(path), "no partner", _find_partner(path, lonely)) for path in lonely
        ]
        if advice := part.incomplete(found):
            rows.append((dataset, part.name, "incomplete", advice))
    for pair in tqdm(pairs, desc=f"Checking {dataset}", unit="pair", disable=None):
        findings, more_noise_in_clean = _judge_pair(pair)
        rows += [(dataset, pair.id, kind, advice) for kind, advice in findings]
        sound += not findings
        exchanged.append(more_noise_in_clean)
    if exchanged and all(exchanged):  # of one pair, the camera may have smoothed the noisy image
        advice = "In every pair the clean image has more noise. Exchange the two folders."
        rows.append((dataset, known.name, "exchanged", advice))
    return pd.DataFrame(rows, columns=["dataset", "pair", "kind", "advice"]), sound


def _find_partner(path: Path, lonely: Sequence[Path]) -> str:
    """Return what to do about a file without a partner."""
    alike = [
        other
        for other in lonely
        if other.parent != path.parent and other.stem.lower() == path.stem.lower()
    ]
    if alike:
        return f"Give it the very name of {alike[0]}, suffix and case included."
    return "Add the other half of the pair, or remove this file."


def _judge_pair(pair: Pair) -> tuple[list[tuple[str, str]], bool]:
    """Return (kind, advice) for all that is wrong, and whether the clean image has more noise."""
    try:
        noisy, clean = pair.load()
    except CaseStudyError as error:
        return _unreadable(pair) or [("shape", str(error))], False
    if max(noisy.mean(), clean.mean()) < 1:
        return [("black", "Nothing is to be seen in either image. Leave the pair out.")], False
    # A clean photograph by itself, as both images of a pair, is no mistake.
    two_files = isinstance(pair, FilePair) and pair.noisy_path != pair.clean_path
    if two_files and np.array_equal(noisy, clean):
        return [("identical", "Noisy and clean image are the same. Leave the pair out.")], False
    return judge(noisy, clean), fine_detail(clean) > fine_detail(noisy)


def _unreadable(pair: Pair) -> list[tuple[str, str]]:
    found = []
    paths = (pair.noisy_path, pair.clean_path) if isinstance(pair, FilePair) else ()
    for path in dict.fromkeys(paths):  # both may be one file
        try:
            read_image(path)
        except CaseStudyError as error:
            found.append(("unreadable", str(error)))
    return found
