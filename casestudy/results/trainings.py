"""Trainings in several run folders, in one table."""

import json
from collections.abc import Mapping
from pathlib import Path

import pandas as pd

from casestudy import CaseStudyError
from casestudy.models import NETWORKS
from casestudy.results.comparison import file_name, load_scores
from casestudy.results.run import TRAINED_HERE

SCORES = ["val_psnr_db", "psnr_db", "gain_db"]


def trainings(runs: Mapping[str, Path]) -> pd.DataFrame:
    """Return every finished training of some runs, and its scores.

    Parameters
    ----------
    runs : mapping of str to Path
        Run folders by name.

    Returns
    -------
    DataFrame
        One row per training: run, network, the settings that are not the same in all rows, and
        `SCORES` in dB: the best validation PSNR, and the mean PSNR and gain on the test patches,
        which are missing where no notebook has scored the network.

    Raises
    ------
    CaseStudyError
        If a run has no finished training, or its scores do not fit together; see `load_scores`.
    """
    rows = [row for run, folder in runs.items() for row in _rows(run, folder)]
    table = pd.DataFrame(rows)
    settings = table.drop(columns=["run", "network", *SCORES])
    alike = [name for name in settings if settings[name].astype(str).nunique() == 1]
    return table.drop(columns=alike)


def over_seeds(table: pd.DataFrame) -> pd.DataFrame:
    """Return mean and standard deviation over the trainings that differ by their seed alone.

    Parameters
    ----------
    table : DataFrame
        From `trainings`.

    Returns
    -------
    DataFrame
        By network and the settings that differ besides the seed: seeds (their number), and mean
        and standard deviation (with n - 1) of each of `SCORES`. Empty if no two trainings differ
        by their seed alone.
    """
    settings = [name for name in table if name not in ("run", "seed", *SCORES)]
    groups = table.astype(dict.fromkeys(settings, str)).groupby(settings, sort=False)
    found = groups[SCORES].agg(["mean", "std"])
    found.columns = [f"{name}_{what}" for name, what in found.columns]
    found.insert(0, "seeds", groups.size())
    return found[found["seeds"] > 1]


def _rows(run: str, folder: Path) -> list[dict[str, object]]:
    files = sorted((folder / "models").glob("*.json"))
    if not files:
        raise CaseStudyError(f"{folder} holds no finished training. Train a network there first.")
    return [_row(run, folder, json.loads(file.read_text())) for file in files]


def _row(run: str, folder: Path, manifest: dict[str, object]) -> dict[str, object]:
    """Return a training's settings, without what follows from seed, network or data."""
    settings = {
        name: value
        for name, value in manifest["identity"].items()
        if not name.endswith((" patches", " source", "first weights"))
    }
    network = settings.pop("network")
    trained_on = manifest["data"]["training"]["dataset"]
    scores = {"val_psnr_db": manifest["best"]["val_psnr_db"]}
    method = NETWORKS[network].title.partition(",")[0] + TRAINED_HERE
    if (folder / "scores" / f"{file_name(method)}.csv").is_file():
        tested = load_scores(folder, "trained").query("method == @method")
        scores |= {name: tested[name].mean() for name in ("psnr_db", "gain_db")}
    settings |= {"dataset": trained_on, "parameters": manifest["parameters"]}
    return {"run": run, "network": network} | settings | dict.fromkeys(SCORES) | scores
