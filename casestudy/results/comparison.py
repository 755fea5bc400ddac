"""The comparison of all methods, read from the scores in a run folder."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.stats import bootstrap

from casestudy import CaseStudyError
from casestudy.data.patches import read_table
from casestudy.files.folders import reports_root, run_name
from casestudy.files.writing import written_whole
from casestudy.models import released


def file_name(method: str) -> str:
    """Return a method's name as a file name: lower case, words joined by hyphens."""
    words = "".join(c if c.isalnum() else " " for c in method.lower()).split()
    return "-".join(words)


def load_scores(run_folder: Path, networks: str = "all") -> pd.DataFrame:
    """Return the scores of every method in a run folder, patch by patch.

    Parameters
    ----------
    run_folder : Path
    networks : {"released", "trained", "all"}
        The networks that come with the package, those trained in this run folder, or both.
        Methods that are not networks are always included.

    Returns
    -------
    DataFrame
        Rows of all `scores/*.csv`, with a column gain_db: PSNR over the noisy patch. A patch
        without noise, or one that a method restored exactly, has an infinite PSNR, which would
        make the mean infinite. It is left out for every method, and a line is printed.

    Raises
    ------
    CaseStudyError
        If the scores of "noisy" are missing; if two methods were scored on different patches, as
        after a parameter was changed between two notebooks; if no patch has a finite PSNR.
    """
    files = sorted((run_folder / "scores").glob("*.csv"))
    if not (run_folder / "scores" / "noisy.csv").exists():
        raise CaseStudyError(f"No scores in {run_folder}. Run notebook 02 with this run folder.")
    tables = [read_table(file) for file in files]
    noisy = next(t for t in tables if t["method"].iloc[0] == "noisy")
    patch = ["dataset", "image", "patch", "megapixels"]
    for file, table in zip(files, tables, strict=True):
        if not table[patch].equals(noisy[patch]):
            raise CaseStudyError(
                f"{file} holds scores of other patches than noisy.csv in the same folder. "
                "Run its notebook again with the same parameters, or delete the file."
            )
    finite = _finite(tables)
    if not finite.any():
        raise CaseStudyError(
            f"{run_folder / 'scores'}: some method has an infinite PSNR on every patch, as where "
            "there is no noise. There is nothing to compare."
        )
    if not finite.all():
        print(f"{np.sum(~finite)} patches without an error, whose PSNR is infinite, are left out.")
    tables = [t.assign(gain_db=t["psnr_db"] - noisy["psnr_db"])[finite] for t in tables]
    scores = pd.concat(tables, ignore_index=True)
    is_network = scores["parameters"] > 0
    is_released = scores["method"].isin(released.titles().values())
    left_out = {"released": is_network & ~is_released, "trained": is_released, "all": False}
    return scores[~is_network | ~np.array(left_out[networks])].reset_index(drop=True)


def load_examples(run_folder: Path, method: str) -> np.ndarray:
    """Return the example patches as a method denoised them: (K, size, size, 3), uint8."""
    return np.load(run_folder / "scores" / f"{file_name(method)}.npy")


def summarize(scores: pd.DataFrame, seed: int = 0) -> pd.DataFrame:
    """Return one row per method, best PSNR first.

    Intervals are 95 % bootstrap confidence intervals of the mean (percentiles of 2,000 resamples).
    Images are resampled, not patches, since patches of one image are alike. Images of one scene
    are alike too, so with few scenes the intervals are too narrow. The distance to the best
    method is paired, patch by patch. Differences between images hardly widen its interval, so it
    can separate two methods whose other intervals overlap.

    Parameters
    ----------
    scores : DataFrame
        From `load_scores`.
    seed : int
        Decides the resamples.

    Returns
    -------
    DataFrame
        method; psnr_db and ssim, means over patches; gain_db, the mean gain over the noisy
        patches; behind_db, the mean distance to the method with the best mean PSNR; after each of
        these four the ends of its interval, such as gain_low and gain_high; parameters,
        size_mb and seconds_per_megapixel.
    """
    of_best = scores.groupby("method")["psnr_db"].mean().idxmax()
    best = scores.loc[scores["method"] == of_best, "psnr_db"].to_numpy()
    rows = []
    for method, table in scores.groupby("method"):
        table = table.assign(behind_db=best - table["psnr_db"])
        row = {"method": method}
        for column in ("psnr_db", "ssim", "gain_db", "behind_db"):
            stem = column.removesuffix("_db")
            row[column] = table[column].mean()
            row[f"{stem}_low"], row[f"{stem}_high"] = interval(table, column, "image", seed)
        row["parameters"], row["size_mb"] = table[["parameters", "size_mb"]].iloc[0]
        row["seconds_per_megapixel"] = table["seconds"].sum() / table["megapixels"].sum()
        rows.append(row)
    summary = pd.DataFrame(rows).astype({"parameters": int})
    return summary.sort_values("psnr_db", ascending=False, ignore_index=True)


def interval(table: pd.DataFrame, column: str, unit: str, seed: int) -> tuple[float, float]:
    """Return the 95 % bootstrap interval of a column's mean: percentiles of 2,000 resamples.

    Parameters
    ----------
    table : DataFrame
    column : str
    unit : str
        Column whose values are resampled, such as "image": rows that share one are alike.
    seed : int

    Returns
    -------
    (float, float)
        Not a number where there is one unit only.
    """
    units = table.groupby(unit)[column].agg(["sum", "count"]).to_numpy()
    if len(units) < 2:
        return np.nan, np.nan
    if np.ptp(units[:, 0] / units[:, 1]) == 0:  # the bootstrap refuses what does not vary
        return (units[0, 0] / units[0, 1],) * 2

    def mean(total: np.ndarray, count: np.ndarray, axis: int = -1) -> np.ndarray:
        return total.sum(axis=axis) / count.sum(axis=axis)

    result = bootstrap(
        tuple(units.T), mean, paired=True, n_resamples=2000, method="percentile", rng=seed
    )
    return tuple(result.confidence_interval)


def as_table(summary: pd.DataFrame) -> pd.DataFrame:
    """Return the summary as text to read: values rounded, intervals in brackets where known."""

    def interval(low: float, high: float, digits: int) -> str:
        return f" ({low:.{digits}f} to {high:.{digits}f})" if np.isfinite(low) else ""

    rows = [
        {
            "method": row.method,
            "PSNR (dB)": f"{row.psnr_db:.2f}{interval(row.psnr_low, row.psnr_high, 1)}",
            "SSIM": f"{row.ssim:.3f}{interval(row.ssim_low, row.ssim_high, 2)}",
            "gain (dB)": f"{row.gain_db:+.2f}{interval(row.gain_low, row.gain_high, 1)}",
            "behind the best (dB)": f"{row.behind_db:.2f}"
            + interval(row.behind_low, row.behind_high, 2),
            "parameters": f"{row.parameters:,}",
            "MB": f"{row.size_mb:.2f}",
            "s per megapixel": f"{row.seconds_per_megapixel:.2f}",
        }
        for row in summary.itertuples()
    ]
    return pd.DataFrame(rows).set_index("method")


def in_words(summary: pd.DataFrame) -> str:
    """Return which method is best, what it costs, and how far behind the next one is, as Markdown.

    Parameters
    ----------
    summary : DataFrame
        From `summarize`, with at least two methods apart from the noisy patches.
    """
    best, second = summary[summary["method"] != "noisy"].iloc[:2].to_dict("records")
    seconds = best["seconds_per_megapixel"]
    times = second["seconds_per_megapixel"] / seconds
    told_apart = "" if second["behind_low"] > 0 else ", which these images do not tell apart"
    return (
        f"On the test patches of this run, **{best['method']}** is best: "
        f"{best['gain_db']:+.2f} dB over the noisy patches, in {seconds:.2g} seconds per "
        f"megapixel by Keras. {second['method']} is {second['behind_db']:.2f} dB "
        f"behind{told_apart}, and takes {times:.2g} times as long."
    )


def save_summary(summary: pd.DataFrame, run_folder: Path) -> None:
    """Write the summary as `results.csv` into the run folder."""
    with written_whole(run_folder / "results.csv") as temporary:
        summary.to_csv(temporary, index=False, float_format="%.6g")


def by_gain(scores: pd.DataFrame, noisy_scores: pd.DataFrame) -> dict[str, int]:
    """Return the positions of the patches with the best, the median and the worst gain.

    Parameters
    ----------
    scores, noisy_scores : DataFrame
        From `casestudy.results.metrics.score`, on the same patches.

    Returns
    -------
    dict
        Position by label, such as "best: +4.2 dB". Patches with an infinite PSNR are left out.
    """
    finite = _finite([scores, noisy_scores])
    gain = np.where(finite, scores["psnr_db"], 0) - np.where(finite, noisy_scores["psnr_db"], 0)
    order = np.argsort(-gain, kind="stable")
    order = order[finite[order]]
    chosen = {"best": order[0], "median": order[len(order) // 2], "worst": order[-1]}
    return {f"{rank}: {gain[i]:+.1f} dB": int(i) for rank, i in chosen.items()}


def means(tables: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """Return the mean scores of several methods on the same patches.

    Parameters
    ----------
    tables : sequence of DataFrame
        From `casestudy.results.metrics.score`; the first one of the noisy patches themselves.

    Returns
    -------
    DataFrame
        By method: psnr_db and ssim, and gain_db over the first. Patches on which a method has an
        infinite PSNR are left out; see `load_scores`.
    """
    finite = _finite(tables)
    found = pd.DataFrame(
        {table["method"].iloc[0]: table[finite][["psnr_db", "ssim"]].mean() for table in tables}
    ).T
    return found.assign(gain_db=found["psnr_db"] - found["psnr_db"].iloc[0])


def gain_by_setting(scores: pd.DataFrame, noisy_scores: pd.DataFrame) -> pd.DataFrame | str:
    """Return a method's mean PSNR, and gain over noisy, in dB by camera and ISO; see `means`.

    Values are rounded to 0.01. Where neither is known, a sentence says so.
    """
    finite = _finite([scores, noisy_scores])
    gain = scores.assign(gain_db=scores["psnr_db"] - noisy_scores["psnr_db"])[finite]
    if set(gain["camera"]) == {"unknown"} and gain["iso"].isna().all():
        return "This dataset names neither camera nor ISO, so nothing is compared here."
    groups = gain.groupby(["camera", gain["iso"].astype(object).fillna("unknown")])
    return groups[["psnr_db", "gain_db"]].mean().round(2)


def runs_beside(run_folder: Path, others: str) -> dict[str, Path]:
    """Return folders by name: of this run, and of other runs in reports/, given as "one, two"."""
    names = [name.strip() for name in others.split(",") if name.strip()]
    folders = {run_folder.name: run_folder}
    return folders | {name: reports_root() / run_name("", name) for name in names}


def gains_by_run(runs: Mapping[str, Path], networks: str) -> pd.DataFrame:
    """Return the mean gain in dB of every method (rows) in every run (columns), see `runs_beside`.

    Raises
    ------
    CaseStudyError
        If a run has no scores, see `load_scores`.
    """
    gains = {
        run: load_scores(folder, networks).groupby("method")["gain_db"].mean()
        for run, folder in runs.items()
    }
    return pd.DataFrame(gains).sort_values(next(iter(runs)), ascending=False).drop("noisy")


def _finite(tables: Sequence[pd.DataFrame]) -> np.ndarray:
    """Return a mask of the patches on which every method has a finite PSNR."""
    return np.isfinite([table["psnr_db"] for table in tables]).all(axis=0)
