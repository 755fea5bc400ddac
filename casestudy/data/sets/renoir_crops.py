"""Crops of RENOIR: real noise of one Canon camera in dim light; see `casestudy.data.sets.renoir`.

The clean frames were shifted onto the noisy ones and, where two agree, averaged. `pairs.csv`
lists the crops, `NAME_noisy.png` and `NAME_gt.png`, with the scene that each shows.
"""

import csv
from pathlib import Path

from casestudy import CaseStudyError
from casestudy.data.dataset import Dataset
from casestudy.data.pairs import FilePair
from casestudy.data.sets.renoir import CAMERAS, RENOIR
from casestudy.files.folders import data_root

TABLE = "renoir/pairs.csv"
VALIDATION_SCENES = {28, 31, 38}


def _find() -> tuple[list[FilePair], list[Path]]:
    """Return the crops; those to train on whose two images agree only in part are left out."""
    table = data_root() / TABLE
    if not table.is_file():
        raise CaseStudyError(
            f"{table} is not there. Set CASESTUDY_DATA to the folder that holds {TABLE}."
        )
    with table.open(newline="") as file:
        rows = sorted(csv.DictReader(file), key=lambda row: row["name"])
    return [
        _pair(table.parent, row["name"], int(row["scene"]), row["part"])
        for row in rows
        if row["part"] == "test" or row["sound"] == "yes"
    ], []


def _pair(folder: Path, name: str, scene: int, part: str) -> FilePair:
    noisy, clean = (folder / part / f"{name}_{kind}.png" for kind in ("noisy", "gt"))
    if missing := [file for file in (noisy, clean) if not file.is_file()]:
        raise CaseStudyError(f"{missing[0]} is not there, though {TABLE} lists it. Copy it again.")
    return FilePair(
        id=name,
        scene=f"T3i_Batch_{scene:03d}",  # as in the whole set
        camera=CAMERAS["T3i"],
        part="validation" if scene in VALIDATION_SCENES else part,
        noisy_path=noisy,
        clean_path=clean,
    )


CROPS = Dataset(
    name="renoir-crops",
    summary="RENOIR crops, about 512x512, real noise of a Canon EOS Rebel T3i in dim light",
    terms=RENOIR.terms,
    get=f"put the crops and their table into renoir/ in the data root ({TABLE})",
    where=lambda found: str(data_root() / "renoir"),
    find=_find,
    families=RENOIR.families,
)
