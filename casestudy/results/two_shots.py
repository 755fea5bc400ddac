"""How good a method is on a scene without a clean image, from two shots of the scene.

The noise of two shots is independent (J. Lehtinen et al., "Noise2Noise", ICML 2018,
arXiv:1803.04189). So the mean squared difference between one shot, denoised, and the other, noisy,
is the error of the first plus the variance of the noise in the second. Half of the mean squared
difference between the noisy shots is this variance. What does not change between the shots, such
as a fixed pattern of the sensor, is not noticed: it counts as part of the scene.
"""

from collections.abc import Callable, Mapping

import numpy as np
import pandas as pd

from casestudy import CaseStudyError
from casestudy.data.checking.soundness import judge

NOISY = "noisy"
BLOCK = 64  # px; blocks are resampled for the intervals, since neighbouring pixels are alike
FEWEST = 8  # blocks
RESAMPLES = 2000


def estimate(
    methods: Mapping[str, Callable[[np.ndarray], np.ndarray]],
    first: np.ndarray,
    second: np.ndarray,
    seed: int = 0,
) -> pd.DataFrame:
    """Estimate the PSNR that each method reaches, without a clean image.

    Parameters
    ----------
    methods : mapping of str to callable
        Each takes and returns pixels of one photograph, as `first`.
    first, second : ndarray, shape (H, W, 3), uint8
        Two shots of a scene in which nothing moves, with equal settings.
    seed : int
        Decides the resamples.

    Returns
    -------
    DataFrame
        By method, the best first: psnr_db, estimated; gain_db over the noisy shots, which are in
        the table as well; behind_db, the distance to the best method; and the ends of the 95 %
        bootstrap intervals of both (percentiles of 2,000 resamples of blocks of 64x64 pixels),
        such as gain_low and gain_high. An estimate is not a number where the error that is left
        cannot be told from zero.

    Raises
    ------
    CaseStudyError
        If the shots differ in size, or in more than noise; if they are too small.
    """
    if first.shape != second.shape:
        sizes = " and ".join(f"{s.shape[1]}x{s.shape[0]}" for s in (first, second))
        raise CaseStudyError(f"The two shots have different sizes, {sizes}. Do not crop them.")
    for _, advice in judge(first, second):
        raise CaseStudyError(f"The two shots differ in more than noise. {advice}")
    height, width = (side - side % BLOCK for side in first.shape[:2])
    if height * width < FEWEST * BLOCK**2:
        raise CaseStudyError(
            f"The shots are too small: {FEWEST} blocks of {BLOCK}x{BLOCK} needed."
        )
    shots = first.astype(np.float32), second.astype(np.float32)
    drift = shots[0].mean(axis=(0, 1)) - shots[1].mean(axis=(0, 1))  # flickering light
    apart = shots[0] - shots[1] - drift
    noise = _block_means(np.square(apart)) / 2  # in each block, the variance of one shot's noise
    errors = {NOISY: noise}
    for name, denoise in methods.items():
        ahead = denoise(first).astype(np.float32) - shots[1] - drift
        behind = denoise(second).astype(np.float32) - shots[0] + drift
        errors[name] = _block_means((np.square(ahead) + np.square(behind)) / 2) - noise
    drawn = np.random.default_rng(seed).integers(0, noise.size, (RESAMPLES, noise.size))
    best = errors[min(errors, key=lambda name: errors[name].mean())]
    rows = {}
    for name, error in errors.items():
        row = {"psnr_db": _decibels(255**2 / error.mean())}
        for stem, above, below in (("gain", noise, error), ("behind", error, best)):
            row[f"{stem}_db"] = _decibels(above.mean() / below.mean())
            resampled = _decibels(above[drawn].mean(axis=1) / below[drawn].mean(axis=1))
            row[f"{stem}_low"], row[f"{stem}_high"] = np.percentile(resampled, [2.5, 97.5])
        rows[name] = row
    return pd.DataFrame(rows).T.rename_axis("method").sort_values("behind_db")


def describe(estimated: pd.DataFrame) -> str:
    """Return a table from `estimate` as text, and which method is best if the shots tell."""
    table = pd.DataFrame(
        {
            "PSNR, dB": estimated["psnr_db"].map("{:.2f}".format),
            "gain, dB": estimated["gain_db"].map("{:+.2f}".format),
            "95 % interval": [
                f"{row['gain_low']:+.2f} to {row['gain_high']:+.2f}"
                for _, row in estimated.iterrows()
            ],
        }
    )
    best, second = estimated.index[:2]
    verdict = f"{best} is best on this scene."
    if not estimated.loc[second, "behind_low"] > 0:
        verdict = f"These two shots do not tell {best} and {second} apart."
    return f"{table.to_string()}\n\n{verdict}"


def _block_means(squares: np.ndarray) -> np.ndarray:
    """Return the mean of each whole block, over its pixels and colours, in one row."""
    rows, columns = (side // BLOCK for side in squares.shape[:2])
    whole = squares[: rows * BLOCK, : columns * BLOCK]
    return whole.reshape(rows, BLOCK, columns, -1).mean(axis=(1, 3)).ravel()


def _decibels(ratio: np.ndarray | float) -> np.ndarray | float:
    """Return a ratio of squares in dB; not a number where an error is not above zero."""
    return 10 * np.log10(np.where(np.asarray(ratio) > 0, ratio, np.nan))
