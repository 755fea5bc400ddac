"""What the recommended network makes of pictures unlike those it was trained on."""

import cv2
import numpy as np
import pandas as pd
import skimage.data
from scipy.ndimage import maximum_filter

from casestudy.denoising.methods import photo_denoiser
from casestudy.files.writing import written_whole
from casestudy.models import RECOMMENDED
from casestudy.results.metrics import psnr
from casestudy.results.readme import LIMITS

SIGMA = 25  # levels of 255, white noise
PICTURES = {
    "night sky": skimage.data.hubble_deep_field,
    "text": skimage.data.page,
    "histology": skimage.data.immunohistochemistry,
}


def test_pictures_of_other_kinds(benchmark):
    """The figures of README's limits, again, to 0.01; a file that is missing is written."""
    denoisers = {name: photo_denoiser(name, "litert-int8") for name in ("nlm", RECOMMENDED)}

    def measure() -> pd.DataFrame:
        rows = []
        for kind, load in PICTURES.items():
            clean = load() if load().ndim == 3 else cv2.merge([load()] * 3)
            noise = np.random.default_rng(0).normal(0, SIGMA, clean.shape)
            noisy = np.clip(np.round(clean + noise), 0, 255).astype(np.uint8)
            for name, denoiser in {"noisy": lambda image: image, **denoisers}.items():
                denoised = denoiser(noisy)
                row = {
                    "picture": kind,
                    "method": name,
                    "psnr_db": psnr(clean / 255, denoised / 255),
                }
                rows.append(row | {"kept": faint_stars_kept(clean, denoised)})
        return pd.DataFrame(rows)

    measured = benchmark.pedantic(measure, rounds=1)
    measured.loc[measured["picture"] != "night sky", "kept"] = np.nan
    print("\n", measured.to_string(index=False, float_format="{:.2f}".format))
    if not LIMITS.exists():
        with written_whole(LIMITS) as temporary:
            measured.to_csv(temporary, index=False, float_format="%.4f", lineterminator="\n")
    pd.testing.assert_frame_equal(measured, pd.read_csv(LIMITS), atol=0.01)


def faint_stars_kept(clean: np.ndarray, denoised: np.ndarray) -> float:
    """Return the share of faint stars that stand out at least half as much as in the clean image.

    A star is a local maximum, 25 to 80 levels above the median of its surroundings.
    """
    before, after = (
        cv2.GaussianBlur(image.mean(axis=2), (0, 0), 0.7) - cv2.medianBlur(image, 31).mean(axis=2)
        for image in (clean, denoised)
    )
    stars = (maximum_filter(before, 9) == before) & (before > 25) & (before < 80)
    return float((after[stars] > 0.5 * before[stars]).mean()) if stars.any() else np.nan
