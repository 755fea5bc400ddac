"""Scores of a network on all test sets, from real noise to none, in one table.

Non-Local Means, the filter that a network has to beat, is in it, at the strength that `casestudy
denoise` uses.
"""

from collections.abc import Sequence

import keras
import pandas as pd

from casestudy import CaseStudyError
from casestudy.denoising.tiles import network_denoiser
from casestudy.results.shipped import FILTER, TITLES, filter_means
from casestudy.results.whole_images import evaluate, mean_scores, unseen_pairs

# In the order of the printed table.
COLUMNS = {
    "dataset": "set",
    "images": "images",
    "noisy_psnr_db": "noisy, dB",
    "filter_psnr_db": f"{FILTER}, dB",
    "psnr_db": "network, dB",
    "gain_db": "gain, dB",
    "lead_db": f"lead over {FILTER}, dB",
    "ssim": "SSIM",
}


def evaluate_all(
    model: keras.Model, manifest: dict[str, object], names: Sequence[str] = ()
) -> pd.DataFrame:
    """Return the scores of a trained network on every test set that is there.

    Parameters
    ----------
    model : keras.Model
    manifest : dict
        That of its training. Images that it was trained on are left out.
    names : sequence of str
        Test sets, by their names in `TITLES`; none: all.

    Returns
    -------
    DataFrame
        dataset, a name in `TITLES`, and the columns of `casestudy.results.whole_images.evaluate`.
    """
    chosen = {}
    for name in names or TITLES:
        try:
            chosen[name] = unseen_pairs(model.name, manifest, name)
        except CaseStudyError:  # it is not there, or all of it was trained on
            continue
    denoiser = network_denoiser(model)
    tables = [evaluate(denoiser, pairs).assign(dataset=name) for name, pairs in chosen.items()]
    scores = pd.concat(tables, ignore_index=True)
    return scores[["dataset", *scores.columns.drop("dataset")]]


def left_out(scores: pd.DataFrame, names: Sequence[str] = ()) -> list[str]:
    """Return those of the test sets that have no score in a table from `evaluate_all`."""
    return [name for name in names or TITLES if name not in set(scores["dataset"])]


def summary(scores: pd.DataFrame) -> pd.DataFrame:
    """Return means by test set.

    Parameters
    ----------
    scores : DataFrame
        From `evaluate_all`.

    Returns
    -------
    DataFrame
        One row per dataset: dataset; the columns of `casestudy.results.whole_images.mean_scores`;
        filter_psnr_db, the mean PSNR of `FILTER`, and lead_db, by how much the network's is
        higher. These two are missing where the network was not scored on the whole set.
    """
    means = pd.concat(
        [
            mean_scores(table).assign(dataset=name)
            for name, table in scores.groupby("dataset", sort=False)
        ],
        ignore_index=True,
    )
    filters = filter_means().query("method == @FILTER")[["dataset", "images", "psnr_db"]]
    filters = filters.rename(columns={"psnr_db": "filter_psnr_db"})
    means = means.merge(filters, how="left", on=["dataset", "images"])
    return means.assign(lead_db=means["psnr_db"] - means["filter_psnr_db"])


def describe(scores: pd.DataFrame) -> str:
    """Return `summary` as text, and below it the names of sets that are left out."""
    table = summary(scores)[list(COLUMNS)].rename(columns=COLUMNS)
    text = table.to_string(
        index=False,
        na_rep="",
        float_format="{:.2f}".format,
        formatters={"SSIM": "{:.4f}".format},
    )
    if names := left_out(scores):
        text += (
            f"\n\nLeft out, because they are not there or it was trained on them: "
            f"{', '.join(names)}. `casestudy data list` says how to get them."
        )
    return text
