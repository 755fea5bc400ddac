"""Download PolyU's crops, each file checked against its SHA-256."""

import logging
from pathlib import Path

import pooch
import requests
from tqdm import tqdm

from casestudy import CaseStudyError
from casestudy.data.getting.download import RETRIES, TIMEOUT, failure
from casestudy.data.sets.polyu import CROPS, HOME
from casestudy.files.folders import data_root

URL = "https://raw.githubusercontent.com/csjunxu/PolyU-Real-World-Noisy-Images-Dataset/master/"
REGISTRY = Path(__file__).with_suffix(".txt")


def fetch_polyu(url: str = URL, registry: Path = REGISTRY) -> Path:
    """Download the crops and their licence into the data root, with a progress bar.

    Files that are there and right are not fetched again, so a later call resumes where an
    earlier one was interrupted.

    `url` is the address of a folder, with a "/" at its end. `registry` is a file with the names
    and SHA-256 of the files in it. Returns the dataset's folder.

    Raises
    ------
    CaseStudyError
        If a file cannot be fetched, differs from the published one, or cannot be stored.
    """
    pooch.get_logger().setLevel(logging.WARNING)  # one bar instead of a line per file
    source = pooch.create(
        data_root() / CROPS.name, base_url=url, env=None, retry_if_failed=RETRIES
    )
    source.load_registry(registry)
    for name in tqdm(
        source.registry_files, desc=f"Fetching {CROPS.name}", unit="file", disable=None
    ):
        _fetch_file(source, name)
    return source.abspath


def _fetch_file(source: pooch.Pooch, name: str) -> None:
    target, url = source.abspath / name, source.get_url(name)
    try:
        source.fetch(name, downloader=pooch.HTTPDownloader(timeout=TIMEOUT))
    except requests.RequestException as error:
        raise CaseStudyError(
            f"{url} could not be downloaded ({failure(error)}). Check the network and run the "
            "command again, which resumes here; or copy License.txt and CroppedImages/ of "
            f"{HOME} to {source.abspath}."
        ) from error
    except ValueError as error:
        raise CaseStudyError(
            f"{url} differs from the published file (SHA-256), so {target} was not written. "
            "Run the command again; if it stays so, the file was changed or the network alters it."
        ) from error
    except OSError as error:
        raise CaseStudyError(
            f"{target} could not be written: {error.strerror or error}. Free some space, or set "
            "CASESTUDY_DATA to a folder you may write to."
        ) from error
