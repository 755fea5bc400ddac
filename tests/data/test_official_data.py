"""SIDD and RENOIR as their archives unpack: pairs, splits, downloads, and what may be wrong."""

import errno
import hashlib
import os
import re
import signal
import subprocess
import sys
import tarfile
import tempfile
import threading
import time
import zipfile
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from official_trees import (
    RENOIR_BATCHES,
    RENOIR_PAIRS,
    SIDD_INSTANCES,
    SIDD_PAIRS,
    make_article_data,
    make_medium,
    make_renoir,
    make_small,
)
from PIL import Image

from casestudy import CaseStudyError
from casestudy.data.catalogue import load_pairs
from casestudy.data.checking.check import check
from casestudy.data.experiment import few, open_experiment
from casestudy.data.getting import archives, download, fetch
from casestudy.data.getting.fetch import add
from casestudy.data.getting.sidd import fetch_sidd
from casestudy.data.patches import split_pairs
from casestudy.data.sets import sidd
from casestudy.files.folders import run_name
from casestudy.training.manifest import refuse_seen


@pytest.fixture
def data(tmp_path, monkeypatch):
    """An empty data root."""
    root = tmp_path / "data"
    root.mkdir()
    monkeypatch.setenv("CASESTUDY_DATA", str(root))
    return root


@pytest.fixture(scope="module")
def article(tmp_path_factory):
    """The 541 pairs, not to be changed."""
    return make_article_data(tmp_path_factory.mktemp("article"))


@pytest.fixture
def article_root(article, monkeypatch):
    monkeypatch.setenv("CASESTUDY_DATA", str(article))
    return article


# Pairs


def test_there_are_as_many_pairs_as_published(article_root):
    """SIDD 320 and RENOIR 221: the article's 541."""
    pairs = {name: load_pairs(name) for name in ("sidd", "renoir", "sidd+renoir")}
    assert [len(found) for found in pairs.values()] == [320, 221, 541]
    assert len({pair.id for pair in pairs["sidd+renoir"]}) == 541
    assert pairs["sidd+renoir"] == pairs["sidd"] + pairs["renoir"]
    assert len({pair.scene for pair in pairs["sidd"]}) == 10
    assert len({pair.scene for pair in pairs["renoir"]}) == 120
    table = fetch.availability().set_index("dataset")["pairs"]
    assert table[["sidd", "renoir", "sidd+renoir"]].tolist() == [320, 221, 541]


def test_sidd_names_tell_everything(data):
    """The fact sheet's example: instance 52, scene 2, ISO 1600, 1/1000 s, 5500 K."""
    make_medium(data, instances=["0052_002_S6_01600_01000_5500_N"])
    first, second = sidd.SIDD.find()[0]
    assert (first.scene, first.camera, first.iso) == ("sidd-002", "Samsung Galaxy S6 Edge", 1600)
    assert first.noisy_path.name == "0052_NOISY_SRGB_010.PNG"
    assert first.clean_path.name == "0052_GT_SRGB_010.PNG"
    assert second.noisy_path.name == "0052_NOISY_SRGB_011.PNG"
    assert second.clean_path.name == "0052_GT_SRGB_011.PNG"


def test_the_noisy_images_of_a_batch_share_their_reference(article_root):
    pairs = load_pairs("renoir")
    for pair in pairs:
        assert pair.noisy_path.name.endswith("Noisy.bmp")
        assert pair.clean_path.name.endswith("Reference.bmp")
        assert pair.clean_path.parent == pair.noisy_path.parent
    shared = Counter(Counter(pair.clean_path for pair in pairs).values())
    assert shared == {2: 101, 1: 19}
    cameras = Counter(pair.camera for pair in pairs)
    assert set(cameras) == {"Xiaomi Mi3", "Canon S90", "Canon T3i"}
    assert pairs[0].scene == "Mi3_Batch_001"


@pytest.mark.parametrize("place", ["", "sidd", "sidd/SIDD_Medium_Srgb", "photos/sidd"])
def test_sidd_is_found_wherever_it_was_unpacked(data, place):
    make_medium(data / place)
    assert len(load_pairs("sidd")) == SIDD_PAIRS


def test_sidd_is_found_without_its_outer_folder(data):
    (make_medium(data) / "Data").rename(data / "Data")
    (data / "SIDD_Medium_Srgb").rename(data / "sidd")
    (data / "Data").rename(data / "sidd" / "Data")
    assert len(load_pairs("sidd")) == SIDD_PAIRS


@pytest.mark.parametrize("place", ["", "renoir", "photos/renoir"])
@pytest.mark.parametrize("nested", [False, True])
def test_renoir_is_found_wherever_it_was_unpacked(data, place, nested):
    make_renoir(data / place, nested=nested)
    assert len(load_pairs("renoir")) == RENOIR_PAIRS


def test_the_small_set_is_recognized_and_the_medium_set_preferred(data):
    make_small(data)
    pairs = load_pairs("sidd")
    assert len(pairs) == 160
    assert pairs[0].noisy_path.name == "NOISY_SRGB_010.PNG"
    make_medium(data)
    assert len(load_pairs("sidd")) == SIDD_PAIRS


def test_the_benchmarks_images_without_truth_are_left_alone(data):
    make_medium(data)
    benchmark = data / "SIDD_Benchmark_Data" / "0005_001_GP_03200_01000_5500_H"
    benchmark.mkdir(parents=True)
    (benchmark / "0005_NOISY_SRGB_010.PNG").touch()
    assert len(load_pairs("sidd")) == SIDD_PAIRS


# Splits and protocols


def test_the_articles_split_and_patches(article_root):
    """541 pairs: 432 and 109; 6,912 and 1,744 patches of 256x256."""
    train, validation, test = split_pairs(load_pairs("sidd+renoir"), "image", seed=0)
    assert (len(train) + len(validation), len(test)) == (432, 109)


def test_the_articles_protocol_by_name(article_root, tmp_path):
    """At an eighth of the side, which leaves the number of patches: 256 of 1024 is 32 of 128."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("casestudy.data.cutting.ARTICLE_SIDE", 128)
        patch.setenv("CASESTUDY_CACHE", str(tmp_path / "cache"))
        opened = open_experiment("sidd+renoir", str(tmp_path), protocol="article", patch_size=32)
    assert len(opened.train) + len(opened.validation) == 6912
    assert len(opened.test) == 1744
    assert set(opened.train.table["scene"]) & set(opened.test.table["scene"])


@pytest.mark.parametrize("dataset", ["sidd", "renoir", "sidd+renoir"])
def test_no_scene_is_seen_from_both_sides(article_root, dataset):
    parts = [{pair.scene for pair in part} for part in split_pairs(load_pairs(dataset), "scene")]
    assert all(parts)
    assert not (parts[0] & parts[1] or parts[0] & parts[2] or parts[1] & parts[2])


@pytest.mark.parametrize("max_pairs", [0, 100, 30])
def test_both_sets_are_split_in_proportion_whatever_the_seed(article_root, max_pairs):
    """Of SIDD's 10 scenes 7, 1 and 2, of RENOIR's 120 scenes 86, 10 and 24."""
    pairs = few(load_pairs("sidd+renoir"), max_pairs)
    for seed in range(50):
        parts = split_pairs(pairs, "scene", seed)
        scenes = [{pair.scene for pair in part} for part in parts]
        sidd_scenes = [{scene for scene in part if scene.startswith("sidd-")} for part in scenes]
        assert not (scenes[0] & scenes[1] or scenes[0] & scenes[2] or scenes[1] & scenes[2])
        assert [len(part) for part in sidd_scenes] == [7, 1, 2]
        assert all(whole > some for whole, some in zip(scenes, sidd_scenes, strict=True))
        if not max_pairs:
            assert [len(part) for part in scenes] == [93, 11, 26]
        assert sorted(pair.id for part in parts for pair in part) == sorted(p.id for p in pairs)


def test_a_quick_look_at_few_scenes_of_both_sets_is_split(article_root):
    for count in (3, 4, 5, 6):
        parts = split_pairs(few(load_pairs("sidd+renoir"), count), "scene")
        assert all(parts) and sum(map(len, parts)) == count


def test_the_run_of_both_has_a_folder():
    assert run_name("sidd+renoir") == "sidd-renoir"


@pytest.mark.parametrize(
    ("trained", "tested"),
    [("sidd", "sidd+renoir"), ("sidd+renoir", "sidd"), ("sidd, bsds500", "sidd+renoir")],
)
def test_a_network_has_seen_the_parts_of_what_it_was_trained_on(trained, tested):
    seen = {"dataset": trained, "images": ["x"], "scenes": ["sidd-002"]}
    manifest = {"identity": {"network": "ridnet"}, "data": {"training": seen}}
    table = pd.DataFrame({"image": ["a", "b"], "scene": ["sidd-002", "sidd-003"]})
    with pytest.raises(CaseStudyError, match=r"trained on 1 of the images.* a"):
        refuse_seen(manifest, table, tested)
    refuse_seen(manifest, table.iloc[1:], tested)
    refuse_seen(manifest, table, "renoir" if "renoir" not in trained else "polyu")


# What may be wrong with files


def test_a_half_unpacked_sidd_is_not_taken_as_whole(data):
    make_medium(data, instances=SIDD_INSTANCES[:97])
    with pytest.raises(CaseStudyError, match=r"194 of the 320 pairs.*97 of 160.*data add sidd"):
        load_pairs("sidd")
    assert check("sidd")[0]["kind"].tolist() == ["incomplete"]


def test_a_missing_file_of_an_instance_leads_to_its_partner(data):
    folder = make_medium(data) / "Data" / SIDD_INSTANCES[3]
    (folder / "0004_NOISY_SRGB_011.PNG").unlink()
    with pytest.raises(CaseStudyError, match=r"0004_GT_SRGB_011\.PNG.*data check sidd"):
        load_pairs("sidd")
    findings, sound = check("sidd")
    assert findings["kind"].tolist() == ["no partner", "incomplete"] and sound == 319
    (folder / "0004_GT_SRGB_011.PNG").unlink()
    with pytest.raises(CaseStudyError, match=rf"{SIDD_INSTANCES[3]}: one"):
        load_pairs("sidd")


def test_a_missing_camera_or_batch_of_renoir_is_named(data):
    make_renoir(data, batches=RENOIR_BATCHES[:80])
    with pytest.raises(CaseStudyError, match=r"T3i_Aligned 40 of 40.*Batch_001.*data add renoir"):
        load_pairs("renoir")
    make_renoir(data, batches=RENOIR_BATCHES[81:])
    with pytest.raises(CaseStudyError, match=r"T3i_Aligned 1 of 40.*Batch_001"):
        load_pairs("renoir")


def test_a_batch_without_reference_is_named(data):
    make_renoir(data)
    next((data / "S90_Aligned" / "Batch_007").glob("*Reference.bmp")).unlink()
    with pytest.raises(CaseStudyError, match=r"S90_Aligned/Batch_007.*Noisy\.bmp"):
        load_pairs("renoir")


def test_a_missing_noisy_image_of_renoir_is_found_by_check(data):
    make_renoir(data)
    next((data / "S90_Aligned" / "Batch_007").glob("*Noisy.bmp")).unlink()
    assert len(load_pairs("renoir")) == 220
    assert "220 noisy images; known are 221" in check("renoir")[0]["advice"].item()


def test_unequal_sizes_and_truncated_files_are_named(data):
    folder = make_medium(data, (64, 64)) / "Data"
    truncated = folder / SIDD_INSTANCES[0] / "0001_NOISY_SRGB_010.PNG"
    truncated.write_bytes(truncated.read_bytes()[:-400])
    Image.new("RGB", (9, 8)).save(folder / SIDD_INSTANCES[1] / "0002_GT_SRGB_010.PNG")
    pairs = {pair.noisy_path.name: pair for pair in load_pairs("sidd")}
    with pytest.raises(CaseStudyError, match=r"0001_NOISY_SRGB_010\.PNG"):
        pairs["0001_NOISY_SRGB_010.PNG"].load()
    with pytest.raises(CaseStudyError, match=r"0002_NOISY.* is 64x64 .*0002_GT.* is 9x8"):
        pairs["0002_NOISY_SRGB_010.PNG"].load()
    assert check("sidd")[0]["kind"].tolist() == ["unreadable", "shape"]


@pytest.mark.parametrize("dataset", ["sidd", "renoir", "sidd+renoir"])
def test_absent_data_tell_what_to_run(data, dataset):
    with pytest.raises(CaseStudyError, match=r"casestudy data add .*CASESTUDY_DATA"):
        load_pairs(dataset)


# Archives


def zipped(folder: Path, path: Path, root: Path | None = None) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for file in sorted(folder.rglob("*")):
            if file.is_file():
                archive.write(file, file.relative_to(root or folder.parent))
    return path


@pytest.fixture(scope="module")
def medium_zip(tmp_path_factory):
    folder = tmp_path_factory.mktemp("downloads")
    return zipped(make_medium(folder / "made"), folder / "SIDD_Medium_Srgb.zip")


@pytest.fixture
def published(medium_zip, monkeypatch):
    """The stand-in's own size and checksums in place of the published ones."""
    content = medium_zip.read_bytes()
    archive = sidd.Archive(
        name=medium_zip.name,
        size=len(content),
        md5=hashlib.md5(content).hexdigest(),
        sha1=hashlib.sha1(content).hexdigest(),
    )
    monkeypatch.setattr(sidd, "MEDIUM", archive)
    monkeypatch.setattr(archives, "RESERVE", 0)
    return archive


def test_sidds_archive_is_verified_unpacked_and_left(data, medium_zip, published):
    assert add("sidd", [medium_zip]) == data / "sidd"
    assert len(load_pairs("sidd")) == SIDD_PAIRS and medium_zip.exists()
    assert {path.name for path in (data / "sidd").iterdir()} == {"SIDD_Medium_Srgb", ".lock"}
    add("sidd", [medium_zip])  # nothing left to do


def test_other_archives_than_the_published_are_refused(data, medium_zip, published, tmp_path):
    content = bytearray(medium_zip.read_bytes())
    (tmp_path / "cut.zip").write_bytes(content[:-1])
    with pytest.raises(CaseStudyError, match=r"cut\.zip has .* bytes, so it is not SIDD_Medium"):
        add("sidd", [tmp_path / "cut.zip"])
    content[len(content) // 2] ^= 1
    (tmp_path / "changed.zip").write_bytes(content)
    with pytest.raises(CaseStudyError, match=r"changed\.zip differs from the published"):
        add("sidd", [tmp_path / "changed.zip"])
    with pytest.raises(CaseStudyError, match=r"none\.zip is not there"):
        add("sidd", [tmp_path / "none.zip"])
    assert not list(data.rglob("*.PNG"))


def test_what_was_unpacked_in_part_is_completed(data, medium_zip, published):
    folder = make_medium(data / "sidd", instances=SIDD_INSTANCES[:50]) / "Data"
    kept = folder / SIDD_INSTANCES[0] / "0001_GT_SRGB_010.PNG"
    before = kept.stat().st_mtime_ns, kept.stat().st_ino
    (folder / SIDD_INSTANCES[9] / "0012_GT_SRGB_010.PNG").unlink()
    (folder.parent / "Scene_Instances.txt").unlink()
    add("sidd", [medium_zip])
    assert len(load_pairs("sidd")) == SIDD_PAIRS
    assert (kept.stat().st_mtime_ns, kept.stat().st_ino) == before
    kept.write_bytes(b"mine")
    with pytest.raises(CaseStudyError, match=rf"{kept.name} differs from .*Move it away"):
        add("sidd", [medium_zip])
    assert kept.read_bytes() == b"mine"


@pytest.mark.parametrize("inner", [True, False])
def test_renoirs_archives_are_unpacked_by_camera(data, tmp_path, inner):
    """With the camera's folder inside, or only in the archive's name."""
    made = make_renoir(tmp_path / "made")
    downloads = []
    for camera in ("Mi3_Aligned", "S90_Aligned", "T3i_Aligned"):
        root = made if inner else made / camera
        downloads.append(zipped(made / camera, tmp_path / f"{camera}.zip", root))
    add("renoir", downloads)
    assert len(load_pairs("renoir")) == RENOIR_PAIRS


def test_renoir_from_a_tar_archive(data, tmp_path):
    make_renoir(tmp_path / "made")
    with tarfile.open(tmp_path / "renoir.tar.gz", "w:gz", compresslevel=1) as archive:
        archive.add(tmp_path / "made", "RENOIR")
    add("renoir", [tmp_path / "renoir.tar.gz"])
    assert len(load_pairs("renoir")) == RENOIR_PAIRS


@pytest.mark.parametrize("kind", ["gz", "bz2", "xz"])
def test_a_damaged_compressed_archive_is_refused(data, tmp_path, kind):
    """Wherever the damage is: pixels, headers or the end."""
    batch = tmp_path / "Mi3_Aligned" / "Batch_001"
    batch.mkdir(parents=True)
    random = np.random.default_rng(0)
    for name in ("IMG_001Noisy", "IMG_002Reference"):
        pixels = random.integers(0, 256, (40, 50, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(batch / f"{name}.bmp")
    archive = tmp_path / f"Mi3_Aligned.tar.{kind}"
    with tarfile.open(archive, f"w:{kind}") as file:
        file.add(batch.parent, "Mi3_Aligned")
    whole = archive.read_bytes()
    for position in np.linspace(100, len(whole) - 5, 12).astype(int):
        damaged = bytearray(whole)
        damaged[position] ^= 0xFF
        archive.write_bytes(damaged)
        with pytest.raises(CaseStudyError, match="is not a whole zip or tar archive"):
            add("renoir", [archive])
    assert not list(data.rglob("*.bmp"))
    archive.write_bytes(whole)
    add("renoir", [archive])
    assert len(list(data.rglob("*.bmp"))) == 2


def test_an_archive_of_something_else_is_refused(data, tmp_path):
    (tmp_path / "holiday").mkdir()
    (tmp_path / "holiday" / "a.bmp").touch()
    with pytest.raises(CaseStudyError, match=r"holiday\.zip holds no Batch_"):
        add("renoir", [zipped(tmp_path / "holiday", tmp_path / "holiday.zip")])
    (tmp_path / "page.zip").write_text("<html>please log in</html>")
    with pytest.raises(CaseStudyError, match=r"page\.zip is not a whole zip or tar"):
        add("renoir", [tmp_path / "page.zip"])


BAD_NAMES = ["../evil", "a/../../evil", "/tmp/evil", "C:/evil", "..\\evil", "a\nb"]


@pytest.mark.parametrize("name", BAD_NAMES)
@pytest.mark.parametrize("kind", ["zip", "tar"])
def test_names_that_lead_out_refuse_the_archive(tmp_path, name, kind):
    path = tmp_path / f"bad.{kind}"
    if kind == "zip":
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("good.txt", b"")
            archive.writestr(name, b"")
    else:
        with tarfile.open(path, "w") as archive:
            archive.addfile(tarfile.TarInfo("good.txt"))
            archive.addfile(tarfile.TarInfo(name))
    refused(path, r"Nothing was written")


@pytest.mark.parametrize(
    "kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.BLKTYPE, tarfile.FIFOTYPE]
)
def test_links_and_devices_refuse_the_archive(tmp_path, kind):
    entry = tarfile.TarInfo("inside")
    entry.type, entry.linkname = kind, "/etc/passwd"
    with tarfile.open(tmp_path / "bad.tar", "w") as archive:
        archive.addfile(entry)
    refused(tmp_path / "bad.tar", "is a link or a device")


def test_a_link_in_a_zip_archive_refuses_it(tmp_path):
    entry = zipfile.ZipInfo("inside")
    entry.external_attr = 0o120777 << 16
    with zipfile.ZipFile(tmp_path / "bad.zip", "w") as archive:
        archive.writestr(entry, "/etc/passwd")
    refused(tmp_path / "bad.zip", "is a link or a device")


def test_an_archive_that_unpacks_to_too_much_is_refused(tmp_path):
    for kind in ("zip", "tar.gz"):
        zeros = tmp_path / "zeros"
        with zeros.open("wb") as file:
            file.truncate(200_000_000)
        path = tmp_path / f"bomb.{kind}"
        if kind == "zip":
            with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
                archive.write(zeros, "zeros")
        else:
            with tarfile.open(path, "w:gz", compresslevel=1) as archive:
                archive.add(zeros, "zeros")
        refused(path, "unpacks to more")


def test_equal_names_refuse_the_archive(tmp_path):
    with zipfile.ZipFile(tmp_path / "bad.zip", "w") as archive:
        archive.writestr("a.png", b"1")
        archive.writestr("A.png", b"2")
    refused(tmp_path / "bad.zip", "is there twice")


def refused(path, message):
    folder = path.parent / "unpacked"
    with (
        pytest.raises(CaseStudyError, match=message),
        archives.open_archive(path) as members,
    ):
        archives.unpack(path, members, folder)
    assert not folder.exists()


def test_too_little_disk_is_said_before_anything_is_written(
    data, medium_zip, published, monkeypatch
):
    monkeypatch.setattr(archives, "RESERVE", 1 << 60)
    with pytest.raises(CaseStudyError, match=r"GB of disk.*Free some space"):
        add("sidd", [medium_zip])
    assert not list(data.rglob("*.PNG"))


def test_a_disk_that_fills_up_leaves_nothing_half_made(data, medium_zip, published, monkeypatch):
    copy, copied = archives.shutil.copyfileobj, []

    def fill(source, target, length):
        copied.append(target)
        if len(copied) == 100:
            target.write(source.read(3))
            raise OSError(errno.ENOSPC, "No space left on device", target.name)
        copy(source, target, length)

    monkeypatch.setattr(archives.shutil, "copyfileobj", fill)
    with pytest.raises(CaseStudyError, match=r"No space left.*the same command resumes"):
        add("sidd", [medium_zip])
    with pytest.raises(CaseStudyError, match="not in"):
        load_pairs("sidd")
    add("sidd", [medium_zip])
    assert len(load_pairs("sidd")) == SIDD_PAIRS
    assert len(copied) == 100 + 642 - 99  # of 640 images and two texts


KILLED = """
import sys, time
from pathlib import Path
from casestudy.data.getting import archives
copy = archives.shutil.copyfileobj
archives.shutil.copyfileobj = lambda *args: (time.sleep(0.01), copy(*args))
archive = Path(sys.argv[1])
with archives.open_archive(archive) as members:
    archives.unpack(archive, members, Path(sys.argv[2]))
"""


def test_a_kill_in_the_middle_leaves_nothing_half_made(data, medium_zip, published):
    folder = data / "sidd"
    process = subprocess.Popen([sys.executable, "-c", KILLED, medium_zip, folder])
    while len(list(folder.rglob("*.PNG"))) < 30:
        assert process.poll() is None
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    process.wait()
    with pytest.raises(CaseStudyError, match="not in"):
        load_pairs("sidd")
    first = next(folder.rglob("0001_GT_SRGB_010.PNG"))
    inode = first.stat().st_ino
    add("sidd", [medium_zip])
    assert len(load_pairs("sidd")) == SIDD_PAIRS
    assert next(folder.rglob("0001_GT_SRGB_010.PNG")).stat().st_ino == inode


def test_a_data_root_that_is_read_only_can_be_read_and_is_named(
    medium_zip, published, monkeypatch
):
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        make_small(root)
        for folder in (root, *(path for path in root.rglob("*") if path.is_dir())):
            folder.chmod(0o555)
        monkeypatch.setenv("CASESTUDY_DATA", name)
        user = os.geteuid()
        if user == 0:
            os.seteuid(65534)  # the superuser may write anywhere
        try:
            assert len(load_pairs("sidd")) == 160
            with pytest.raises(CaseStudyError, match=rf"{name}/sidd could not .*CASESTUDY_DATA"):
                fetch_sidd("http://127.0.0.1:9/")
        finally:
            os.seteuid(user)
            for folder in (root, *(path for path in root.rglob("*") if path.is_dir())):
                folder.chmod(0o755)


# Downloads


class Server:
    """A local server of one file, with Range; what it does wrong is set from outside."""

    def __init__(self, content):
        self.content, self.ranges = content, []
        self.cut_after = self.knows_ranges = None
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                asked = self.headers.get("Range")
                outer.ranges.append(asked)
                start = int(re.match(r"bytes=(\d+)-", asked)[1]) if asked else 0
                if outer.knows_ranges is False:
                    start, asked = 0, None
                body = outer.content[start:]
                self.send_response(206 if asked else 200)
                self.send_header("Content-Length", str(len(body)))
                if asked:
                    end, total = len(outer.content) - 1, len(outer.content)
                    self.send_header("Content-Range", f"bytes {start}-{end}/{total}")
                self.end_headers()
                self.wfile.write(body[: outer.cut_after])

            def log_message(self, *args):
                pass

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.http.server_port}/share/"
        threading.Thread(target=self.http.serve_forever, daemon=True).start()


@pytest.fixture
def server(medium_zip, published, monkeypatch):
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setattr(download, "RETRIES", 0)
    server = Server(medium_zip.read_bytes())
    yield server
    server.http.shutdown()
    server.http.server_close()


def test_sidd_is_fetched_once(data, server):
    assert fetch_sidd(server.url) == data / "sidd"
    assert len(load_pairs("sidd")) == SIDD_PAIRS
    assert (data / "sidd" / "SIDD_Medium_Srgb.zip").read_bytes() == server.content
    fetch_sidd(server.url)
    assert server.ranges == [None]


@pytest.mark.parametrize("knows_ranges", [True, False])
def test_a_cut_download_goes_on(data, server, knows_ranges):
    part = data / "sidd" / "SIDD_Medium_Srgb.zip.part"
    part.parent.mkdir()
    part.write_bytes(server.content[:5000])
    server.knows_ranges = knows_ranges
    fetch_sidd(server.url)
    assert server.ranges == ["bytes=5000-"]
    assert len(load_pairs("sidd")) == SIDD_PAIRS and not part.exists()


def test_a_cut_archive_from_elsewhere_can_be_completed(data, server):
    archive = data / "sidd" / "SIDD_Medium_Srgb.zip"
    archive.parent.mkdir()
    archive.write_bytes(server.content[:5000])
    with pytest.raises(CaseStudyError, match=r"5,000 bytes.*Rename it to .*\.part, and the same"):
        fetch_sidd(server.url)
    archive.rename(archive.with_name(f"{archive.name}.part"))
    fetch_sidd(server.url)
    assert server.ranges == ["bytes=5000-"]


def test_a_connection_that_is_cut_again_and_again_gets_there(data, server):
    server.cut_after = len(server.content) // 3
    fetch_sidd(server.url)
    assert len(server.ranges) > 3 and len(load_pairs("sidd")) == SIDD_PAIRS


def test_a_connection_without_a_byte_is_an_error(data, server):
    server.cut_after = 0
    with pytest.raises(CaseStudyError, match=r"could not be downloaded .*resumes.*data add sidd"):
        fetch_sidd(server.url)


def test_wrong_bytes_are_not_used(data, server):
    server.content = bytes(len(server.content))
    with pytest.raises(CaseStudyError, match=r"sent another file.*deleted"):
        fetch_sidd(server.url)
    assert not [path for path in (data / "sidd").iterdir() if path.name != ".lock"]


def test_another_file_than_expected_is_not_downloaded(data, server):
    server.content = b"<html>please log in</html>"
    with pytest.raises(CaseStudyError, match=r"should have .* bytes, but 26 are offered"):
        fetch_sidd(server.url)


def test_renoir_tells_the_steps_and_fails():
    with pytest.raises(CaseStudyError, match=r"(?s)1\. Open .*casestudy data add renoir"):
        fetch.fetch("renoir")
