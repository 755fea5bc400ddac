"""The networks that come with the package: their files, and how to know that they are whole.

Beside the weights of each lie the training history, the manifest, the scores on PolyU and a model
card. `SHA256SUMS` lists them all, in the format of the command sha256sum.
"""

import json
from pathlib import Path
from typing import TYPE_CHECKING


from casestudy import CaseStudyError
from casestudy.files import provenance

if TYPE_CHECKING:  # denoising a photograph needs no tables
    import pandas as pd

FOLDER = Path(__file__).parent / "released"
SUMS = "SHA256SUMS"
SUFFIXES = (".safetensors", ".history.csv", ".json", ".polyu.csv", ".md")
TITLES = {  # in comparisons
    "autoencoder": "autoencoder",
    "cbdnet": "CBDNet",
    "pridnet-half": "PRIDNet, half width",
    "ridnet": "RIDNet",
}
NETWORKS = tuple(TITLES)


def released_file(network: str, suffix: str) -> Path:
    """Return a file of a released network after comparing its checksum.

    Parameters
    ----------
    network : str
        A name in `NETWORKS`.
    suffix : str
        One of `SUFFIXES`: weights, training history, manifest, scores on PolyU or model card.

    Raises
    ------
    CaseStudyError
        If there is no such network; if the file is missing or has another content than it was
        released with.
    """
    if network not in NETWORKS:
        raise CaseStudyError(
            f"Unknown released network {network!r}. Known: {', '.join(NETWORKS)}."
        )
    path = FOLDER / f"{network}{suffix}"
    if not path.is_file():
        raise _damaged(path, "is missing")
    if provenance.hash_file(path) != read_checksums().get(path.name):
        raise _damaged(path, "is not what was released (its SHA-256 differs)")
    return path


def read_history(network: str) -> "pd.DataFrame":
    """Return the training history of a released network; see `casestudy.training.train.train`."""
    import pandas as pd

    return pd.read_csv(released_file(network, ".history.csv"))


def read_manifest(network: str) -> dict[str, object]:
    """Return what was written down of the training of a released network."""
    return json.loads(released_file(network, ".json").read_text())


def read_checksums() -> dict[str, str]:
    """Return the SHA-256 of every released file by its name."""
    path = FOLDER / SUMS
    try:
        lines = path.read_text().splitlines()
    except FileNotFoundError:
        raise _damaged(path, "is missing") from None
    return {name: digest for digest, _, name in (line.partition("  ") for line in lines)}


def _damaged(path: Path, what: str) -> CaseStudyError:
    return CaseStudyError(
        f"{path} {what}. `git checkout -- {path}` restores it in a clone; elsewhere install the "
        "package anew."
    )
