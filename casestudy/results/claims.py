"""What the article claims, and what measurements say about it.

S. Solomon, "Image Denoising using Deep Learning", 27 August 2021. A claim is tested by a mean
and its 95 % bootstrap interval: it holds if the whole interval is on the side that it says, does
not hold if the whole interval is on the other, and cannot be told otherwise. Images of one scene
are alike, so scenes are resampled where there are at least `FEWEST` of them, and images elsewhere.
"""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from casestudy.models.networks import NETWORKS
from casestudy.results.comparison import interval

HOLDS, FAILS, UNCLEAR = "holds", "does not hold", "cannot be told"
FEWEST = 3  # scenes or images; an interval over fewer means nothing
COLUMNS = ["claim", "finding", "verdict"]

DARK = 20, 75  # levels of 255
USUAL_PSNR = 25, 30  # dB
USUAL_SSIM = 0.1, 0.7
GOOD_PSNR = 30  # dB
ALIKE = 0.1  # dB; less is no reason to choose another network
INVISIBLE = 0.1  # dB

FILTERS = "NLM (OpenCV)", "NLM (scikit-image)", "BM3D"
# By their names in NETWORKS.
AUTOENCODER, CBDNET, PRIDNET, RIDNET = "autoencoder", "cbdnet", "pridnet-half", "ridnet"


def verdict(low: float, high: float, limit: float = 0.0) -> str:
    """Return whether "more than `limit`" holds, given the ends of a mean's interval.

    Returns
    -------
    {"holds", "does not hold", "cannot be told"}
        The last one also where the ends are not numbers.
    """
    if low > limit:
        return HOLDS
    return FAILS if high < limit else UNCLEAR


def on_noisy_images(statistics: pd.DataFrame, seed: int = 0) -> pd.DataFrame:
    """Test what the article found by looking at the data.

    Parameters
    ----------
    statistics : DataFrame
        From `casestudy.results.exploration.pair_statistics`.
    seed : int
        Decides the resamples.

    Returns
    -------
    DataFrame
        One row per claim: claim, finding (a sentence) and verdict.
    """
    table = statistics.assign(
        more_black=statistics["black_noisy"] - statistics["black_clean"],
        dark=statistics["mean_noisy"].between(*DARK),
        usual_psnr=statistics["psnr_db"].between(*USUAL_PSNR),
        usual_ssim=statistics["ssim"].between(*USUAL_SSIM),
    )
    low, high = interval_over_scenes(table, "more_black", seed)
    black = 100 * table[["black_noisy", "black_clean"]].mean()
    rows = [
        (
            "Noise turns pixels black",
            f"{black['black_noisy']:.2f} % of noisy values are zero, "
            f"{black['black_clean']:.2f} % of clean ones",
            verdict(low, high),
        )
    ]
    for claim, column, values, unit in (
        ("Most photographs are dark", "dark", DARK, "levels of 255"),
        ("Most noisy photographs have a PSNR of 25 to 30 dB", "usual_psnr", USUAL_PSNR, "dB"),
        ("Most noisy photographs have an SSIM of 0.1 to 0.7", "usual_ssim", USUAL_SSIM, ""),
    ):
        low, high = interval_over_scenes(table, column, seed)
        span = f"between {values[0]} and {values[1]} {unit}".strip()
        finding = f"{table[column].sum()} of {len(table)} are {span}"
        rows.append((claim, finding, verdict(low, high, 0.5)))
    return pd.DataFrame(rows, columns=COLUMNS)


def on_methods(scores: pd.DataFrame, seed: int = 0) -> pd.DataFrame:
    """Test what the article concluded from scores.

    Parameters
    ----------
    scores : DataFrame
        One row per method and patch or image, in the same order for every method: method, image,
        scene, psnr_db. Claims about methods that it does not hold are left out.
    seed : int
        Decides the resamples.

    Returns
    -------
    DataFrame
        See `on_noisy_images`.
    """
    titles = [NETWORKS[name].title for name in (AUTOENCODER, CBDNET, PRIDNET, RIDNET)]
    means = scores.groupby("method")["psnr_db"].mean().sort_values(ascending=False)
    networks, filters = means[means.index.isin(titles)], means[means.index.isin(FILTERS)]
    _, cbdnet, pridnet, ridnet = titles
    rows = []
    if len(networks) and len(filters):
        found, *ends = lead(scores, networks.index[0], filters.index[0], seed)
        rows.append(("A network removes more noise than a filter", found, verdict(*ends)))
    if len(networks):
        best = scores[scores["method"] == networks.index[0]]
        low, high = interval_over_scenes(best, "psnr_db", seed)
        found = f"{networks.index[0]}: {networks.iloc[0]:.2f} dB{_brackets(low, high)}"
        rows.append(("A good network reaches 30 dB", found, verdict(low, high, GOOD_PSNR)))
    if {cbdnet, pridnet} <= {*networks.index}:
        found, low, high = lead(scores, pridnet, cbdnet, seed)
        claim = "PRIDNet is not worth its size: it is no better than CBDNet"
        rows.append((claim, found, verdict(-high, -low, -ALIKE)))
    if {*titles} <= {*networks.index}:
        found, *ends = lead(scores, ridnet, networks.drop(ridnet).index[0], seed)
        rows.append(("RIDNet is the best of the four", found, verdict(*ends)))
        found, *ends = lead(scores, networks.drop(pridnet).index[0], pridnet, seed)
        rows.append(("A smaller network can be better than PRIDNet", found, verdict(*ends)))
    return pd.DataFrame(rows, columns=COLUMNS)


def on_quantization(table: pd.DataFrame, network: str = RIDNET) -> pd.DataFrame:
    """Test what the article found when it converted RIDNet to 8 bits.

    These are single measurements, so a verdict compares them with a limit.

    Parameters
    ----------
    table : DataFrame
        `quantization.csv` of notebook 08: network, variant and the columns of
        `casestudy.results.quantized.measure_variants`, whose first variant is Keras.
    network : str

    Returns
    -------
    DataFrame
        See `on_noisy_images`.
    """
    variants = table[table["network"] == network].set_index("variant")
    floats, ours = variants.iloc[0], variants.loc["LiteRT int8"]
    share = ours["size_mb"] / floats["size_mb"]
    slower = ours["seconds_per_megapixel"] / floats["seconds_per_megapixel"]
    title = NETWORKS[network].title
    return pd.DataFrame(
        [
            (
                "8 bits shrink the network to a third or less",
                f"{title}: {ours['size_mb']:.2f} MB instead of {floats['size_mb']:.2f}",
                HOLDS if share < 1 / 3 else FAILS,
            ),
            (
                "8 bits cost no visible quality",
                f"{title}: {ours['lost_db']:.2f} dB lost",
                HOLDS if ours["lost_db"] < INVISIBLE else FAILS,
            ),
            (
                "8 bits make it drastically slower",
                f"{title}: {slower:.2f} times the seconds of floats by Keras",
                HOLDS if slower > 1 else FAILS,
            ),
        ],
        columns=COLUMNS,
    )


def lead(scores: pd.DataFrame, one: str, other: str, seed: int) -> tuple[str, float, float]:
    """Return by how much a method is ahead of another on the same images, and the interval.

    Parameters
    ----------
    scores : DataFrame
        See `on_methods`.
    one, other : str
        Names in the column "method".
    seed : int

    Returns
    -------
    finding : str
        A sentence.
    low, high : float
        Ends of the interval of the lead in dB; not numbers with fewer than `FEWEST` images.
    """
    first, second = (scores[scores["method"] == method] for method in (one, other))
    table = first.assign(lead_db=first["psnr_db"].to_numpy() - second["psnr_db"].to_numpy())
    mean, (low, high) = table["lead_db"].mean(), interval_over_scenes(table, "lead_db", seed)
    way = "ahead of" if mean >= 0 else "behind"
    span = (low, high) if mean >= 0 else (-high, -low)
    return f"{one} is {abs(mean):.2f} dB {way} {other}{_brackets(*span)}", low, high


def side_by_side(tables: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """Return one table of what several datasets say of the same claims.

    Parameters
    ----------
    tables : mapping of str to DataFrame
        By the name of the data: claim, finding, verdict.

    Returns
    -------
    DataFrame
        By claim and data: finding and verdict; all data of one claim follow each other.
    """
    claims = list(dict.fromkeys(c for table in tables.values() for c in table["claim"]))
    together = pd.concat(tables, names=["data"]).reset_index("data").set_index(["claim", "data"])
    return together.loc[claims]


def in_words(table: pd.DataFrame) -> str:
    """Return which claims hold on all data, on none, or neither, as Markdown.

    Parameters
    ----------
    table : DataFrame
        From `side_by_side`.
    """
    verdicts = table.groupby("claim", sort=False)["verdict"].agg(set)
    groups = {found: verdicts == {found} for found in (HOLDS, FAILS)}
    groups[f"{UNCLEAR}, or depends on the data"] = ~sum(groups.values()).astype(bool)
    lines = [
        f"- **{found.capitalize()}**: {'; '.join(verdicts.index[chosen])}."
        for found, chosen in groups.items()
        if chosen.any()
    ]
    return "\n".join(["The article's claims, on all data of this page:", "", *lines])


def interval_over_scenes(table: pd.DataFrame, column: str, seed: int) -> tuple[float, float]:
    unit = "scene" if table["scene"].nunique() >= FEWEST else "image"
    if table[unit].nunique() < FEWEST:
        return np.nan, np.nan
    return interval(table, column, unit, seed)


def _brackets(low: float, high: float) -> str:
    return f" ({low:.2f} to {high:.2f})" if np.isfinite(low) else ""
