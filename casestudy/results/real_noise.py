"""Scores of every method on real noise: PolyU's crops of scenes that no network was trained on.

Photographs of PolyU are not part of the package, scores on them are: those of the released
networks (`casestudy release` writes them) and those of the classical filters, each tuned on
training scenes (`tests/benchmarks/test_classical.py`, which measures them again).
"""

from pathlib import Path

import pandas as pd

from casestudy.models import released
from casestudy.results.comparison import interval

FILTERS = Path(__file__).parent / "filters.polyu.csv"
COLUMNS = [
    "image",
    "scene",
    "camera",
    "noisy_psnr_db",
    "psnr_db",
    "gain_db",
    "noisy_ssim",
    "ssim",
]
RIVAL = "BM3D"


def write_scores(scores: pd.DataFrame, path: Path) -> None:
    """Write `COLUMNS`, and method if there is one, of a table from `whole_images.evaluate`."""
    columns = [name for name in ("method", *COLUMNS) if name in scores]
    scores[columns].to_csv(path, index=False, float_format="%.4f", lineterminator="\n")


def read_scores() -> pd.DataFrame:
    """Return the scores of every method on every crop.

    Returns
    -------
    DataFrame
        One row per method and crop: method and `COLUMNS`, each crop denoised whole and rounded to
        8 bits; see `casestudy.results.whole_images.evaluate`.

    Raises
    ------
    CaseStudyError
        If a file of a released network is missing or altered.
    """
    networks = [
        pd.read_csv(released.released_file(network, ".polyu.csv")).assign(method=title)
        for network, title in released.titles().items()
    ]
    return pd.concat([*networks, pd.read_csv(FILTERS)], ignore_index=True)


def leads(scores: pd.DataFrame, seed: int = 0) -> pd.DataFrame:
    """Return means over crops, and the lead of each method over `RIVAL`, the best filter.

    Parameters
    ----------
    scores : DataFrame
        From `read_scores`.
    seed : int
        Decides the resamples.

    Returns
    -------
    DataFrame
        One row per method, the best first: method, psnr_db, ssim, gain_db (over the noisy crop);
        ahead_db, its mean lead over `RIVAL`; ahead_low and ahead_high, the 95 % bootstrap
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
                **table[["psnr_db", "ssim", "gain_db", "ahead_db"]].mean(),
                "ahead_low": low,
                "ahead_high": high,
                "ahead_crops": (table["ahead_db"] > 0).mean(),
                "ahead_scenes": (table.groupby("scene")["ahead_db"].mean() > 0).mean(),
            }
        )
    return pd.DataFrame(rows).sort_values("psnr_db", ascending=False, ignore_index=True)


def gain_by_camera(scores: pd.DataFrame) -> pd.DataFrame:
    """Return the mean gain in dB of every method (rows, the best first) by camera (columns).

    Parameters
    ----------
    scores : DataFrame
        From `read_scores`.
    """
    order = scores.groupby("method")["gain_db"].mean().sort_values(ascending=False).index
    return scores.pivot_table(values="gain_db", index="method", columns="camera").loc[order]
