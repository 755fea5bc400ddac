"""Download datasets, and tell which are there."""

import logging
from importlib.resources import files
from pathlib import Path

import pandas as pd
import pooch
import requests
from tqdm import tqdm

from casestudy import CaseStudyError
from casestudy.data.catalogue import DATASETS
from casestudy.data.getting.add import fetch_sidd
from casestudy.data.getting.download import RETRIES, TIMEOUT
from casestudy.data.sets import bsds500, renoir, sample, sidd, sidd_blocks
from casestudy.files.folders import data_root

POLYU_URL = (
    "https://raw.githubusercontent.com/csjunxu/PolyU-Real-World-Noisy-Images-Dataset/master/"
)
POLYU_HOME = "github.com/csjunxu/PolyU-Real-World-Noisy-Images-Dataset"
POLYU_TERMS = "research and education, non-commercial, with the notice in License.txt"
POLYU_REGISTRY = Path(str(files("casestudy.data.getting") / "polyu.txt"))


def fetch(dataset: str, base_url: str = POLYU_URL, registry: Path = POLYU_REGISTRY) -> Path | None:
    """Download a dataset into the data root, with a progress bar.

    Every file is checked against its SHA-256 before it gets its name. Files that are there
    and right are not fetched again, so that a later call goes on where one was interrupted.

    Parameters
    ----------
    dataset : str
        "polyu", PolyU's crops; "sidd", its Medium set; "sample" needs no download.
    base_url : str
        Where the registry's names are found; ends in "/". This and the next are of PolyU.
    registry : Path
        Lines of name and SHA-256.

    Returns
    -------
    Path or None
        The folder that holds the files; None where nothing is to be downloaded.

    Raises
    ------
    CaseStudyError
        If the dataset is unknown or cannot be downloaded by a program, or a file cannot be
        fetched, has another content than expected, or cannot be stored.
    """
    if dataset == "sample":
        return None
    if dataset == "sidd":
        return fetch_sidd()
    if dataset == "renoir":
        raise CaseStudyError(renoir.STEPS)
    if dataset != "polyu":
        raise CaseStudyError(
            f"{dataset!r} cannot be fetched. `casestudy data fetch` knows: polyu, sidd "
            "(and sample, which needs no download); `casestudy data list` tells of the others."
        )
    pooch.get_logger().setLevel(logging.WARNING)  # one bar instead of a line per file
    source = pooch.create(
        data_root() / "polyu", base_url=base_url, env=None, retry_if_failed=RETRIES
    )
    source.load_registry(registry)
    for name in tqdm(source.registry_files, desc=f"Fetching {dataset}", unit="file"):
        _fetch_file(source, name)
    return source.abspath


def _fetch_file(source: pooch.Pooch, name: str) -> None:
    target, url = source.abspath / name, source.get_url(name)
    try:
        source.fetch(name, downloader=pooch.HTTPDownloader(timeout=TIMEOUT))
    except requests.HTTPError as error:
        raise CaseStudyError(
            f"{url} could not be had: the server answered {error.response.status_code}. "
            "Try again later; if it stays so, the dataset has moved."
        ) from error
    except requests.RequestException as error:
        raise CaseStudyError(
            f"{url} could not be reached ({type(error).__name__}). Check the network and run "
            "the command again, which goes on from here; or copy License.txt and CroppedImages/ "
            f"of {POLYU_HOME} to {source.abspath}."
        ) from error
    except ValueError as error:
        raise CaseStudyError(
            f"{url} has another content than expected (SHA-256), so {target} was not written. "
            "Run the command again; if it stays so, the file was changed or the network alters it."
        ) from error
    except OSError as error:
        raise CaseStudyError(
            f"{target} could not be written: {error.strerror or error}. Free some space, or set "
            "CASESTUDY_DATA to a folder you may write to."
        ) from error


def availability() -> pd.DataFrame:
    """Tell of every dataset what it is, whether it is there, and how to get it.

    Returns
    -------
    DataFrame
        Columns dataset, what, pairs (0 where it is missing or incomplete), where, terms, get.
    """
    root = data_root() / "polyu"
    rows = [
        (
            "sample",
            "photographs shipped with Python packages, simulated camera noise",
            len(sample.pairs()),
            "built in",
            "free licences, listed in data/README.md",
            "nothing to download",
        ),
        (
            "polyu",
            "PolyU crops, 512x512, real noise of 5 cameras",
            _count("polyu"),
            str(root / "CroppedImages"),
            POLYU_TERMS,
            "casestudy data fetch polyu (4.7 MB)",
        ),
        (
            "polyu-frames",
            "PolyU whole frames, real noise of 5 cameras",
            _count("polyu-frames"),
            str(root / "OriginalImages"),
            POLYU_TERMS,
            f"copy OriginalImages from {POLYU_HOME} (104 MB)",
        ),
        (
            "bsds500",
            "BSDS500 photographs, 481x321, simulated noise of random cameras",
            _count("bsds500"),
            str(bsds500.folder()),
            bsds500.TERMS,
            bsds500.REMEDY,
        ),
        (
            "bsds500-clean",
            "the same photographs without noise, which a denoiser should leave alone",
            _count("bsds500-clean"),
            str(bsds500.folder()),
            bsds500.TERMS,
            bsds500.REMEDY,
        ),
        (
            "sidd",
            "SIDD, whole frames, real noise of 5 phones",
            _count("sidd"),
            _where("sidd"),
            sidd.TERMS,
            sidd.REMEDY,
        ),
        (
            "renoir",
            "RENOIR, whole frames in dim light, real noise of 3 cameras",
            _count("renoir"),
            _where("renoir"),
            renoir.TERMS,
            renoir.REMEDY,
        ),
        (
            "sidd+renoir",
            "both, as in the article: 541 pairs",
            _count("sidd+renoir"),
            "as above",
            "those of both",
            "get both",
        ),
        (
            "sidd-validation",
            "SIDD's 1,280 blocks of 256x256 to test on, real noise of 5 phones",
            _count("sidd-validation"),
            str(data_root() / "sidd"),
            sidd.TERMS,
            f"put {sidd_blocks.VALIDATION_NOISY}.mat and {sidd_blocks.VALIDATION_CLEAN}.mat "
            f"(462 MB, {sidd_blocks.HOME}) into sidd/ in the data root",
        ),
        (
            "folder:PATH",
            "your own pairs",
            None,
            "PATH/noisy and PATH/clean",
            "yours",
            "put equal file names into PATH/noisy and PATH/clean",
        ),
    ]
    columns = ["dataset", "what", "pairs", "where", "terms", "get"]
    return pd.DataFrame(rows, columns=columns).astype({"pairs": "Int64"})


def _where(dataset: str) -> str:
    """Return the folder that the folders of a dataset's first pair lie in."""
    try:
        return str(DATASETS[dataset]()[0].noisy_path.parents[1])
    except CaseStudyError:
        return ""


def _count(dataset: str) -> int:
    try:
        return len(DATASETS[dataset]())
    except CaseStudyError:
        return 0
