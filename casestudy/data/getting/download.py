"""Download one large file, from where an earlier download stopped."""

import time
from pathlib import Path

import requests
from tqdm import tqdm

from casestudy import CaseStudyError

RETRIES = 2  # after a failure, with a pause of seconds
TIMEOUT = 30  # seconds without an answer
CHUNK = 1 << 16  # bytes, of which a cut connection loses the last


def download(url: str, path: Path, size: int) -> None:
    """Download a file, with a progress bar; the bytes that are there are not fetched again.

    Parameters
    ----------
    url : str
    path : Path
        Holds the beginning of the file, or is not there.
    size : int
        Bytes of the whole file, which the server must agree to.

    Raises
    ------
    CaseStudyError
        If the server has no file of this size.
    requests.RequestException
        If the connection fails `RETRIES` times without a byte in between.
    OSError
        If the file cannot be written.
    """
    failures = 0
    while (start := _length(path)) != size:
        try:
            _resume(url, path, size, start)
        except (
            requests.ConnectionError,
            requests.Timeout,
            requests.exceptions.ChunkedEncodingError,
        ):
            failures = 0 if _length(path) > start else failures + 1
            if failures > RETRIES:
                raise
            time.sleep(failures)


def failure(error: requests.RequestException) -> str:
    """Return why a request failed, in a few words."""
    status = getattr(error.response, "status_code", None)
    return f"the server answered {status}" if status else type(error).__name__


def _length(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def _resume(url: str, path: Path, size: int, start: int) -> None:
    headers = {"Accept-Encoding": "identity"}
    if 0 < start < size:
        headers["Range"] = f"bytes={start}-"
    with requests.get(url, headers=headers, stream=True, timeout=TIMEOUT) as response:
        response.raise_for_status()
        if not response.headers.get("Content-Range", "").startswith(f"bytes {start}-"):
            start = 0  # the server sends the whole file
        length = int(response.headers.get("Content-Length", 0))
        if start + length != size:
            raise CaseStudyError(
                f"{url} should have {size:,} bytes, but {start + length:,} are offered: the "
                "dataset has changed, or the network answers in its place."
            )
        with (
            path.open("ab" if start else "wb") as file,
            tqdm(
                total=size, initial=start, desc=path.stem, unit="B", unit_scale=True, disable=None
            ) as bar,
        ):
            for chunk in response.iter_content(CHUNK):
                file.write(chunk)
                bar.update(len(chunk))
