from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from casestudy.data.catalogue import load_pairs
from casestudy.data.sets import sample
from casestudy.files.folders import project_root
from casestudy.results.metrics import psnr


def test_at_least_eight_scenes_each_at_several_iso_settings():
    pairs = load_pairs("sample")
    scenes = {pair.scene for pair in pairs}
    assert len(scenes) >= 8
    for scene in scenes:
        assert len({pair.iso for pair in pairs if pair.scene == scene}) >= 3
    assert len({pair.id for pair in pairs}) == len(pairs)


def test_noise_levels_span_those_of_the_article():
    """The article's noisy images: below 20 dB to above 30 dB."""
    levels = []
    for pair in load_pairs("sample"):
        noisy, clean = pair.load()
        assert noisy.shape == clean.shape and noisy.dtype == clean.dtype == np.uint8
        assert min(noisy.shape[:2]) >= 256
        levels.append(psnr(clean / 255, noisy / 255))
    assert min(levels) < 20 and max(levels) > 30


def test_more_iso_means_more_noise():
    noise = {}
    for pair in load_pairs("sample")[: len(sample.CAMERAS) * len(sample.ISOS)]:
        noisy, clean = pair.load()
        noise[pair.camera, pair.iso] = np.std(noisy.astype(float) - clean)
    for camera in {camera for camera, _ in noise}:
        by_iso = [noise[camera, iso] for iso in sorted(sample.ISOS)]
        assert by_iso == sorted(by_iso)


def test_a_capture_is_the_same_every_time():
    pair = load_pairs("sample")[4]
    for first, second in zip(pair.load(), pair.load(), strict=True):
        np.testing.assert_array_equal(first, second)


def test_every_photograph_is_listed_with_its_licence():
    listed = (project_root() / "data" / "README.md").read_text()
    for scene, file in sample.SCENES.items():
        assert f"| {scene} | `{file.name}` |" in listed


@pytest.mark.parametrize("size", [(481, 321), (480, 320), (961, 642)])
def test_the_size_of_a_simulated_pair_is_that_of_its_images(tmp_path, size):
    """Whose odd last rows and columns are left out; sizes decide how patches are cut."""
    Image.new("RGB", size).save(tmp_path / "photograph.png")
    pair = replace(load_pairs("sample")[0], photograph=tmp_path / "photograph.png")
    noisy, clean = pair.load()
    assert pair.size() == noisy.shape[:2] == clean.shape[:2]
