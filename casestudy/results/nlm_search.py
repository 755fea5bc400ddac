"""The strength at which Non-Local Means scores best on training patches."""

from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd
from tqdm import tqdm

from casestudy import CaseStudyError
from casestudy.data.patches import Patches
from casestudy.results.metrics import psnr


def search_strength(
    nlm: Callable[..., np.ndarray], patches: Patches, strengths: Sequence[float]
) -> pd.DataFrame:
    """Return the mean PSNR over patches for each strength.

    Parameters
    ----------
    nlm : nlm_opencv or nlm_skimage
    patches : Patches
        Training patches; a strength chosen on test patches would flatter the method.
    strengths : sequence of float

    Returns
    -------
    DataFrame
        Columns strength and psnr_db, without patches that some strength restores exactly.

    Raises
    ------
    CaseStudyError
        If there is no other patch.
    """
    everything = np.arange(len(patches))
    noisy, clean = patches.noisy(everything), patches.clean(everything)
    psnr_db = np.array(
        [
            [psnr(c, d) for c, d in zip(clean, nlm(noisy, strength=strength), strict=True)]
            for strength in tqdm(strengths, desc="strength", leave=False, disable=None)
        ]
    )
    finite = np.isfinite(psnr_db).all(axis=0)
    if not finite.any():
        raise CaseStudyError("No patch has noise to choose the strength of Non-Local Means on.")
    return pd.DataFrame({"strength": strengths, "psnr_db": psnr_db[:, finite].mean(axis=1)})


def in_words(summary: pd.DataFrame) -> str:
    """Return what the filters gain, and at what cost, as Markdown.

    Parameters
    ----------
    summary : DataFrame
        From `casestudy.results.comparison.means`, the noisy patches first, with a column
        "seconds per megapixel".
    """
    noisy, filters = summary.iloc[0], summary.iloc[1:].sort_values("psnr_db", ascending=False)
    best, *others = (
        f"{name}: {gain:+.2f} dB, {seconds:.2g} seconds per megapixel"
        for name, gain, seconds in filters[["gain_db", "seconds per megapixel"]].itertuples()
    )
    return (
        f"Without any training, over noisy test patches of {noisy['psnr_db']:.2f} dB and an SSIM "
        f"of {noisy['ssim']:.3f}: **{best}**, SSIM {filters['ssim'].iloc[0]:.3f}. "
        f"{'. '.join(others)}."
    )
