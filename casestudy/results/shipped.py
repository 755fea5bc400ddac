"""The scores that come with the package: of every method on every test set.

Most of the test sets are not part of the package. `casestudy release` writes the scores of a
network on every image; `tests/benchmarks/test_classical.py` measures those of the filters.
"""

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from casestudy.models import NETWORKS, RECOMMENDED, released

TITLES = {
    "polyu": "PolyU crops of held-out scenes, real noise",
    "renoir-crops": "RENOIR crops of held-out scenes, real noise in dim light",
    "phones": "SIDD crops, real noise of phones",
    "sample": "test scenes of sample, simulated noise",
    "kodak-white15": "Kodak, white noise of 15 levels",
    "kodak-white25": "Kodak, white noise of 25 levels",
    "kodak-white50": "Kodak, white noise of 50 levels",
    "kodak-grey20": "Kodak in grey, white noise of 20 levels",
    "kodak-grain": "Kodak, grain of 12 levels, equal in all colours",
    "kodak-correlated": "Kodak, enlarged noise of 15 levels",
    "kodak-jpeg": "Kodak, white noise of 15 levels, then JPEG",
    "kodak": "Kodak without noise, output against input",
}
NAMES = {"phones": "phones", "renoir-crops": "RENOIR", "polyu": "PolyU"}  # of real noise
SHORT = NAMES | {
    "sample": "`sample`",
    "kodak-white15": "white noise of 15 levels",
    "kodak-white25": "white noise of 25 levels",
    "kodak-white50": "white noise of 50 levels",
    "kodak-grey20": "grey photographs",
    "kodak-grain": "grain",
    "kodak-correlated": "enlarged noise",
    "kodak-jpeg": "noise before JPEG compression",
    "kodak": "photographs without noise",
}
NOISY = "noisy"
FILTER = "NLM"  # Non-Local Means at the strength that `casestudy denoise` uses
FILTERS = Path(__file__).parent / "filters.csv"
COLUMNS = [
    "method",
    "dataset",
    "image",
    "scene",
    "camera",
    "noisy_psnr_db",
    "psnr_db",
    "gain_db",
    "noisy_ssim",
    "ssim",
    "noisy_lpips",
    "lpips",
]


def write_scores(scores: pd.DataFrame, path: Path) -> None:
    """Write those of `COLUMNS` that a table from `whole_images.evaluate` has."""
    columns = [name for name in COLUMNS if name in scores]
    scores[columns].to_csv(path, index=False, float_format="%.4f", lineterminator="\n")


def read_scores() -> pd.DataFrame:
    """Return the scores of the released networks on every image of the test sets.

    Returns
    -------
    DataFrame
        One row per network and image, denoised whole (in squares if it is large, each a row) and
        rounded to 8 bits: `COLUMNS`, with the network's title as method.

    Raises
    ------
    CaseStudyError
        If a file of a released network is missing or altered.
    """
    tables = [
        pd.read_csv(released.released_file(network, ".scores.csv")).assign(method=title)
        for network, title in released.titles().items()
    ]
    return pd.concat(tables, ignore_index=True)[COLUMNS]


def filter_means() -> pd.DataFrame:
    """Return the filters' means: method, dataset, images (their number), psnr_db and ssim."""
    return pd.read_csv(FILTERS)


def standings() -> pd.DataFrame:
    """Return the mean PSNR in dB of every method on every test set.

    Returns
    -------
    DataFrame
        A row per test set, named and ordered as in `TITLES`; a column for the noisy images, for
        each filter and for each released network. Images that came back exactly, whose PSNR is
        infinite, are left out of a mean. A value is missing where a method was not scored.

    Raises
    ------
    CaseStudyError
        See `read_scores`.
    """
    finite = read_scores().replace(float("inf"), float("nan"))
    images = finite.groupby(["method", "dataset", "image"])[["noisy_psnr_db", "psnr_db"]].mean()
    means = images.groupby(["method", "dataset"]).mean()
    noisy = means["noisy_psnr_db"].groupby("dataset").first().rename(NOISY)
    filters = filter_means().pivot(index="dataset", columns="method", values="psnr_db")
    networks = means["psnr_db"].unstack("method")[list(released.titles().values())]
    return pd.concat([noisy, filters, networks], axis=1).reindex(list(TITLES))


def recommended() -> str:
    """Return the title of the network that `casestudy denoise` uses by default."""
    return NETWORKS[RECOMMENDED].title


def recommendation(standings: pd.DataFrame) -> str:
    """Return which network to take, what it gains on real noise, and where it loses, in words.

    Parameters
    ----------
    standings : DataFrame
        From `standings`.
    """
    title = recommended()
    scored = standings.dropna(subset=[title]).filter(NAMES, axis=0)
    gains = scored[[title, FILTER]].sub(scored[NOISY], axis=0)
    gained = [f"{db:.1f} dB on {NAMES[name]}" for name, db in gains[title].items()]
    return (
        f"Take **{title}**. It was tested on photographs with real noise that it was not trained "
        f"on. There it raises the PSNR of the noisy photograph by {_listed(gained)}. Non-Local "
        f"Means, a filter, raises it by {_listed([f'{db:.1f}' for db in gains[FILTER]])} dB. "
        f"{losses(standings)}"
    )


def losses(standings: pd.DataFrame) -> str:
    """Return on which test sets another method is better than the recommended network, in words.

    Of several networks that are better on a set, the best one is named.
    """
    title = recommended()
    short = title.partition(",")[0]
    standings = standings.round(2)  # as tables show them, or differences would not add up
    ahead = standings.drop(columns=NOISY).sub(standings[title], axis=0)
    networks = ahead.drop(columns=FILTER).dropna(how="all")
    best = pd.DataFrame({"db": networks.max(axis=1), "method": networks.idxmax(axis=1)})
    sentences = []
    for method, sets in [("Non-Local Means", ahead[FILTER]), *best["db"].groupby(best["method"])]:
        names = [f"{SHORT[name]} (by {db:.2f} dB)" for name, db in sets.items() if db > 0]
        if names:
            sentences.append(f"{method} beats {short} on {_listed(names)}.")
    if not (ahead[FILTER] > 0).any():
        sentences.insert(0, f"{short} beats Non-Local Means on every test set.")
    return " ".join(sentences)


def _listed(items: Sequence[str]) -> str:
    *others, last = items
    return f"{', '.join(others)} and {last}" if others else last
