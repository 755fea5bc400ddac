"""Scores of every method on real noise: PolyU's crops of scenes that no network was trained on.

Photographs of PolyU are not part of the package, scores on them are: those of the released
networks (`casestudy release` writes them) and those of the classical filters, each tuned on
training scenes (`tests/benchmarks/test_classical.py`, which measures them again).
"""

from pathlib import Path

import pandas as pd

from casestudy.results.comparison import interval
from casestudy.results.shipped import read_scores

FILTERS = Path(__file__).parent / "filters.polyu.csv"
RIVAL = "BM3D"


def scores_on_polyu() -> pd.DataFrame:
    """Return the scores of every released network and every filter on every crop.

    Returns
    -------
    DataFrame
        See `casestudy.results.shipped.read_scores`, also for errors.
    """
    networks = read_scores().query("dataset == 'polyu'")
    return pd.concat([networks, pd.read_csv(FILTERS)], ignore_index=True)


def leads(scores: pd.DataFrame, seed: int = 0) -> pd.DataFrame:
    """Return means over crops, and the lead of each method over `RIVAL`, the best filter.

    Parameters
    ----------
    scores : DataFrame
        From `scores_on_polyu`.
    seed : int
        Decides the resamples.

    Returns
    -------
    DataFrame
        One row per method, the best first: method, psnr_db, ssim, lpips, gain_db (over the noisy
        crop); ahead_db, its mean lead over `RIVAL`; ahead_low and ahead_high, the 95 % bootstrap
        confidence interval of the lead (percentiles of 2,000 resamples of the scenes, since crops
        of one scene are alike); ahead_crops and ahead_scenes, the shares of crops and scenes on
        which it leads.
    """
    rival = scores[scores["method"] == RIVAL].set_index("image")["psnr_db"]
    rows = []
    for method, table in scores.groupby("method"):
        table = table.assign(ahead_db=table["psnr_db"] - table["image"].map(rival))
        low, high = interval(table, "ahead_db", "scene", seed)
        rows.append(
            {
                "method": method,
                **table[["psnr_db", "ssim", "lpips", "gain_db", "ahead_db"]].mean(),
                "ahead_low": low,
                "ahead_high": high,
                "ahead_crops": (table["ahead_db"] > 0).mean(),
                "ahead_scenes": (table.groupby("scene")["ahead_db"].mean() > 0).mean(),
            }
        )
    return pd.DataFrame(rows).sort_values("psnr_db", ascending=False, ignore_index=True)


def in_words(leads: pd.DataFrame) -> str:
    """Return which methods are better than `RIVAL`, worse, or not told apart, as text.

    Parameters
    ----------
    leads : DataFrame
        From `leads`.
    """
    others = leads[leads["method"] != RIVAL]
    better, worse = others["ahead_low"] > 0, others["ahead_high"] < 0
    groups = {"better than": better, "worse than": worse, "not told apart from": ~better & ~worse}
    return "\n".join(
        f"{verdict} {RIVAL} on these scenes: {', '.join(others.loc[chosen, 'method']) or 'none'}"
        for verdict, chosen in groups.items()
    )


def gain_by_camera(scores: pd.DataFrame) -> pd.DataFrame:
    """Return the mean gain in dB of every method (rows, the best first) by camera (columns).

    Parameters
    ----------
    scores : DataFrame
        From `scores_on_polyu`.
    """
    order = scores.groupby("method")["gain_db"].mean().sort_values(ascending=False).index
    return scores.pivot_table(values="gain_db", index="method", columns="camera").loc[order]
