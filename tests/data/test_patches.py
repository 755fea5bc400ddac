import json
import os
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import psutil
import pytest
from PIL import Image

from casestudy import CaseStudyError
from casestudy.data.catalogue import Pair, load_pairs
from casestudy.data.cutting import corners, resize_as_article
from casestudy.data.patches import cut_patches, draw_pairs, split_pairs


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("fraction", [0.1, 0.2, 0.5])
def test_no_scene_crosses_a_split_by_scene(seed, fraction):
    pairs = load_pairs("sample")
    train, test = draw_pairs(pairs, "scene", fraction, seed)
    assert not {p.scene for p in train} & {p.scene for p in test}
    assert sorted(p.id for p in train + test) == sorted(p.id for p in pairs)
    scenes = len({p.scene for p in pairs})
    assert len({p.scene for p in test}) == round(fraction * scenes)


def test_split_by_image_has_the_articles_share():
    pairs = load_pairs("sample")
    train, validation, test = split_pairs(pairs, "image")
    assert len(test) == len(pairs) - int(0.8 * len(pairs))
    assert len(train) + len(validation) + len(test) == len(pairs)
    assert {p.scene for p in train} & {p.scene for p in test}


def test_parts_that_the_dataset_decides_are_followed_whatever_the_seed():
    parts = ["train", "test", "validation", "train"]
    pairs = [replace(p, part=part) for p, part in zip(load_pairs("sample"), parts, strict=False)]
    for seed in range(3):
        chosen = [[pairs.index(pair) for pair in part] for part in split_pairs(pairs, seed=seed)]
        assert chosen == [[0, 3], [2], [1]]
    with pytest.raises(CaseStudyError, match=r"'test'.*max_pairs"):
        split_pairs([pairs[0], pairs[2]])


def test_split_depends_on_the_seed_only():
    pairs = load_pairs("sample")
    assert split_pairs(pairs, seed=3) == split_pairs(pairs, seed=3)
    assert split_pairs(pairs, seed=3) != split_pairs(pairs, seed=4)


def test_one_scene_cannot_be_split():
    with pytest.raises(CaseStudyError, match="another scene"):
        split_pairs(load_pairs("sample")[:3])


@pytest.mark.parametrize(
    ("shape", "count"), [((256, 256), 1), ((512, 512), 4), ((300, 451), 2), ((1024, 1024), 16)]
)
def test_patches_reach_from_edge_to_edge(shape, count):
    places = corners(shape, 256)
    assert len(places) == len(set(places)) == count
    assert places[0] == (0, 0)
    rows, columns = (len({place[axis] for place in places}) for axis in (0, 1))
    assert places[-1] == (
        (shape[0] - 256) * (rows > 1),
        (shape[1] - 256) * (columns > 1),
    )
    for top, left in places:
        assert 0 <= top <= shape[0] - 256 and 0 <= left <= shape[1] - 256


def test_native_patches_are_cut_without_resampling(pair_folder):
    name = f"folder:{pair_folder}"
    pairs = load_pairs(name)
    patches = cut_patches(name, pairs, size=32)
    noisy, clean = pairs[0].load()
    for position, (top, left) in enumerate(corners(noisy.shape[:2], 32)):
        for image, stored in ((noisy, patches.noisy), (clean, patches.clean)):
            square = image[top : top + 32, left : left + 32]
            np.testing.assert_array_equal(np.round(stored([position])[0] * 255), square)
    assert patches.noisy([0]).dtype == np.float32
    assert patches.noisy([0]).min() >= 0 and patches.noisy([0]).max() <= 1


@pytest.mark.parametrize("shape, averaged", [((2048, 2048, 3), 4), ((2048, 1024, 3), 2)])
def test_articles_protocol_averages_where_it_shrinks(shape, averaged):
    """The mean of N independent values has the Nth part of their variance."""
    noisy = np.random.default_rng(0).normal(128, 30, shape).astype(np.float32)
    resized = resize_as_article(noisy)
    assert resized.shape == (1024, 1024, 3)
    assert resized.std() == pytest.approx(30 / averaged**0.5, rel=0.02)


def test_articles_protocol_gives_sixteen_patches_of_256(pair_folder):
    name = f"folder:{pair_folder}"
    patches = cut_patches(name, load_pairs(name), size=256, protocol="article")
    assert len(patches) == 10 * 16
    # Four neighbours side by side are the first row of the 1024 px wide resized picture.
    row = np.concatenate(list(patches.clean(np.arange(4))), axis=1)
    steps = np.diff(row[128, :, 0])
    assert row.shape == (256, 1024, 3) and abs(steps).max() < 3 / 255


def test_a_second_start_reads_what_the_first_built(pair_folder, monkeypatch):
    name = f"folder:{pair_folder}"
    first = cut_patches(name, load_pairs(name), size=32)
    built = (first.folder / "patches.csv").stat().st_mtime_ns
    second = cut_patches(name, load_pairs(name), size=32)
    assert second.folder == first.folder
    assert (second.folder / "patches.csv").stat().st_mtime_ns == built


def test_a_changed_file_protocol_or_size_is_built_anew(pair_folder):
    name = f"folder:{pair_folder}"
    folders = {cut_patches(name, load_pairs(name), size=32).folder}
    folders.add(cut_patches(name, load_pairs(name), size=64).folder)
    folders.add(cut_patches(name, load_pairs(name), size=32, protocol="article").folder)
    Image.new("RGB", (96, 80), "gray").save(pair_folder / "clean" / "scene0.png")
    folders.add(cut_patches(name, load_pairs(name), size=32).folder)
    assert len(folders) == 4


def test_an_image_smaller_than_a_patch_is_named(pair_folder):
    name = f"folder:{pair_folder}"
    with pytest.raises(CaseStudyError, match=r"scene0\.png is 96x80 .*patch_size"):
        cut_patches(name, load_pairs(name), size=128)


def test_a_failed_build_leaves_nothing_behind(pair_folder, cache):
    name = f"folder:{pair_folder}"
    broken = pair_folder / "noisy" / "scene3.png"
    broken.write_bytes(broken.read_bytes()[:500])
    before = set((cache / "patches").glob("*/patches.csv"))
    with pytest.raises(CaseStudyError, match="scene3"):
        cut_patches(name, load_pairs(name), size=32)
    assert set((cache / "patches").glob("*/patches.csv")) == before
    assert not list((cache / "patches").glob(".*-*"))


def test_a_killed_build_is_not_taken_for_a_finished_one(tmp_path):
    """SIGKILL in the middle of cutting; the next call builds everything."""
    environment = os.environ | {"CASESTUDY_CACHE": str(tmp_path)}
    program = (
        "from casestudy.data.catalogue import load_pairs;"
        "from casestudy.data.patches import cut_patches;"
        "print(len(cut_patches('sample', load_pairs('sample'), 64)))"
    )
    command = [sys.executable, "-c", program]
    process = subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 60
    while not any(f.stat().st_size for f in tmp_path.glob("patches/.*/*/noisy.uint8")):
        assert time.monotonic() < deadline and process.poll() is None
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert not list(tmp_path.glob("patches/*/patches.csv"))
    again = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    assert int(again.stdout) == sum(
        len(corners(pair.load()[0].shape[:2], 64)) for pair in load_pairs("sample")
    )


def test_patches_do_not_depend_on_the_number_of_processes(pair_folder, tmp_path, monkeypatch):
    name, contents = f"folder:{pair_folder}", set()
    for workers in (1, 2, 3):
        monkeypatch.setenv("CASESTUDY_CACHE", str(tmp_path / f"cache{workers}"))
        patches = cut_patches(name, load_pairs(name), size=32, workers=workers)
        content = {path.name: path.read_bytes() for path in patches.folder.iterdir()}
        contents.add((patches.digest(), *sorted(content.items())))
    assert len(contents) == 1


def test_processes_that_cut_do_not_import_what_they_do_not_need():
    program = "import casestudy.data.cutting, sys; print(*sys.modules)"
    command = [sys.executable, "-c", program]
    modules = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()
    assert not {"tensorflow", "keras", "pandas", "matplotlib", "sklearn"} & set(modules)


def test_the_manifest_tells_what_patches_were_made_from(pair_folder):
    name = f"folder:{pair_folder}"
    patches = cut_patches(name, load_pairs(name), size=32, protocol="article")
    manifest = json.loads((patches.folder / "manifest.json").read_text())
    assert (manifest["dataset"], manifest["protocol"], manifest["patch_size"]) == (
        name,
        "article",
        32,
    )
    pixels = 10 * 1024 * 1024 * 3
    assert manifest["files"]["noisy.uint8"] == manifest["files"]["clean.uint8"] == pixels
    assert [pair["image"] for pair in manifest["pairs"]] == [f"scene{n}" for n in range(10)]
    noisy = pair_folder / "noisy" / "scene3.png"
    for fact in (noisy.resolve(), noisy.stat().st_size, noisy.stat().st_mtime_ns):
        assert str(fact) in manifest["pairs"][3]["made from"]


@pytest.mark.parametrize("file", ["noisy.uint8", "patches.csv", "manifest.json"])
def test_patches_that_were_cut_off_or_lost_are_named_and_cut_again(pair_folder, capsys, file):
    name = f"folder:{pair_folder}"
    first = cut_patches(name, load_pairs(name), size=32)
    whole = (first.folder / file).read_bytes()
    for content in (whole[:-10], None):
        if content is None:
            (first.folder / file).unlink()
        else:
            (first.folder / file).write_bytes(content)
        again = cut_patches(name, load_pairs(name), size=32)
        assert f"{first.folder / file} is damaged" in capsys.readouterr().err
        assert (again.folder / file).read_bytes() == whole


def test_pairs_of_different_size_are_named_before_anything_is_cut(pair_folder, monkeypatch):
    Image.new("RGB", (96, 81)).save(pair_folder / "clean" / "scene9.png")
    monkeypatch.setattr("casestudy.files.photos.Image.Image.load", None)  # headers only
    name = f"folder:{pair_folder}"
    with pytest.raises(CaseStudyError, match=r"scene9\.png is 96x80 but .*scene9\.png is 96x81"):
        cut_patches(name, load_pairs(name), size=32)


def test_a_disk_without_room_is_told_before_anything_is_cut(pair_folder, tmp_path, monkeypatch):
    monkeypatch.setenv("CASESTUDY_CACHE", str(tmp_path / "small"))
    free = shutil.disk_usage(tmp_path)._replace(free=50_000_000)
    monkeypatch.setattr("casestudy.data.cutting.shutil.disk_usage", lambda path: free)
    name = f"folder:{pair_folder}"
    # 10 pairs of 1024x1024 pixels of 3 bytes.
    with pytest.raises(CaseStudyError, match=r"0\.1 GB, and .*small/patches has 0\.1 GB left"):
        cut_patches(name, load_pairs(name), protocol="article")
    assert {path.suffix for path in (tmp_path / "small" / "patches").iterdir()} == {".lock"}


@pytest.mark.parametrize("workers", [1, 2])
def test_a_disk_that_fills_up_leaves_nothing(pair_folder, tmp_path, workers):
    """No file may exceed 100,000 bytes in that process and its children."""
    program = f"""
import resource
from casestudy.data.catalogue import Pair, load_pairs
from casestudy import CaseStudyError
from casestudy.data.patches import cut_patches
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
pairs = load_pairs("folder:{pair_folder}")
try:
    cut_patches("folder:{pair_folder}", pairs, size=32, workers={workers})
except CaseStudyError as error:
    print(error)
"""
    environment = os.environ | {"CASESTUDY_CACHE": str(tmp_path / "full")}
    command = [sys.executable, "-c", program]
    result = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    assert "cannot be written: File too large. Make room" in result.stdout
    assert {path.suffix for path in (tmp_path / "full" / "patches").iterdir()} == {".lock"}


def test_a_cache_that_cannot_be_written_says_so(pair_folder, tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    monkeypatch.setenv("CASESTUDY_CACHE", str(tmp_path / "file"))
    name = f"folder:{pair_folder}"
    with pytest.raises(CaseStudyError, match=r"file/patches cannot be written: .*CASESTUDY_CACHE"):
        cut_patches(name, load_pairs(name), size=32)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_patches_in_a_cache_that_is_read_only_can_be_used(pair_folder, tmp_path, monkeypatch):
    monkeypatch.setenv("CASESTUDY_CACHE", str(tmp_path / "cache"))
    name = f"folder:{pair_folder}"
    folder = cut_patches(name, load_pairs(name), size=32).folder
    folder.parent.chmod(0o555)
    assert cut_patches(name, load_pairs(name), size=32).folder == folder
    with pytest.raises(CaseStudyError, match=r"Permission denied.*CASESTUDY_CACHE"):
        cut_patches(name, load_pairs(name), size=64)


@dataclass(frozen=True)
class StrangePair(Pair):
    """Two images whose reading kills the process, or takes an hour."""

    deadly: bool = False

    def load(self):
        if self.deadly:
            os.kill(os.getpid(), signal.SIGKILL)
        time.sleep(3600)

    def size(self):
        return 64, 64

    def fingerprint(self):
        return self.id


def test_a_process_that_is_killed_is_told_and_leaves_nothing(tmp_path, monkeypatch):
    monkeypatch.setenv("CASESTUDY_CACHE", str(tmp_path))
    pairs = [StrangePair(id=str(n), scene=str(n), deadly=True) for n in range(3)]
    with pytest.raises(CaseStudyError, match="was killed, perhaps for want of memory"):
        cut_patches("strange", pairs, size=32, workers=2)
    assert {path.suffix for path in (tmp_path / "patches").iterdir()} == {".lock"}


def test_a_script_needs_no_main_guard(pair_folder, tmp_path):
    name = f"folder:{pair_folder}"
    script = tmp_path / "script.py"
    script.write_text(
        f"""
from casestudy.data.catalogue import load_pairs
from casestudy.data.patches import cut_patches
print(len(cut_patches({name!r}, load_pairs({name!r}), size=32, workers=2)))
"""
    )
    environment = os.environ | {"CASESTUDY_CACHE": str(tmp_path)}
    run = subprocess.run(
        [sys.executable, script], env=environment, capture_output=True, text=True, timeout=60
    )
    assert int(run.stdout) == len(cut_patches(name, load_pairs(name), size=32)), run.stderr


def test_processes_end_with_the_one_that_started_them(tmp_path):
    program = f"""
import sys
sys.path.insert(0, {str(Path(__file__).parent)!r})
from test_patches import StrangePair, cut_patches
cut_patches("strange", [StrangePair(id=str(n), scene="") for n in range(3)], 32, workers=2)
"""
    environment = os.environ | {"CASESTUDY_CACHE": str(tmp_path)}
    parent = psutil.Popen([sys.executable, "-c", program], env=environment)
    while len(workers := parent.children(recursive=True)) < 3:  # one tracks resources
        assert parent.poll() is None
        time.sleep(0.1)
    time.sleep(2)
    parent.kill()
    parent.wait()
    _, alive = psutil.wait_procs(workers, timeout=30)
    assert not alive


def test_spread_takes_evenly_spaced_patches(pair_folder):
    name = f"folder:{pair_folder}"
    patches = cut_patches(name, load_pairs(name), size=32)
    few = patches.spread(10)
    assert len(few) == 10
    assert few.table["image"].nunique() == 10
    assert len(patches.spread(0)) == len(patches.spread(10_000)) == len(patches)
