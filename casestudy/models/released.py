"""The files of trainings that come with the package, and their checksums.

Each released network has its weights, training history, manifest, scores on every test set and
model card; most also a LiteRT file in 8 bits, so that their first use needs no conversion. The
trainings of the recipe `equal-cost` come without weights. `SHA256SUMS` lists all files of a
folder, in the format of the command sha256sum.
"""

import json
from pathlib import Path

from casestudy import CaseStudyError
from casestudy.files import provenance
from casestudy.models.networks import NETWORKS, Network

FOLDER = Path(__file__).parent / "released"
EQUAL_COST = Path(__file__).parent / "equal_cost"
SUMS = "SHA256SUMS"
RECORDS = (".history.csv", ".json", ".scores.csv", ".md")
SUFFIXES = (".safetensors", *RECORDS)
INT8 = ".int8.tflite"
# Networks with such a file. That of PRIDNet would be as large as all the others together.
IN_8_BITS = ("autoencoder", "cbdnet", "ridnet", "drunet")


def titles() -> dict[str, str]:
    """Return the titles of the released networks by their names in `NETWORKS`."""
    return {name: network.title for name, network in NETWORKS.items() if network.released}


def record(network: str) -> Network:
    """Return the record of a released network; raise CaseStudyError if none has this name."""
    if network not in titles():
        known = ", ".join(titles())
        raise CaseStudyError(f"Unknown released network {network!r}. Known: {known}.")
    return NETWORKS[network]


def released_file(network: str, suffix: str) -> Path:
    """Return a network's file, with one of `SUFFIXES` or `INT8`, after checking its checksum.

    Raises
    ------
    CaseStudyError
        If no released network has this name, or the file is missing or altered.
    """
    record(network)
    return checked(FOLDER / f"{network}{suffix}")


def checked(path: Path) -> Path:
    """Return the path of a file that comes with the package; for errors see `released_file`."""
    if not path.is_file():
        raise _damaged(path, "is missing")
    if provenance.hash_file(path) != read_checksums(path.parent).get(path.name):
        raise _damaged(path, "was altered (its SHA-256 differs)")
    return path


def manifest(network: str) -> dict[str, object]:
    """Return the record of a released network's training; see `casestudy.training.manifest`."""
    return json.loads(released_file(network, ".json").read_text())


def read_checksums(folder: Path) -> dict[str, str]:
    """Return the SHA-256 of every file of `FOLDER` or `EQUAL_COST` by the file's name."""
    path = folder / SUMS
    try:
        lines = path.read_text().splitlines()
    except FileNotFoundError:
        raise _damaged(path, "is missing") from None
    return {name: digest for digest, _, name in (line.partition("  ") for line in lines)}


def _damaged(path: Path, fault: str) -> CaseStudyError:
    return CaseStudyError(
        f"{path} {fault}. In a clone, `git checkout -- {path}` restores it; otherwise, install "
        "the package again."
    )
