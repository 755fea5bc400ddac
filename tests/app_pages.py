"""The web app's server, and what people do on its pages."""

import io
import re
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from urllib.request import urlopen

import numpy as np
from PIL import Image
from playwright.sync_api import Browser, Page

RESULT = 240_000  # ms, on a machine that has other work


CASESTUDY = "-c", "from casestudy.commands.main import main; main()"
OWN_COMMAND = *CASESTUDY, "app", "--max-megapixels=3", "--port"


@contextmanager
def served(command: Sequence[str] = OWN_COMMAND) -> Iterator[tuple[str, subprocess.Popen]]:
    """Serve the web app by a command of Python's; yield its address and its process."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    server = subprocess.Popen([sys.executable, *command, str(port)])
    address = f"http://localhost:{port}"
    try:
        while not serves(address):
            assert server.poll() is None, "the server ended"
            time.sleep(0.5)
        yield address, server
    finally:
        server.terminate()
        server.wait()


def serves(address):
    try:
        return urlopen(f"{address}/_stcore/health").status == 200
    except OSError:
        return False


@contextmanager
def sessions(browser: Browser, address: str) -> Iterator[Callable[..., Page]]:
    """Yield a function that opens the app in a session of its own.

    In the end all are closed, and what a page complained of is an error.
    """
    trouble, contexts = [], []

    def open_page(**options):
        context = browser.new_context(**options)
        contexts.append(context)
        # The page may ask for nothing but its server.
        context.route(re.compile(f"^(?!{address}|data:|blob:)"), lambda route: route.abort())
        page = context.new_page()
        page.set_default_timeout(RESULT)
        page.on("pageerror", lambda error: trouble.append(str(error)))
        page.on("console", lambda m: trouble.append(m.text) if m.type == "error" else None)
        page.goto(address)
        wait_for_photo(page)
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert not trouble


def png(height, width, colour=(90, 120, 150), **options):
    noise = 20 * np.random.default_rng(0).normal(size=(height, width, 3))
    content = io.BytesIO()
    image = Image.fromarray(np.clip(np.array(colour) + noise, 0, 255).astype(np.uint8))
    image.save(content, "PNG", **options)
    return content.getvalue()


def upload(page, name, content):
    page.get_by_text("Upload", exact=True).first.click()
    file = {"name": name, "mimeType": "image/png", "buffer": content}
    page.locator("input[type=file]").set_input_files([file])


def wait_for_photo(page, width="", height=""):
    """Wait until a photo is what the page works on, and the browser has its preview."""
    page.get_by_text(re.compile(f"{width} × {height}.*, before$")).wait_for()
    page.wait_for_function("[...document.images].every(image => image.naturalWidth)")


def choose(page, label, option):
    page.get_by_role("combobox", name=re.compile(label)).click()
    page.get_by_role("option", name=re.compile(option)).click()


def denoise(page):
    page.get_by_role("button", name="Denoise", exact=True).click()
    page.get_by_text("Time taken").wait_for()
