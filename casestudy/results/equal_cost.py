"""Networks trained on the same data for the same time: what page 11 shows.

`casestudy release NETWORK --recipe equal-cost` records a training in
`casestudy/models/equal_cost`, one for each seed.
"""

import itertools
import json
from collections.abc import Iterator
from pathlib import Path

import pandas as pd

from casestudy.models import NETWORKS, released
from casestudy.results.claims import FAILS, HOLDS, interval_over_scenes, verdict
from casestudy.results.shipped import NAMES, SHORT

SETS = (*NAMES, "sample")  # that these trainings are tested on
# Written by tests/benchmarks/test_later_networks.py.
COSTS = Path(__file__).with_name("equal_cost.costs.csv")
OPERATIONS = Path(__file__).with_name("equal_cost.operations.csv")
# dB on the validation blocks of SIDD, of the published networks whose slim variants are compared:
# the tables of their papers (NAFNet of width 32, Uformer-S, HINet of width 64).
PUBLISHED = {
    "hinet-slim": 39.99,
    "nafnet-slim": 39.97,
    "uformer-slim": 39.77,
    "mirnet-slim": 39.72,
    "ridnet-slim": 38.71,
}


def trainings() -> pd.DataFrame:
    """Return what was trained, one row per training.

    Returns
    -------
    DataFrame
        network, a name in `NETWORKS`; title; seed; parameters; learning_rate, the highest one;
        minutes; megapixels, all that it saw; val_psnr_db, its best validation PSNR.

    Raises
    ------
    CaseStudyError
        If a file is missing or altered.
    """
    rows = []
    for manifest, _ in _records():
        identity = manifest["identity"]
        rows.append(
            {
                "network": identity["network"],
                "title": NETWORKS[identity["network"]].title,
                "seed": identity["seed"],
                "parameters": manifest["parameters"],
                "learning_rate": identity["learning_rate"],
                "minutes": manifest["seconds"] / 60,
                "megapixels": manifest["megapixels"],
                "val_psnr_db": manifest["best"]["val_psnr_db"],
            }
        )
    return pd.DataFrame(rows)


def histories() -> pd.DataFrame:
    """Return the validation PSNR over the minutes of each training.

    Returns
    -------
    DataFrame
        One row per epoch: title, seed, minutes since the start, val_psnr_db. For errors see
        `trainings`.
    """
    tables = []
    for manifest, stem in _records():
        identity = manifest["identity"]
        history = pd.read_csv(released.checked(stem.with_name(f"{stem.name}.history.csv")))
        tables.append(
            pd.DataFrame(
                {
                    "title": NETWORKS[identity["network"]].title,
                    "seed": identity["seed"],
                    "minutes": history["seconds"].cumsum() / 60,
                    "val_psnr_db": history["val_psnr_db"],
                }
            )
        )
    return pd.concat(tables, ignore_index=True)


def scores() -> pd.DataFrame:
    """Return the scores on every image of `SETS`.

    Returns
    -------
    DataFrame
        network, title, seed, and the columns of `casestudy.results.shipped.COLUMNS` without
        method. For errors see `trainings`.
    """
    tables = []
    for manifest, stem in _records():
        network = manifest["identity"]["network"]
        table = pd.read_csv(released.checked(stem.with_name(f"{stem.name}.scores.csv")))
        table.insert(0, "network", network)
        table.insert(1, "title", NETWORKS[network].title)
        table.insert(2, "seed", manifest["identity"]["seed"])
        tables.append(table)
    return pd.concat(tables, ignore_index=True)


def gains(scores: pd.DataFrame) -> pd.DataFrame:
    """Return the mean gain in dB over the noisy images: a row per network, a column per set.

    The mean is over images, then over seeds. The best network on all sets together comes first.
    """
    table = _by_seed(scores).groupby("title").mean()
    return table.loc[table.mean(axis=1).sort_values(ascending=False).index]


def over_seeds(scores: pd.DataFrame) -> pd.DataFrame:
    """Return the standard deviation over seeds of the mean gain in dB, where there are several.

    A row per network, a column per set, and seeds, their number.
    """
    groups = _by_seed(scores).groupby("title")
    table = groups.std().assign(seeds=groups.size())
    return table[table["seeds"] > 1]


def ranking(scores: pd.DataFrame, seed: int = 0) -> pd.DataFrame:
    """Test on each set whether the networks rank as they do in their papers.

    Parameters
    ----------
    scores : DataFrame
        From `scores`.
    seed : int
        Decides the resamples.

    Returns
    -------
    DataFrame
        One row per pair of `PUBLISHED` and set: better and worse, their titles, as published;
        published_db, by how much; dataset; lead_db, by how much the first is ahead here; lead_low
        and lead_high, its 95 % bootstrap interval (see `casestudy.results.claims`); verdict,
        whether the first is also better here.
    """
    images = scores.groupby(["network", "dataset", "scene", "image"])["psnr_db"].mean()
    rows = []
    for better, worse in itertools.combinations(sorted(PUBLISHED, key=PUBLISHED.get)[::-1], 2):
        for name in SETS:
            lead = images[better][name] - images[worse][name]
            ahead = lead.rename("lead_db").reset_index()
            low, high = interval_over_scenes(ahead, "lead_db", seed)
            rows.append(
                {
                    "better": NETWORKS[better].title,
                    "worse": NETWORKS[worse].title,
                    "published_db": PUBLISHED[better] - PUBLISHED[worse],
                    "dataset": name,
                    "lead_db": ahead["lead_db"].mean(),
                    "lead_low": low,
                    "lead_high": high,
                    "verdict": verdict(low, high),
                }
            )
    return pd.DataFrame(rows)


def in_words(gains: pd.DataFrame, ranking: pd.DataFrame) -> str:
    """Return which network is best at equal cost, and how much of the ranking holds, as Markdown.

    Parameters
    ----------
    gains, ranking : DataFrame
        From the functions of these names.
    """
    first, second = gains.index[:2]
    lead = gains.loc[first].mean() - gains.loc[second].mean()
    by_set = ", ".join(f"{table.idxmax()} on {SHORT[name]}" for name, table in gains.items())
    verdicts = ranking.groupby(["better", "worse"])["verdict"].agg(set)
    kept, turned = ((verdicts == {found}).sum() for found in (HOLDS, FAILS))
    unclear = len(verdicts) - kept - turned
    return (
        f"Trained for the same time, **{first}** gains most on average over the {len(SETS)} test "
        f"sets, {lead:.2f} dB more than {second}. Best by set: {by_set}. Of the "
        f"{len(verdicts)} pairs of networks that their papers rank, {kept} have the same order "
        f"here on every set, and {turned} the opposite order on every set."
        + (f" Of {unclear}, it depends on the set or cannot be told." if unclear else "")
    )


def _by_seed(scores: pd.DataFrame) -> pd.DataFrame:
    """Return mean gains over images: a row per title and seed, a column per set."""
    # The squares of a large image count as one.
    images = scores.groupby(["title", "seed", "dataset", "image"])["gain_db"].mean()
    return images.groupby(["title", "seed", "dataset"]).mean().unstack("dataset")[list(SETS)]


def _records() -> Iterator[tuple[dict[str, object], Path]]:
    """Yield the manifest of each training, and its path without suffix."""
    for name in released.read_checksums(released.EQUAL_COST):
        if name.endswith(".json"):
            path = released.EQUAL_COST / name
            yield json.loads(released.checked(path).read_text()), path.with_suffix("")
