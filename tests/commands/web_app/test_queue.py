"""The web app's work without its pages: limits, the line, stopping, downloads."""

import io
import struct
import subprocess
import sys
import time
import zlib

import numpy as np
import pytest
import streamlit
from PIL import Image
from typer.testing import CliRunner

from casestudy import CaseStudyError
from casestudy.commands import main
from casestudy.commands.web_app import queue
from casestudy.commands.web_app.queue import (
    Job,
    Line,
    encode,
    open_photo,
    residual,
    shown_name,
    stem,
)
from casestudy.files.photos import Photo, decode_photo


def png(height=40, width=60):
    rng = np.random.default_rng(0)
    buffer = io.BytesIO()
    Image.fromarray(rng.integers(0, 256, (height, width, 3), np.uint8)).save(buffer, "PNG")
    return buffer.getvalue()


def bomb():
    header = b"IHDR" + struct.pack(">IIBBBBB", 50_000, 50_000, 8, 2, 0, 0, 0)
    checksum = struct.pack(">I", zlib.crc32(header))
    return b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + header + checksum + b"\0\0\0\0IDAT"


def finish(job, seconds=60):
    until = time.monotonic() + seconds
    while not job.over and time.monotonic() < until:
        time.sleep(0.02)
    return job.state


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"hello", "is not a PNG"),
        (b"", "is empty"),
        (png()[:-200], "damaged or cut off"),
        (bomb(), "more than 24 megapixels"),
    ],
    ids=["text", "empty", "truncated", "bomb"],
)
def test_bad_files_are_refused_by_name(content, said):
    with pytest.raises(CaseStudyError, match=said) as refusal:
        open_photo(content, "holiday.png")
    assert str(refusal.value).startswith("holiday.png")


def test_a_server_may_take_more_pixels_than_pillow_does(monkeypatch):
    buffer = io.BytesIO()
    Image.new("1", (13_400, 13_400)).save(buffer, "PNG")
    assert 2 * Image.MAX_IMAGE_PIXELS < 13_400**2
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", Image.MAX_IMAGE_PIXELS)  # restored afterwards
    monkeypatch.setenv(queue.MAX_MEGAPIXELS, "300")
    assert open_photo(buffer.getvalue(), "a.png").pixels.shape == (13_400, 13_400, 1)
    monkeypatch.setenv(queue.MAX_MEGAPIXELS, "0.5")
    with pytest.raises(CaseStudyError, match=r"more than 0\.5 megapixels"):
        open_photo(buffer.getvalue(), "a.png")


@pytest.mark.parametrize("megapixels", ["0", "-1"])
def test_a_server_that_takes_no_photograph_is_not_started(megapixels):
    outcome = CliRunner().invoke(main.app, ["app", "--max-megapixels", megapixels])
    assert outcome.exit_code == 2


def test_hostile_names_are_harmless_and_short():
    assert shown_name("../../etc/passwd") == "passwd"
    assert not set("<>[]()*`$&") & set(shown_name("<b>[x](http://y)*`$&.png"))
    assert len(shown_name("a" * 5000 + ".png")) == 40


def test_downloads_are_named_as_the_photograph_is():
    assert stem("small (1).png") == "small (1)"
    assert stem("Käse & Brot [2], 100 %.tar.png") == "Käse & Brot [2], 100 %.tar"
    assert stem("a" * 200 + ".png") == "a" * 200
    assert stem('../a\\b:c*d?e"f<g>h|i\n\x7f.png') == ".._a_b_c_d_e_f_g_h_i__"


def test_cmyk_is_converted_and_an_animation_is_its_first_image():
    image = Image.new("RGB", (20, 20), "red")
    buffer = io.BytesIO()
    image.convert("CMYK").save(buffer, "JPEG")
    assert open_photo(buffer.getvalue(), "a.jpg").conversions == ("CMYK was converted to RGB.",)
    buffer = io.BytesIO()
    image.save(buffer, "WEBP", save_all=True, append_images=[Image.new("RGB", (20, 20), "blue")])
    assert "first of several" in open_photo(buffer.getvalue(), "a.webp").conversions[0]


@pytest.mark.parametrize("size", [(1, 1), (3, 2000)])
def test_odd_sizes_are_denoised(size):
    job = Job(open_photo(png(*size), "a.png"), "nlm", "")
    Line().join(job)
    assert finish(job) == "done"
    assert job.denoised.pixels.shape == (*size, 3)


def test_everybody_gets_their_own_picture_and_sees_their_place():
    line = Line()
    jobs = [Job(Photo(np.full((300, 300, 3), v, np.uint8)), "nlm", "") for v in (50, 100, 200)]
    for job in jobs:
        line.join(job)
    assert line.place(jobs[2]) > 0
    for job, value in zip(jobs, (50, 100, 200), strict=True):
        assert finish(job) == "done"
        assert np.abs(job.denoised.pixels.astype(int) - value).max() <= 1
    assert line.place(jobs[2]) == 0


def test_visitors_cannot_clear_the_line():
    """Any browser may send Streamlit the message `clear_cache`, which clears its caches."""
    line = queue.line()
    streamlit.cache_resource.clear()
    assert queue.line() is line


def test_who_was_away_too_long_is_told_and_not_kept_waiting(monkeypatch):
    """The owner of the second photo looks again when it is out of the line already."""
    monkeypatch.setattr(queue, "denoiser", lambda *_: lambda pixels, progress: time.sleep(1))
    line, photo = Line(), Photo(np.zeros((8, 8, 3), np.uint8))
    first, second = (Job(photo, "nlm", "") for _ in range(2))
    for job in (first, second):
        line.join(job)
    monkeypatch.setattr(queue, "ABANDONED_SECONDS", 0)
    assert line.place(first) == 0
    monkeypatch.undo()
    second.look()
    assert second.state == "stopped"


def test_what_is_wrong_with_the_server_is_not_told(monkeypatch):
    def damaged(*_):
        raise CaseStudyError("/srv/models/ridnet.safetensors is missing")

    monkeypatch.setattr(queue, "denoiser", damaged)
    job = Job(Photo(np.zeros((8, 8, 3), np.uint8)), "ridnet", "keras")
    Line().join(job)
    assert finish(job) == "failed"
    assert (
        job.error.startswith("This network could not be made ready here") and "/" not in job.error
    )


def test_stop_ends_the_work_after_a_tile(monkeypatch):
    from functools import partial

    from casestudy.denoising.tiles import denoise

    tiles = []

    def slow(noisy):
        tiles.append(noisy)
        time.sleep(0.1)
        return noisy

    monkeypatch.setattr(queue, "denoiser", lambda *_: partial(denoise, slow, tile=32))
    job = Job(Photo(np.zeros((320, 320, 3), np.uint8)), "ridnet", "keras")
    Line().join(job)
    while not job.share:
        time.sleep(0.02)
    job.stop()
    assert finish(job, 5) == "stopped"
    assert len(tiles) < 10 and job.denoised is None


def test_the_residual_is_on_grey():
    before = np.full((2, 2, 3), 100, np.uint8)
    assert (residual(before, before, 8) == 128).all()
    assert (residual(before, before - 2, 8) == 144).all()


@pytest.mark.parametrize("channels", [1, 3, 4])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_downloads_keep_size_and_exif(dtype, channels):
    exif = Image.Exif()
    exif[0x010F] = "Maker"
    pixels = np.full((10, 20, channels), 90, dtype)
    for format in ("PNG", "JPEG"):
        content = encode(Photo(pixels, exif.tobytes().removeprefix(b"Exif\0\0")), format)
        opened = decode_photo(content, "x")
        assert opened.pixels.shape[:2] == (10, 20)
        with Image.open(io.BytesIO(content)) as image:
            assert image.format == format and image.getexif()[0x010F] == "Maker"


def test_exif_that_does_not_fit_into_a_jpeg_does_not_cost_the_download():
    exif = Image.Exif()
    exif[0x010F] = "Maker" * 20_000
    photo = Photo(np.zeros((10, 20, 3), np.uint8), exif.tobytes().removeprefix(b"Exif\0\0"))
    for format, kept in (("PNG", True), ("JPEG", False)):
        with Image.open(io.BytesIO(encode(photo, format))) as image:
            assert (0x010F in image.getexif()) == kept


FORGET = """
import re
from pathlib import Path
import numpy as np
from casestudy.commands.web_app.queue import Line
resident = lambda: int(re.search(r"VmRSS:\\s+(\\d+)", Path("/proc/self/status").read_text())[1])
Line()
grown = np.ones(20 << 20, np.uint8)
del grown  # what glibc would learn from
before = resident()
blocks = [np.ones(size, np.uint8) for _ in range(40) for size in (3 << 20, 100_000)]
del blocks[::2]  # photographs among what lives longer
print((resident() - before) / 1024)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_forgotten_photographs_leave_no_holes_in_memory():
    output = subprocess.run([sys.executable, "-c", FORGET], capture_output=True, text=True)
    assert float(output.stdout) < 20  # MiB; 124 were taken


TIDY_UP = """
import gc, time, weakref
import numpy as np
from casestudy.commands.web_app import queue
from casestudy.files.photos import Photo
queue.IDLE_SECONDS = 0.05
gc.disable()
session = Photo(np.zeros((2, 2, 3), np.uint8))
cycle = [session]
cycle.append(cycle)
forgotten = weakref.ref(session)
del session, cycle
print(forgotten() is None)
queue.Line()
until = time.monotonic() + 10
while forgotten() is not None and time.monotonic() < until:
    time.sleep(0.05)
print(forgotten() is None)
"""


def test_who_has_nothing_to_do_tidies_up():
    """Sessions refer to themselves, which only Python's collector finds; here it is off.

    In a process of its own, for it collects nothing while another thread, of a test before,
    still frees what that one found.
    """
    output = subprocess.run([sys.executable, "-c", TIDY_UP], capture_output=True, text=True)
    assert output.stdout.split() == ["False", "True"], output.stderr
