"""Denoising for many people, one photograph after the other: the web app without its pages."""

import os
import re
import threading
import time
import traceback
from collections import deque
from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
from PIL import Image
from starlette.formparsers import MultiPartParser

from casestudy import CaseStudyError
from casestudy.denoising.methods import photo_denoiser
from casestudy.denoising.strength import noise_stays
from casestudy.files.encoding import encode_photo, fitting
from casestudy.files.memory import give_back_freed_memory, give_back_large_blocks
from casestudy.files.photos import Photo, as_8_bits, decode_photo

MAX_MEGAPIXELS = "CASESTUDY_MAX_MEGAPIXELS"  # environment variable that `casestudy app` sets
MAX_BYTES = 100 << 20  # of an upload; maxUploadSize in config.toml makes the server refuse more
MAX_WAITING = 16
MAX_SECONDS = 600  # for one photograph
IDLE_SECONDS = 30  # without work, until memory is given back
ABANDONED_SECONDS = 90  # browsers wake pages in the background once a minute

denoiser = cache(photo_denoiser)  # each is loaded once per process


def max_pixels() -> float:
    """Return the most pixels that a photograph may have."""
    return float(os.environ.get(MAX_MEGAPIXELS, "24")) * 1e6


def open_photo(content: bytes, name: str) -> Photo:
    """Read an uploaded file.

    Raises
    ------
    CaseStudyError
        If it is not a photograph of at most `max_pixels`; the message has no markup of `name`.
    """
    # Pillow refuses images of twice this number before `max_pixels` is checked.
    Image.MAX_IMAGE_PIXELS = max(Image.MAX_IMAGE_PIXELS, max_pixels())
    return decode_photo(content, shown_name(name), max_pixels())


def shown_name(name: str) -> str:
    """Return a file's name without folders and markup, shortened to 40 characters."""
    plain = re.sub(r"[^\w. -]+", "_", re.split(r"[/\\]", name)[-1]).strip()
    return plain if len(plain) <= 40 else f"{plain[:28]}…{plain[-11:]}"


def stem(name: str) -> str:
    """Return a file's name without its suffix and characters that some systems forbid."""
    return Path(re.sub(r'[/\\:*?"<>|\x00-\x1f\x7f-\x9f]', "_", name)).stem


class Stopped(Exception):
    """Nobody waits for the work any more."""


class Job:
    """A photograph being denoised."""

    def __init__(self, photo: Photo, network: str, runtime: str):
        self.photo, self.network, self.runtime = photo, network, runtime
        self.denoised: Photo | None = None
        self.noise_stays = False
        # Then "preparing", which loads the network, "working", and "done", "stopped" or "failed".
        self.state = "waiting"
        self.share = 0.0  # of the tiles that are done
        self.error = ""  # why the work failed
        self._began = self._ended = 0.0
        self._stop, self._looked = False, time.monotonic()

    @property
    def seconds(self) -> float:
        """Time that the work took, or has taken so far."""
        return (self._ended or time.monotonic()) - self._began if self._began else 0.0

    @property
    def seconds_left(self) -> float | None:
        """Time that the remaining tiles will take; None while it is unknown."""
        return self.seconds * (1 / self.share - 1) if self.share else None

    @property
    def over(self) -> bool:
        return self.state in ("done", "stopped", "failed")

    def look(self) -> None:
        """Note that somebody still waits for it."""
        self._looked = time.monotonic()

    def stop(self) -> None:
        """End it: at once if it waits, otherwise after the current tile or the preparing."""
        self._stop = True
        if self.state == "waiting":
            self.state = "stopped"

    @property
    def stopping(self) -> bool:
        return self._stop and not self.over

    @property
    def unwanted(self) -> bool:
        return self._stop or time.monotonic() - self._looked > ABANDONED_SECONDS

    def run(self) -> None:
        """Do the work, in the thread of the caller."""
        try:
            if self.unwanted:
                raise Stopped
            self.state = "preparing"
            work = denoiser(self.network, self.runtime)
            self.state, self._began = "working", time.monotonic()
            pixels = work(self.photo.pixels, progress=self._tiles)
            self.denoised = replace(self.photo, pixels=pixels)
            self.noise_stays = noise_stays(self.photo.pixels, pixels)
            self.share, self.state = 1.0, "done"
        except Stopped:
            self.state = "stopped"
        except CaseStudyError as error:
            if self.state == "preparing":  # The message is about the server: not for visitors.
                traceback.print_exc()
                self.error = "This network could not be made ready here. Choose another one."
            else:
                self.error = str(error)
            self.state = "failed"
        except MemoryError:
            self.state, self.error = "failed", "This photo needs more memory than is free."
        except Exception:
            self.state, self.error = "failed", "Something went wrong with this photo."
            raise
        finally:
            self._ended = time.monotonic()

    def _tiles(self, tiles: list) -> Iterator:
        for done, tile in enumerate(tiles):
            self.share = done / len(tiles)
            if self.unwanted:
                raise Stopped
            if self.seconds > MAX_SECONDS:
                raise CaseStudyError(
                    f"This took more than {MAX_SECONDS // 60} minutes. Use a smaller photo or a "
                    "faster network."
                )
            yield tile
        if self.unwanted:
            raise Stopped


class Line:
    """Photographs wait here. All cores work on one at a time, tile by tile."""

    def __init__(self):
        give_back_large_blocks()
        self._waiting: deque[Job] = deque()
        self._working = False
        self._changed = threading.Condition()
        threading.Thread(target=self._work, name="denoising", daemon=True).start()

    def join(self, job: Job) -> None:
        """Put a photograph at the end.

        Raises
        ------
        CaseStudyError
            If the line is too long.
        """
        with self._changed:
            self._forget_unwanted()
            if len(self._waiting) >= MAX_WAITING:
                raise CaseStudyError("Too many people are waiting. Try again in a few minutes.")
            self._waiting.append(job)
            self._changed.notify()

    def place(self, job: Job) -> int:
        """Return the number of photographs before this one, with the one being worked on."""
        with self._changed:
            self._forget_unwanted()
            return self._waiting.index(job) + self._working if job in self._waiting else 0

    def _forget_unwanted(self) -> None:
        for job in [job for job in self._waiting if job.unwanted]:
            job.stop()
            self._waiting.remove(job)

    def _work(self) -> None:
        while True:
            with self._changed:
                while not self._changed.wait_for(lambda: self._waiting, IDLE_SECONDS):
                    give_back_freed_memory()
                job = self._waiting.popleft()
                self._working = True
            try:
                job.run()
            except Exception:  # the other photographs are still denoised
                traceback.print_exc()
            self._working = False
            del job  # otherwise the last photograph would stay in memory


@cache  # not Streamlit's, which any visitor may clear
def line() -> Line:
    """Return the line in which everybody's photographs wait, one for the whole server."""
    # By default, Starlette writes uploads of more than 1 MB to a temporary file.
    MultiPartParser.spool_max_size = MAX_BYTES + (1 << 20)
    return Line()


def residual(before: np.ndarray, after: np.ndarray, factor: float) -> np.ndarray:
    """Return what was removed, times a factor, on middle grey; all are uint8 RGB."""
    removed = before.astype(np.float32) - after
    return np.clip(np.round(128 + factor * removed), 0, 255).astype(np.uint8)


def encode(photo: Photo, format: str) -> bytes:
    """Return a photograph as a PNG or JPEG file; JPEG: 8 bits, opaque; PNG: floats in 16 bits."""
    if format == "JPEG":
        pixels = as_8_bits(photo.pixels)
        colours = 1 if pixels.shape[2] < 3 else 3  # as the colour profile
        photo = replace(photo, pixels=np.ascontiguousarray(pixels[..., :colours]))
    elif photo.pixels.dtype == np.float32:
        photo = replace(photo, pixels=np.round(photo.pixels * 65_535).astype(np.uint16))
    return encode_photo(fitting(photo, format), format)
