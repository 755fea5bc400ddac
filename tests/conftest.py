"""What many tests need: a cache of their own, small pairs of their own, and a browser."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Browser, sync_playwright

from casestudy.files.folders import data_root

needs_polyu = pytest.mark.skipif(
    not (data_root() / "polyu" / "CroppedImages").is_dir(), reason="PolyU is not downloaded"
)

if "PYTEST_XDIST_WORKER" in os.environ:
    # A worker for each core: threads of their own would wait for each other.
    os.environ |= {"TF_NUM_INTRAOP_THREADS": "1", "TF_NUM_INTEROP_THREADS": "1"}


# Each is as long as several others: begun last, one would run alone.
_LONG = ("test_notebooks.py", "test_train.py", "test_convert.py")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: item.path.name not in _LONG)


# So that Chromium runs in a container, draws without a GPU, and calls nobody.
_CHROMIUM_FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@pytest.fixture(scope="session", autouse=True)
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Keep derived files of all tests in one temporary folder."""
    folder = tmp_path_factory.mktemp("cache")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CASESTUDY_CACHE", str(folder))
        yield folder


@pytest.fixture
def pair_folder(tmp_path: Path) -> Path:
    """Return a folder of ten 96x80 PNG pairs; noise of standard deviation 20 in levels."""
    rng = np.random.default_rng(0)
    for part in ("noisy", "clean"):
        (tmp_path / "pairs" / part).mkdir(parents=True)
    for number in range(10):
        ramp = np.linspace(40, 200, 96)[None, :, None] + 4 * number
        clean = np.broadcast_to(ramp, (80, 96, 3))
        noisy = clean + rng.normal(0, 20, clean.shape)
        for part, image in (("noisy", noisy), ("clean", clean)):
            levels = np.clip(np.round(image), 0, 255).astype(np.uint8)
            Image.fromarray(levels).save(tmp_path / "pairs" / part / f"scene{number}.png")
    return tmp_path / "pairs"


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Return a headless Chromium of the system, for tests of what pages do.

    Gone after each module: Playwright's event loop would be in the way of tests that start one.
    """
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    if chromium is None:
        pytest.skip("Chromium is not installed (apt-get install chromium)")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=_CHROMIUM_FLAGS)
        yield browser
        browser.close()
