"""What people wait for in the web app, and what memory it keeps.

`make bench` runs these; nothing is asserted.
"""

import statistics
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
from app_pages import choose, denoise, png, served, sessions, upload, wait_for_photo

from casestudy.commands.web_app import queue
from casestudy.models import NETWORKS, RECOMMENDED

TITLE = NETWORKS[RECOMMENDED].title
SIDE = 1000  # px, of a square photograph of a megapixel
SECONDS_TO_FORGET = 150  # Streamlit keeps the session of a closed page for two minutes


@pytest.fixture(scope="module")
def server():
    with served() as server:
        yield server


def open_with_photo(open_page, name="photo.png"):
    page = open_page()
    upload(page, name, png(SIDE, SIDE))
    wait_for_photo(page, SIDE, SIDE)
    return page


def test_opening(benchmark, browser, server):
    """Until a photo is there and the button can be pressed; the first page warms the server."""
    with sessions(browser, server[0]) as open_page:
        open_page()
        benchmark.pedantic(open_page, rounds=5)
    print(f"\nthe page is usable after {benchmark.stats['median']:.1f} s (median of 5)")


def test_first_result(benchmark, browser, server, tmp_path):
    """8 bits: until the result is seen, beside the command's time for the same file."""
    source = tmp_path / "photo.png"
    source.write_bytes(png(SIDE, SIDE))
    seconds = {"web app": [], "casestudy denoise": []}

    def take_turns():
        began = time.perf_counter()
        page.get_by_role("button", name="Denoise", exact=True).click()
        page.get_by_text("Working").or_(page.get_by_text("Waiting")).wait_for()
        frame = page.frame_locator("iframe")
        frame.locator("img").nth(1).wait_for()
        frame.locator("body").evaluate(
            "() => Promise.all([...document.images].map(image => image.decode()))"
        )
        seconds["web app"].append(time.perf_counter() - began)
        began = time.perf_counter()
        command = [Path(sys.executable).with_name("casestudy"), "denoise", "--overwrite"]
        target = tmp_path / "denoised.png"
        subprocess.run([*command, "--runtime", "litert-int8", source, target], check=True)
        seconds["casestudy denoise"].append(time.perf_counter() - began)

    with sessions(browser, server[0]) as open_page:
        page = open_with_photo(open_page)
        benchmark.pedantic(take_turns, rounds=3, warmup_rounds=1)
    app, command = (statistics.median(found[1:]) for found in seconds.values())
    print(f"\na photo of a megapixel, {TITLE} in 8 bits: seen after {app:.1f} s in the web app, ")
    print(f"casestudy denoise takes {command:.1f} s")


def test_memory_after_50_uploads(benchmark, browser, server):
    """Each by a person of their own; Non-Local Means, and one photo by the recommended network."""
    address, process = server
    measured = {}

    def resident_mib():
        return psutil.Process(process.pid).memory_info().rss / 2**20

    def visit(number):
        with sessions(browser, address) as open_page:
            page = open_with_photo(open_page, f"{number}.png")
            if number:
                choose(page, "Network", "Non-Local")
            denoise(page)

    def visits():
        for number in range(51):
            visit(number)
            if number in (0, 1, 10, 30, 50):
                measured[f"after {number + 1} visits"] = resident_mib()
        time.sleep(SECONDS_TO_FORGET)
        visit(51)  # only when the next person leaves, Streamlit forgets the others
        time.sleep(5 + 2 * queue.IDLE_SECONDS)  # it learns of that later than the browser
        measured["after all but the last were forgotten"] = resident_mib()

    measured["before"] = resident_mib()
    benchmark.pedantic(visits, rounds=1)
    print("\nresident memory of the server, photos of a megapixel:")
    for when, mib in measured.items():
        print(f"{when}: {mib:.0f} MiB")
