"""The tables of README.md: `make readme` writes them, from scores and times in this repository.

Scores are those of the model cards. Sizes and times are those of the reference report.
"""

from collections.abc import Iterable, Sequence
from pathlib import Path

import pandas as pd

from casestudy.files.folders import project_root
from casestudy.models import NETWORKS, RECOMMENDED, released
from casestudy.results.shipped import FILTER, NAMES, NOISY, SHORT, standings
from casestudy.training.manifest import minutes, stages

REFERENCE = project_root() / "reports" / "reference"
INT8 = "LiteRT int8"
LIMITS = Path(__file__).parent / "limits.csv"  # `tests/benchmarks/test_limits.py` measures it
COLUMNS = {name: SHORT[name] for name in (*NAMES, "sample")}
CHOICES = {
    "the best result": (RECOMMENDED, "casestudy denoise NOISY DENOISED"),
    "the smallest good file": ("ridnet", "casestudy denoise --model ridnet NOISY DENOISED"),
    "commercial use": (FILTER, "casestudy denoise --model nlm NOISY DENOISED"),
}


def answer() -> str:
    """Return which method to take for what, as a table in Markdown."""
    scores, costs = standings(), _costs()
    gains = scores.sub(scores[NOISY], axis=0)
    rows = []
    for purpose, (method, command) in CHOICES.items():
        title = NETWORKS[method].title if method in NETWORKS else "Non-Local Means, no network"
        column = NETWORKS[method].title if method in NETWORKS else method
        found = [f"{gains.loc[name, column]:+.1f}" for name in NAMES]
        seconds = f"{costs.loc[column, 'seconds_per_megapixel']:.1f}"
        rows.append((purpose, title, f"`{command}`", *found, seconds))
    head = "you want", "take", "command", *NAMES.values(), "s per megapixel"
    return _table(head, rows)


def results() -> str:
    """Return the mean PSNR of every method, its cost and its training, as a table in Markdown."""
    scores, costs = standings().loc[list(COLUMNS)], _costs()
    training = {}
    for name, title in released.titles().items():
        manifest = released.manifest(name)
        megapixels = sum(part["megapixels"] for part in stages(manifest))
        training[title] = f"{minutes(manifest):.0f} minutes, {megapixels:,.0f} megapixels"
    rows = []
    for method in scores.mean().sort_values(ascending=False).index:
        cost = costs.loc[method] if method in costs.index else None
        rows.append(
            (
                method,
                *(f"{db:.2f}" if db == db else "" for db in scores[method]),
                "" if cost is None else f"{cost['seconds_per_megapixel']:.2f}",
                "" if cost is None or cost.isna()["size_mb"] else f"{cost['size_mb']:.2f}",
                training.get(method, ""),
            )
        )
    head = ("method", *COLUMNS.values(), "s per megapixel", "MB", "training")
    return _table(head, rows)


def seconds_for(megapixels: int) -> str:
    """Return how long the recommended network takes, in words."""
    title = NETWORKS[RECOMMENDED].title
    seconds = megapixels * _costs().loc[title, "seconds_per_megapixel"]
    return (
        f"{title.partition(',')[0]} takes {seconds:.0f} seconds for a photograph of {megapixels} "
        "megapixels, on 2 cores of an AMD EPYC with AVX-512."
    )


def limits() -> str:
    """Return what the recommended network makes of pictures of other kinds, in words."""
    found = pd.read_csv(LIMITS).set_index(["picture", "method"]).unstack()
    gains = found["psnr_db"].sub(found["psnr_db", "noisy"], axis=0)[RECOMMENDED]
    stars = 100 * found["kept"].loc["night sky"]
    name = NETWORKS[RECOMMENDED].title.partition(",")[0]
    return (
        "The networks were not trained on night skies, scanned text or microscopy. In white noise "
        f"with a standard deviation of 25 (of 255), {name} gains {gains['text']:.1f} dB on a page "
        f"of text and {gains['histology']:.1f} dB on a stained tissue. Of the faint stars of a "
        f"deep sky, {stars[RECOMMENDED]:.0f} % keep at least half of their contrast (Non-Local "
        f"Means: {stars['nlm']:.0f} %)."
    )


def _costs() -> pd.DataFrame:
    """Return seconds_per_megapixel and size_mb in 8 bits, by title."""
    measured = pd.read_csv(REFERENCE / "quantization.csv").query("variant == @INT8")
    networks = measured.set_index(measured["network"].map(released.titles()))
    filters = pd.read_csv(REFERENCE / "results.csv").set_index("method")
    filters = filters.loc[["NLM (scikit-image)"]].rename(index={"NLM (scikit-image)": FILTER})
    columns = ["seconds_per_megapixel", "size_mb"]
    return pd.concat([networks[columns], filters[columns].assign(size_mb=float("nan"))])


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines) + "\n"
