"""The index of a run folder: results, what each notebook found, how it was all made."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from casestudy.commands.report.figures import small_copy
from casestudy.commands.report.markers import read_marker
from casestudy.commands.report.pages import in_words, without_paths, write_html
from casestudy.data.catalogue import record
from casestudy.files.folders import own_folder
from casestudy.results.shipped import NAMES, recommendation, standings

# Columns of results.csv: heading, format, and whether the largest value is the best.
_COLUMNS = {
    "psnr_db": ("PSNR, dB", "{:.2f}", True),
    "ssim": ("SSIM", "{:.3f}", True),
    "gain_db": ("Gain, dB", "{:+.2f}", True),
    "parameters": ("Parameters", "{:,.0f}", False),
    "size_mb": ("Size, MB", "{:.2f}", False),
    "seconds_per_megapixel": ("s/megapixel", "{:.2f}", False),
}


@dataclass(frozen=True)
class Card:
    """A notebook on the index page."""

    stem: str
    status: str  # "up to date", "outdated", "failed", "stopped", "running", "waiting", "not run"
    detail: str  # why it has this status; may be empty
    record: dict[str, object]  # title and sentence; after a success, all that the marker holds


def write_index(folder: Path, dataset: str, cards: list[Card]) -> Path:
    """Write `index.html` of a run folder, and return its path.

    It shows which network to take, its scores on real noise, `results.csv`, and the cards.
    """
    index, scores = folder / "index.html", standings()
    write_html(
        index,
        "index.html.j2",
        run=folder.name,
        dataset=without_paths(dataset, folder),
        holds=record(dataset).summary,
        own=own_folder(dataset) is not None,
        answer=recommendation(scores).replace("**", "").replace("`", ""),
        real=_on_real_noise(scores),
        results=_results(folder / "results.csv"),
        results_are_old=_results_are_old(folder, cards),
        cards=[_card(folder, card) for card in cards],
        facts=_facts([card for card in cards if "date" in card.record]),
    )
    return index


def _on_real_noise(scores: pd.DataFrame) -> dict[str, list]:
    """Return headings, and rows of (text, is best) cells, of the shipped scores on real noise."""
    by_method = scores.loc[list(NAMES)].T.rename_axis("method")
    by_method = by_method.iloc[by_method.mean(axis=1).argsort()[::-1]]
    largest = by_method.max()
    rows = [
        [(method, False)] + [_cell("psnr_db", row[name], largest[name]) for name in NAMES]
        for method, row in by_method.iterrows()
    ]
    return {"headings": ["Method", *NAMES.values()], "rows": rows}


def _results(path: Path) -> dict[str, list] | None:
    """Return headings, and rows of (text, is best) cells, of `results.csv`; None without it."""
    if not path.is_file():
        return None
    table = pd.read_csv(path)
    columns = [name for name in _COLUMNS if name in table]
    largest = table[columns].replace([np.inf, -np.inf], np.nan).max()
    rows = [
        [(row["method"], False)] + [_cell(name, row[name], largest[name]) for name in columns]
        for _, row in table.iterrows()
    ]
    return {"headings": ["Method", *(_COLUMNS[name][0] for name in columns)], "rows": rows}


def _cell(column: str, value: float, largest: float) -> tuple[str, bool]:
    _, form, largest_is_best = _COLUMNS[column]
    if not np.isfinite(value) or (value == 0 and not largest_is_best):
        return "–", False
    return form.format(value).replace("-", "−"), largest_is_best and value == largest


def _results_are_old(folder: Path, cards: list[Card]) -> bool:
    """Return whether the notebook that wrote the results table is no longer up to date."""
    doubtful = [card.stem for card in cards if card.status != "up to date"]
    markers = [read_marker(folder, stem) for stem in doubtful]
    return any(marker and "results.csv" in marker.outputs for marker in markers)


def _card(folder: Path, card: Card) -> dict[str, object]:
    earlier = f"{card.stem}.html"
    page = f"{card.stem}.failed.html" if card.status == "failed" else earlier
    thumbnail = folder / "figures" / f"{card.stem}.webp"
    return vars(card) | {
        "detail": without_paths(card.detail, folder),
        "page": page if (folder / page).is_file() else None,
        "earlier": earlier if page != earlier and (folder / earlier).is_file() else None,
        "thumbnail": small_copy(thumbnail) if thumbnail.is_file() else None,
    }


def _facts(cards: list[Card]) -> list[tuple[str, list[str]]]:
    """Return what the results were made from and on; notebooks are named where they differ."""
    names = dict.fromkeys(name for card in cards for name in card.record["parameters"])
    names.pop("run_folder", None)
    parameters = [
        f"{name} = {', '.join(_gathered(cards, lambda r, n=name: r['parameters'].get(n)))}"
        for name in names
    ]
    return [
        ("Parameters", parameters),
        ("Commit", _gathered(cards, lambda record: record["commit"] or "not in a git clone")),
        ("Machine", _gathered(cards, lambda record: record["machine"])),
        ("Versions", _gathered(cards, lambda r: ", ".join(map(" ".join, r["versions"].items())))),
        ("Finished", _gathered(cards, lambda record: record["date"])),
        ("Time in notebooks", [in_words(sum(card.record["seconds"] for card in cards))]),
    ]


def _gathered(cards: list[Card], value: Callable[[dict], str | None]) -> list[str]:
    notebooks: dict[str, list[str]] = {}
    for card in cards:
        if (text := value(card.record)) is not None:
            notebooks.setdefault(text, []).append(card.stem[:2])
    if len(notebooks) == 1:
        return list(notebooks)
    return [f"{text} (in {', '.join(stems)})" for text, stems in notebooks.items()]
