"""The index of a run folder: results, what each notebook found, how it was all made."""

import csv
import math
from dataclasses import dataclass
from pathlib import Path

from casestudy.commands.report.figures import small_copy
from casestudy.commands.report.markers import read_marker
from casestudy.commands.report.pages import in_words, without_paths, write_html

# column of results.csv: heading, format, and whether the largest value is the best
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
    """A notebook on the index page.

    Parameters
    ----------
    stem : str
    status : str
        "up to date", "outdated", "failed", "stopped", "not run" or "earlier result".
    detail : str
        Why it has this status; may be empty.
    record : dict
        Title and sentence; date, seconds, parameters, ... where it has succeeded.
    """

    stem: str
    status: str
    detail: str
    record: dict[str, object]


def earlier_cards(folder: Path) -> list[Card]:
    """Return cards for all that ever succeeded in a run folder, when nothing can be compared."""
    stems = sorted(path.stem for path in folder.glob(".markers/*.json"))
    markers = {stem: read_marker(folder, stem) for stem in stems}
    return [Card(stem, "earlier result", "", m.record) for stem, m in markers.items() if m]


def write_index(folder: Path, dataset: str, cards: list[Card], banner: str = "") -> Path:
    """Write `index.html` of a run folder.

    Parameters
    ----------
    folder : Path
        The run folder; its `results.csv` becomes the results table.
    dataset : str
    cards : list of Card
        One per notebook, in order.
    banner : str, optional
        Why the last call did nothing.

    Returns
    -------
    Path
        The page.
    """
    failures = [card for card in cards if card.status == "failed"]
    index = folder / "index.html"
    write_html(
        index,
        "index.html.j2",
        run=folder.name,
        dataset=without_paths(dataset, folder),
        banner=without_paths(banner, folder),
        failures=[(card.stem, without_paths(card.detail, folder)) for card in failures],
        results=_results(folder / "results.csv"),
        results_are_old=_results_are_old(folder, cards),
        cards=[_card(folder, card) for card in cards],
        facts=_facts([card for card in cards if "date" in card.record]),
    )
    return index


def _results(path: Path) -> dict[str, list] | None:
    """Return headings, and rows of (text, is best) cells, of `results.csv`; None without it."""
    if not path.is_file():
        return None
    with path.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    columns = [name for name in _COLUMNS if rows and name in rows[0]]
    best = {name: _best([_number(row[name]) for row in rows], name) for name in columns}
    table = [
        [(row.get("method", ""), False)]
        + [_cell(name, _number(row[name]), best[name]) for name in columns]
        for row in rows
    ]
    return {"headings": ["Method", *(_COLUMNS[name][0] for name in columns)], "rows": table}


def _number(text: str | None) -> float:
    try:
        return float(text or "nan")
    except ValueError:
        return math.nan


def _best(values: list[float], column: str) -> float | None:
    finite = [value for value in values if math.isfinite(value)]
    return max(finite) if finite and _COLUMNS[column][2] else None


def _cell(column: str, value: float, best: float | None) -> tuple[str, bool]:
    if not math.isfinite(value):
        return "–", False
    return _COLUMNS[column][1].format(value).replace("-", "−"), value == best


def _results_are_old(folder: Path, cards: list[Card]) -> bool:
    """Return whether the notebook that wrote the results table is no longer up to date."""
    doubtful = [card.stem for card in cards if card.status != "up to date"]
    markers = [read_marker(folder, stem) for stem in doubtful]
    return any(marker and "results.csv" in marker.outputs for marker in markers)


def _card(folder: Path, card: Card) -> dict[str, object]:
    page = f"{card.stem}.failed.html" if card.status == "failed" else f"{card.stem}.html"
    earlier = f"{card.stem}.html"
    thumbnail = folder / "figures" / f"{card.stem}.webp"
    return {
        "stem": card.stem,
        "status": card.status,
        "detail": without_paths(card.detail, folder),
        "record": card.record,
        "page": page if (folder / page).is_file() else None,
        "earlier": earlier if page != earlier and (folder / earlier).is_file() else None,
        "thumbnail": small_copy(thumbnail) if thumbnail.is_file() else None,
    }


def _facts(cards: list[Card]) -> list[tuple[str, list[str]]]:
    """Return what the results were made from and on; notebooks are named where they differ."""
    facts = [
        ("Commit", _gathered(cards, lambda record: record["commit"] or "not in a git clone")),
        ("Machine", _gathered(cards, lambda record: record["machine"])),
        ("Versions", _gathered(cards, lambda record: _listed(record["versions"]))),
        ("Finished", _gathered(cards, lambda record: record["date"])),
    ]
    names = dict.fromkeys(name for card in cards for name in card.record["parameters"])
    names.pop("run_folder", None)
    values = {
        name: _gathered(cards, lambda record, name=name: record["parameters"].get(name))
        for name in names
    }
    parameters = [f"{name} = {', '.join(texts)}" for name, texts in values.items()]
    total = sum(card.record["seconds"] for card in cards)
    return [("Parameters", parameters), *facts, ("Time in notebooks", [in_words(total)])]


def _listed(versions: dict[str, str]) -> str:
    return ", ".join(f"{name} {version}" for name, version in versions.items())


def _gathered(cards: list[Card], value) -> list[str]:
    notebooks: dict[str, list[str]] = {}
    for card in cards:
        text = value(card.record)
        if text is not None:
            notebooks.setdefault(text, []).append(card.stem[:2])
    if len(notebooks) == 1:
        return list(notebooks)
    return [f"{text} (in {', '.join(stems)})" for text, stems in notebooks.items()]
