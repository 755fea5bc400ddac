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
DIFFERENCES = {  # by the kind that `judge` returns
    "content": "The two shots show different things. Photograph one scene twice.",
    "shift": "The camera moved between the two shots. Use a tripod and a remote release.",
    "brightness": "The two shots differ in brightness. Use equal settings and steady light.",
}


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
        such as gain_low and gain_high. Where the estimated error of a method, in the shots or in
        a resample, is not above zero, these are not numbers.

    Raises
    ------
    CaseStudyError
        As `refuse_unusable`.
    """
    refuse_unusable(first, second)
    # Flickering light. NumPy adds integers exactly; sums of 32-bit floats would be off.
    drift = (first.mean(axis=(0, 1)) - second.mean(axis=(0, 1))).astype(np.float32)
    shots = first.astype(np.float32), second.astype(np.float32)
    noise = _block_means(np.square(shots[0] - shots[1] - drift)) / 2  # its variance in each block
    errors = {NOISY: noise}
    for name, denoise in methods.items():
        ahead = denoise(first).astype(np.float32) - shots[1] - drift
        behind = denoise(second).astype(np.float32) - shots[0] + drift
        errors[name] = _block_means((np.square(ahead) + np.square(behind)) / 2) - noise
    drawn = np.random.default_rng(seed).integers(0, noise.size, (RESAMPLES, noise.size))
    order = sorted(errors, key=lambda name: errors[name].mean())
    best = errors[order[0]]
    rows = {}
    for name in order:
        error = errors[name]
        row = {"psnr_db": _decibels(np.float64(255**2), error.mean())}
        for stem, above, below in (("gain", noise, error), ("behind", error, best)):
            row[f"{stem}_db"] = _decibels(above.mean(), below.mean())
            resampled = _decibels(above[drawn].mean(axis=1), below[drawn].mean(axis=1))
            row[f"{stem}_low"], row[f"{stem}_high"] = np.percentile(resampled, [2.5, 97.5])
        rows[name] = row
    return pd.DataFrame(rows).T.rename_axis("method")


def refuse_unusable(first: np.ndarray, second: np.ndarray) -> None:
    """Raise CaseStudyError if two shots cannot be compared; see `estimate`.

    They may be equal, too small, of different sizes, or differ in more than noise.
    """
    if first.shape != second.shape:
        sizes = " and ".join(f"{s.shape[1]}x{s.shape[0]}" for s in (first, second))
        raise CaseStudyError(f"The two shots have different sizes, {sizes}. Do not crop them.")
    if np.array_equal(first, second):
        raise CaseStudyError("The two shots are equal. Take two photographs.")
    if np.prod([side // BLOCK for side in first.shape[:2]]) < FEWEST:
        raise CaseStudyError(
            f"The shots are too small. They need at least {FEWEST} blocks of {BLOCK}x{BLOCK} "
            "pixels."
        )
    for kind, _ in judge(first, second):
        raise CaseStudyError(DIFFERENCES[kind])


def describe(estimated: pd.DataFrame) -> str:
    """Return a table from `estimate` as text, and which method is best if the shots tell."""
    rows = {}
    for name, row in estimated.iterrows():
        interval = f"{row['gain_low']:+.2f} to {row['gain_high']:+.2f}"
        shown = f"{row['psnr_db']:.2f}", f"{row['gain_db']:+.2f}", interval
        rows[name] = ["-" if "nan" in text else text for text in shown]
    table = pd.DataFrame(rows, ["PSNR, dB", "gain, dB", "95 % interval"]).T.rename_axis("method")
    best, second = estimated.index[:2]
    if estimated.loc[second, "behind_low"] > 0:
        verdict = f"{best} is best on this scene."
    else:
        verdict = f"These two shots do not tell {best} and {second} apart."
    if estimated.isna().any(axis=None):
        verdict += " -: the error is too small for these shots to measure it."
    return f"{table.to_string()}\n\n{verdict}"


def _block_means(squares: np.ndarray) -> np.ndarray:
    """Return the mean of each whole block, over its pixels and colours, in one row."""
    rows, columns = (side // BLOCK for side in squares.shape[:2])
    whole = squares[: rows * BLOCK, : columns * BLOCK]
    return whole.reshape(rows, BLOCK, columns, -1).mean(axis=(1, 3), dtype=np.float64).ravel()


def _decibels(above: np.ndarray, below: np.ndarray) -> np.ndarray:
    """Return the ratio of mean squares in dB; not a number unless both are above zero."""
    measured = (above > 0) & (below > 0)
    return 10 * np.log10(np.where(measured, above, np.nan) / np.where(measured, below, 1))
