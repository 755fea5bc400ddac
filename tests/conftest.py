"""What many tests need: a cache of their own, and small pairs of their own."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from casestudy.paths import data_root

needs_polyu = pytest.mark.skipif(
    not (data_root() / "polyu" / "CroppedImages").is_dir(), reason="PolyU is not downloaded"
)


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
