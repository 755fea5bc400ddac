"""What the pages of the networks found, in sentences that follow from their numbers."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from casestudy.data.patches import read_table
from casestudy.results.comparison import file_name, means

NLM = "NLM (scikit-image)"  # as page 02 names its better filter


def nlm_scores(run_folder: Path, tested: pd.DataFrame) -> pd.DataFrame | None:
    """Return the scores of Non-Local Means that page 02 left in a run folder.

    Parameters
    ----------
    run_folder : Path
    tested : DataFrame
        Scores of another method on the patches of interest.

    Returns
    -------
    DataFrame or None
        None if there are none, or only those of other patches.
    """
    file = run_folder / "scores" / f"{file_name(NLM)}.csv"
    if not file.exists():
        return None
    table, patch = read_table(file), ["dataset", "image", "patch", "megapixels"]
    return table if table[patch].equals(tested[patch]) else None


def network_answer(
    scores: Sequence[pd.DataFrame], minutes: float, finding: str, nlm: pd.DataFrame | None = None
) -> str:
    """Return what a page found out about its network, in two or three sentences.

    Parameters
    ----------
    scores : sequence of DataFrame
        From `casestudy.results.run.score_methods`: of the noisy patches, of the network as trained
        in this run, and of the released one unless it is left out.
    minutes : float
        How long the network was trained in this run.
    finding : str
        What else the page found about the last of these networks, as a whole sentence.
    nlm : DataFrame or None
        Scores of Non-Local Means on the same patches, if they are known.
    """
    tables = [*scores, *([] if nlm is None else [nlm])]
    table = means(tables)
    count = int(np.isfinite([scored["psnr_db"] for scored in tables]).all(axis=0).sum())
    noisy, here, last = (table.loc[scores[i]["method"].iloc[0]] for i in (0, 1, -1))
    network, _, variant = last.name.partition(", ")
    if len(scores) > 2 and variant:
        network += f" ({variant})"
    duration = f"{minutes:.1f} minutes" if minutes >= 2 else f"{60 * minutes:.0f} seconds"
    trained = f"trained here for {duration}"
    first = f"the released {network}" if len(scores) > 2 else f"the {network} {trained}"
    than = "against" if last.gain_db <= -0.005 else "over"
    parts = [
        f"On these {count} test patches {first} {_gain(last.gain_db)} {than} the noisy pictures "
        f"(PSNR {noisy.psnr_db:.2f} to {last.psnr_db:.2f} dB, SSIM {noisy.ssim:.2f} to "
        f"{last.ssim:.2f})"
    ]
    if nlm is not None:
        ahead = last.psnr_db - table.loc[nlm["method"].iloc[0], "psnr_db"]
        parts.append(f", {_compared(ahead)} Non-Local Means")
    parts.append(f". {finding}")
    if len(scores) > 2:
        parts.append(
            f" The network {trained} {_gain(here.gain_db)}, "
            f"{_compared(here.psnr_db - last.psnr_db)} the released one."
        )
    return "".join(parts)


def patch_finding(scores: Sequence[pd.DataFrame]) -> str:
    """Return on how many patches the last method helps, and where it does harm.

    `scores` are those of `network_answer`.
    """
    noisy, denoised = scores[0]["psnr_db"], scores[-1]["psnr_db"]
    finite = np.isfinite(noisy) & np.isfinite(denoised)
    noisy, gain = noisy[finite], (denoised - noisy)[finite]
    worse = gain < 0
    if not worse.any():
        return f"Every patch improves, by {gain.min():.2f} dB or more."
    return (
        f"It improves {np.sum(~worse)} of the patches and makes {worse.sum()} worse, by up to "
        f"{-gain.min():.2f} dB; the mean PSNR before denoising is {noisy[worse].mean():.1f} dB "
        f"for those made worse and {noisy.mean():.1f} dB for all."
    )


def level_map_finding(estimates: pd.DataFrame, replaced: pd.DataFrame) -> str:
    """Return how good CBDNet's noise estimates are, and what it gains from them.

    Parameters
    ----------
    estimates : DataFrame
        From `casestudy.results.closeups.noise_estimates`.
    replaced : DataFrame
        From `casestudy.results.closeups.psnr_with_means`, of the noise level map.
    """
    correlation = estimates["estimated"].corr(estimates["true"])
    ratio = (estimates["estimated"] / estimates["true"]).mean()
    return (
        f"Its noise level map is on average {ratio:.2f} times the true noise level of a patch "
        f"(correlation {correlation:.2f}); with one constant map for all patches the PSNR "
        f"{_change(replaced)}."
    )


def pyramid_finding(worth: pd.Series) -> str:
    """Return which level of PRIDNet's pyramid matters most, and which least.

    Parameters
    ----------
    worth : Series
        PSNR in dB that is lost without a level, by the level's pooling.
    """
    most, least = worth.idxmax(), worth.idxmin()
    return (
        f"Of its five scales, the one {_scale(most)} matters most and the one {_scale(least)} "
        f"least: without the one the PSNR {_rise(-worth[most])}, without the other it "
        f"{_rise(-worth[least])}."
    )


def attention_finding(weights: pd.DataFrame, replaced: pd.DataFrame) -> str:
    """Return how RIDNet's attention weights vary, and what it gains from that.

    Parameters
    ----------
    weights : DataFrame
        From `casestudy.results.closeups.attention_weights`, of two pictures.
    replaced : DataFrame
        From `casestudy.results.closeups.psnr_with_means`, of the weights.
    """
    wide = weights.pivot(index=["module", "channel"], columns="image", values="weight")
    change = (wide.iloc[:, 0] - wide.iloc[:, 1]).abs().max()
    return (
        f"Its attention weights lie between {weights['weight'].min():.2f} and "
        f"{weights['weight'].max():.2f} and differ by at most {change:.2f} between a dark and a "
        f"bright picture; with constant weights the PSNR {_change(replaced)}."
    )


def _scale(pooling: int) -> str:
    return "without pooling" if pooling == 1 else f"pooled by {pooling}"


def _gain(db: float) -> str:
    if abs(db) < 0.005:
        return "gains nothing"
    return f"{'gains' if db > 0 else 'loses'} {abs(db):.2f} dB"


def _compared(db: float) -> str:
    if abs(db) < 0.005:
        return "as much as"
    return f"{abs(db):.2f} dB {'more' if db > 0 else 'less'} than"


def _change(replaced: pd.DataFrame) -> str:
    """Say how the mean PSNR changes if something is replaced by its mean over all patches."""
    return _rise((replaced["mean of all"] - replaced["as it is"]).mean())


def _rise(db: float) -> str:
    if abs(db) < 0.005:
        return "stays the same"
    return f"{'rises' if db > 0 else 'falls'} by {abs(db):.2f} dB"
