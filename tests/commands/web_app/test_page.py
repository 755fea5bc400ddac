"""The web app in a real browser, served by its own command."""

import io
import json
import re
import struct
import sys
import zlib

import numpy as np
import pytest
from app_pages import (
    CASESTUDY,
    choose,
    denoise,
    png,
    served,
    serves,
    sessions,
    upload,
    wait_for_photo,
)
from PIL import Image, ImageCms
from playwright.sync_api import expect

from casestudy.data.catalogue import load_pairs
from casestudy.data.patches import split_pairs
from casestudy.files.folders import project_root

SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


@pytest.fixture(scope="module")
def address():
    with served() as (address, _):
        yield address


@pytest.fixture
def open_app(browser, address):
    with sessions(browser, address) as open_page:
        yield open_page


def test_a_sample_gains_and_the_divider_moves(open_app):
    page = open_app()
    denoise(page)
    gain = page.get_by_test_id("stMetric").filter(has_text="PSNR").inner_text()
    assert float(re.search(r"([-+−]?[\d.]+) dB$", gain)[1].replace("−", "-")) > 2
    divider = page.frame_locator("iframe").get_by_role("slider").first
    before = divider.input_value()
    divider.press("ArrowRight")
    assert float(divider.input_value()) > float(before)


def test_an_upload_comes_back_with_its_size_and_profile(open_app):
    page = open_app()
    upload(page, "a.png", png(90, 120, icc_profile=SRGB))
    wait_for_photo(page, 120, 90)
    choose(page, "Network", "Non-Local")
    denoise(page)
    with page.expect_download() as download:
        page.get_by_role("button", name="Download PNG").click()
    assert download.value.suggested_filename == "a-denoised.png"
    with Image.open(download.value.path()) as image:
        assert image.size == (120, 90) and image.info["icc_profile"] == SRGB
        assert np.asarray(image).std(axis=(0, 1)).max() < 10  # it was 20


def test_each_of_three_people_gets_the_own_picture(open_app):
    pages = [open_app() for _ in range(3)]
    colours = [(200, 60, 60), (60, 200, 60), (60, 60, 200)]
    for page, colour in zip(pages, colours, strict=True):
        upload(page, "a.png", png(200, 300, colour))
        wait_for_photo(page, 300, 200)
        choose(page, "Network", "Non-Local")
    for page in pages:
        page.get_by_role("button", name="Denoise", exact=True).click()
    for page, colour in zip(pages, colours, strict=True):
        with page.expect_download() as download:
            page.get_by_role("button", name="Download PNG").click()
        with Image.open(download.value.path()) as image:
            assert np.abs(np.asarray(image).mean(axis=(0, 1)) - colour).max() < 5


def test_it_works_as_hosts_start_it(browser, tmp_path, monkeypatch):
    """By Streamlit's command, with nothing made before."""
    monkeypatch.setenv("CASESTUDY_CACHE", str(tmp_path))
    monkeypatch.chdir(project_root())
    command = "-P", "-m", "streamlit", "run", "casestudy/commands/web_app/page.py", "--server.port"
    with served(command) as (address, _), sessions(browser, address) as open_app:
        page = open_app()
        denoise(page)
        assert not page.get_by_text("Deploy").count()  # nor what else is for developers


@pytest.mark.skipif(sys.platform != "linux", reason="127.0.0.2 is an address on Linux only")
def test_no_other_machine_reaches_it_unless_it_is_served_to_them(address):
    def elsewhere(address):
        return address.replace("localhost", "127.0.0.2")

    assert not serves(elsewhere(address))
    dockerfile = (project_root() / "Dockerfile").read_text()
    command = json.loads(re.search(r"^CMD (.*)$", dockerfile, re.MULTILINE)[1])
    with served((*CASESTUDY, *command[1:], "--port")) as (address, _):
        assert serves(elsewhere(address))


def test_stop_stops(open_app):
    page = open_app()
    upload(page, "large.png", png(1500, 1500))
    wait_for_photo(page, 1500, 1500)
    page.get_by_role("button", name="Denoise", exact=True).click()
    page.get_by_role("button", name="Stop").click()
    page.get_by_text("Stopped. Nothing was changed.").wait_for()
    upload(page, "small.png", png(50, 60))
    wait_for_photo(page, 60, 50)
    choose(page, "Network", "Non-Local")
    denoise(page)


def _declaring(side):
    """Return a small PNG whose header declares side x side pixels."""
    header = struct.pack(">LLBBBBB", side, side, 8, 2, 0, 0, 0)
    chunks = (b"IHDR", header), (b"IDAT", zlib.compress(bytes(100))), (b"IEND", b"")
    parts = [
        struct.pack(">L", len(data)) + kind + data + struct.pack(">L", zlib.crc32(kind + data))
        for kind, data in chunks
    ]
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


def _encoded(image, format, **options):
    content = io.BytesIO()
    image.save(content, format, **options)
    return content.getvalue()


def _animation():
    first, second = (Image.new("RGB", (20, 20), colour) for colour in ("red", "blue"))
    return _encoded(first, "GIF", save_all=True, append_images=[second])


def test_bad_files_get_a_sentence_and_the_app_goes_on(open_app):
    page = open_app()
    for name, content, sentence in [
        ("text.png", b"not a picture", "text.png is not a"),
        ("empty.png", b"", "empty.png is empty"),
        ("drawing.svg", b"<svg xmlns='http://www.w3.org/2000/svg'/>", "drawing.svg is not a"),
        ("animation.png", _animation(), "animation.png is not a"),
        ("cut.png", png(90, 120)[:2000], "cut.png is damaged or cut off"),
        ("bomb.png", _declaring(50_000), "bomb.png declares more than 3 megapixels"),
        ("long.png", png(2000, 1600), "long.png declares more than 3 megapixels"),
        ("<img src=x onerror=alert(1)>.png", b"markup", "is not a"),
        ("../../" + 200 * "long" + ".png", b"path", "onglong.png is not a"),
    ]:
        upload(page, name, content)
        alert = page.get_by_role("alert").filter(has_text=sentence)
        expect(alert).to_be_visible()
        assert "/" not in alert.inner_text().replace("8- or 16-bit", "")
    upload(page, "good.png", png(50, 60))
    wait_for_photo(page, 60, 50)
    choose(page, "Network", "Non-Local")
    denoise(page)


@pytest.mark.parametrize(("width", "height"), [(1, 1), (3, 20_000)])
def test_odd_shapes_are_denoised(open_app, width, height):
    page = open_app()
    upload(page, "odd.png", png(height, width))
    wait_for_photo(page, width, height)
    choose(page, "Network", "Non-Local")
    denoise(page)
    with page.expect_download() as download:
        page.get_by_role("button", name="Download PNG").click()
    with Image.open(download.value.path()) as image:
        assert image.size == (width, height)


def test_cmyk_is_denoised_and_its_conversion_told(open_app):
    page = open_app()
    upload(page, "a.jpg", _encoded(Image.new("CMYK", (60, 50), (90, 60, 30, 0)), "JPEG"))
    wait_for_photo(page, 60, 50)
    page.get_by_text("CMYK was converted to RGB.").wait_for()
    choose(page, "Network", "Non-Local")
    denoise(page)


def test_nothing_is_lost_by_reading_about(open_app):
    page = open_app()
    upload(page, "mine (1).png", png(300, 400))
    wait_for_photo(page, 400, 300)
    page.get_by_role("button", name="Denoise", exact=True).click()
    page.get_by_role("tab", name="About").click()
    page.get_by_text("Model cards").wait_for()
    page.locator("summary").filter(has_text=re.compile("^.*CBDNet$")).click()
    page.get_by_text("4,365,382 parameters").wait_for()
    page.get_by_text("Time taken").wait_for(state="attached")  # while nobody looked at it
    page.get_by_role("tab", name="Denoise").click()
    picture = page.locator("iframe").bounding_box()
    assert picture["width"] / picture["height"] == pytest.approx(4 / 3, rel=0.1)
    with page.expect_download() as download:
        page.get_by_role("button", name="Download PNG").click()
    assert download.value.suggested_filename == "mine (1)-denoised.png"


def test_samples_are_captures_that_no_network_has_seen():
    from casestudy.commands.web_app.page import samples

    _, _, test = split_pairs(load_pairs("sample"))
    allowed = {pair.id for pair in (*load_pairs("phones"), *test)}
    assert {pair.id for pair in samples().values()} == allowed
