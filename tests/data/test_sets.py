"""Finding, fetching and checking pairs on disk."""

import errno
import hashlib
import os
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import cv2
import numpy as np
import pytest
from PIL import Image

from casestudy import CaseStudyError
from casestudy.data.camera import capture
from casestudy.data.catalogue import DATASETS, load_pairs
from casestudy.data.checking import soundness
from casestudy.data.checking.check import check
from casestudy.data.getting import fetch
from casestudy.data.getting import polyu as getting_polyu
from casestudy.data.sets import polyu, sample
from casestudy.files.folders import data_root
from casestudy.files.photos import read_image


def real_data(path):
    try:
        present = (data_root() / path).is_dir()
    except CaseStudyError:
        present = False
    return pytest.mark.skipif(not present, reason=f"{path} is not under the data root")


needs_crops = real_data("polyu/CroppedImages")
needs_frames = real_data("polyu/OriginalImages")
needs_bsds = real_data("bsds500/test")


def photograph(seed=0, shape=(256, 320)):
    """A smooth random image with edges, so that brightness and shift can be told."""
    rng = np.random.default_rng(seed)
    coarse = rng.integers(40, 215, (shape[0] // 16, shape[1] // 16, 3), np.uint8)
    return cv2.resize(coarse, shape[::-1], interpolation=cv2.INTER_CUBIC)


def to_levels(image):
    return np.clip(np.round(image), 0, 255).astype(np.uint8)


def add_noise(clean, sigma=10, seed=0):
    return to_levels(clean + np.random.default_rng(seed).normal(0, sigma, clean.shape))


@pytest.fixture
def own_pairs(tmp_path):
    """A folder with pairs a.png, b.JPG and c.tif."""
    for side in ("noisy", "clean"):
        (tmp_path / side).mkdir()
    for seed, name in enumerate(("a.png", "b.JPG", "c.tif")):
        clean = photograph(seed)
        Image.fromarray(clean).save(tmp_path / "clean" / name)
        Image.fromarray(add_noise(clean)).save(tmp_path / "noisy" / name)
    return tmp_path


@pytest.fixture
def crops(tmp_path, monkeypatch):
    """A data root with two pairs named like PolyU's; returns the folder of crops."""
    monkeypatch.setenv("CASESTUDY_DATA", str(tmp_path))
    monkeypatch.setattr(polyu, "PAIRS", 2)
    images = tmp_path / "polyu" / "CroppedImages"
    images.mkdir(parents=True)
    for seed, stem in enumerate(("Sony_4_200_3200_door_10", "NikonD800_6-3_125_5000_plant__4")):
        clean = photograph(seed)
        Image.fromarray(clean).save(images / f"{stem}_mean.JPG", quality=95)
        Image.fromarray(add_noise(clean)).save(images / f"{stem}_real.JPG", quality=95)
    return images


# Folders of one's own


def test_folder_pairs_are_found_by_equal_names(own_pairs):
    (own_pairs / "noisy" / ".hidden.png").touch()
    (own_pairs / "clean" / "notes.txt").touch()
    pairs = load_pairs(f"folder:{own_pairs}")
    assert [pair.id for pair in pairs] == [pair.scene for pair in pairs] == ["a", "b", "c"]
    noisy, clean = pairs[0].load()
    np.testing.assert_array_equal(clean, photograph(0))
    np.testing.assert_array_equal(noisy, add_noise(photograph(0)))


def test_equal_stems_keep_their_suffix(own_pairs):
    for side in ("noisy", "clean"):
        Image.fromarray(photograph()).save(own_pairs / side / "a.bmp")
    assert [pair.id for pair in load_pairs(f"folder:{own_pairs}")] == ["a.bmp", "a.png", "b", "c"]


def test_home_and_working_directory_are_starting_points(own_pairs, monkeypatch):
    monkeypatch.setenv("HOME", str(own_pairs.parent))
    assert len(load_pairs(f"folder:~/{own_pairs.name}")) == 3
    monkeypatch.chdir(own_pairs.parent)
    assert len(load_pairs(f"folder:{own_pairs.name}")) == 3


@pytest.mark.skipif(sys.platform != "linux", reason="other systems refuse such names")
def test_a_name_in_another_encoding_is_refused(own_pairs):
    for side in ("noisy", "clean"):
        Image.fromarray(photograph()).save(own_pairs / side / os.fsdecode(b"caf\xe9.png"))
    with pytest.raises(CaseStudyError, match=r"caf\\udce9\.png.* not UTF-8"):
        check(f"folder:{own_pairs}")


@pytest.mark.parametrize("sides", [[], ["noisy"], ["noisy", "clean"]])
def test_incomplete_folder_is_told_what_is_expected(tmp_path, sides):
    for side in sides:
        (tmp_path / side).mkdir()
    with pytest.raises(CaseStudyError, match="noisy/NAME and PATH/clean/NAME"):
        load_pairs(f"folder:{tmp_path}")


@pytest.mark.parametrize("name", ["lonely.png", "A.png"])
def test_image_without_partner_is_never_skipped(own_pairs, name):
    Image.fromarray(photograph()).save(own_pairs / "noisy" / name)
    with pytest.raises(CaseStudyError, match=rf"1 image.*{name}.*data check folder:"):
        load_pairs(f"folder:{own_pairs}")


def test_many_images_without_partner_are_counted(own_pairs):
    for number in range(7):
        (own_pairs / "clean" / f"x{number}.png").touch()
    with pytest.raises(CaseStudyError, match=r"7 image.*x0\.png.*x2\.png, \.\.\."):
        load_pairs(f"folder:{own_pairs}")


def test_unequal_sizes_are_refused(own_pairs):
    Image.fromarray(photograph(shape=(128, 128))).save(own_pairs / "clean" / "a.png")
    with pytest.raises(CaseStudyError, match=r"a\.png is 320x256 .* is 128x128"):
        load_pairs(f"folder:{own_pairs}")[0].load()


# PolyU


def test_polyu_names_tell_camera_iso_and_scene(crops):
    nikon, sony = load_pairs("polyu")
    assert (nikon.id, nikon.scene) == ("NikonD800_6-3_125_5000_plant__4", "plant")
    assert (nikon.camera, nikon.iso) == ("Nikon D800", 5000)
    assert (sony.id, sony.scene) == ("Sony_4_200_3200_door_10", "door")
    assert (sony.camera, sony.iso) == ("Sony A7 II", 3200)


@pytest.mark.parametrize("dataset", ["polyu", "polyu-frames"])
def test_absent_polyu_tells_what_to_run(tmp_path, monkeypatch, dataset):
    monkeypatch.setenv("CASESTUDY_DATA", str(tmp_path))
    remedy = "casestudy data fetch polyu" if dataset == "polyu" else "OriginalImages"
    with pytest.raises(CaseStudyError, match=f"{remedy}.*CASESTUDY_DATA"):
        load_pairs(dataset)


def test_polyu_file_without_partner_is_named(crops):
    (crops / "Sony_4_200_3200_door_10_mean.JPG").unlink()
    with pytest.raises(CaseStudyError, match=r"door_10_real\.JPG.*data check polyu"):
        load_pairs("polyu")


def test_a_part_of_polyu_is_not_taken_for_it(crops):
    """As a fetch that was interrupted leaves it."""
    for kind in ("real", "mean"):
        (crops / f"Sony_4_200_3200_door_10_{kind}.JPG").unlink()
    with pytest.raises(CaseStudyError, match=r"holds 1 of 2 pairs.*data fetch polyu"):
        load_pairs("polyu")
    findings, sound = check("polyu")
    assert sound == 1 and findings["kind"].tolist() == ["incomplete"]
    assert fetch.availability().set_index("dataset").loc["polyu", "pairs"] == 0


def test_a_part_of_bsds500_is_not_taken_for_it(tmp_path, monkeypatch):
    monkeypatch.setenv("CASESTUDY_DATA", str(tmp_path))
    (tmp_path / "bsds500" / "train").mkdir(parents=True)
    Image.fromarray(photograph()).save(tmp_path / "bsds500" / "train" / "1.jpg")
    for dataset in ("bsds500", "bsds500-clean"):
        with pytest.raises(CaseStudyError, match=r"holds 1 of 500 photographs.*unpack BSR"):
            load_pairs(dataset)


def test_foreign_file_among_polyu_is_named(crops):
    for kind in ("real", "mean"):
        Image.fromarray(photograph()).save(crops / f"holiday_{kind}.jpg")
    with pytest.raises(CaseStudyError, match=r"holiday_real\.jpg is not named like"):
        load_pairs("polyu")


@needs_crops
def test_real_crops_are_the_published_hundred():
    pairs = load_pairs("polyu")
    assert len(pairs) == len({pair.id for pair in pairs}) == 100
    counts = {}
    for pair in pairs:
        counts[pair.camera] = counts.get(pair.camera, 0) + 1
    assert counts == {
        "Canon EOS 5D Mark II": 29,
        "Canon EOS 600D": 11,
        "Canon EOS 80D": 15,
        "Nikon D800": 33,
        "Sony A7 II": 12,
    }


@needs_crops
def test_real_crops_have_the_published_psnr():
    psnr = []
    for pair in load_pairs("polyu"):
        noisy, clean = (image.astype(np.float64) for image in pair.load())
        psnr.append(10 * np.log10(255**2 / np.mean((noisy - clean) ** 2)))
    # Mean over the 100 crops of the noisy input, 8-bit RGB, as quoted for this benchmark.
    assert np.mean(psnr) == pytest.approx(35.97, abs=0.01)


@needs_frames
def test_real_frames_share_scenes_with_their_crops():
    frames = {pair.id: pair for pair in load_pairs("polyu-frames")}
    crop_scenes = {pair.scene for pair in load_pairs("polyu")}
    for frame in ("Nikon800_door", "Nikon800_desch", "Canon5D2_recie", "Canon80D_GO"):
        assert frames[frame].scene in crop_scenes
    for pair in frames.values():
        with Image.open(pair.noisy_path) as image:
            model = image.getexif()[272]  # as the camera wrote it
        assert pair.camera.lower() in model.lower().replace("ilce-7m2", "sony a7 ii")


# The measures of a pair


SOUND = add_noise(photograph())


@pytest.mark.parametrize(
    "kind, noisy",
    [
        ("brightness", to_levels(SOUND * 1.05)),
        ("brightness", to_levels(SOUND * 0.95)),
        ("brightness", to_levels(SOUND + 8.0)),
        ("brightness", to_levels(SOUND * np.array([1.1, 1, 1]))),
        ("brightness", to_levels(SOUND * 0.3)),
        ("brightness", np.zeros_like(SOUND)),
        ("shift", np.roll(SOUND, 1, axis=1)),
        ("shift", np.roll(SOUND, (2, 0), axis=(0, 1))),
        ("shift", np.roll(SOUND, (-7, 9), axis=(0, 1))),
        ("content", add_noise(photograph(1))),
        ("content", np.ascontiguousarray(SOUND[::-1, ::-1])),
    ],
)
def test_more_than_noise_is_found(kind, noisy):
    assert soundness.judge(SOUND, photograph()) == []
    assert [found for found, _ in soundness.judge(noisy, photograph())] == [kind]


@pytest.mark.parametrize("x, y", [(1, 0), (-1, 0), (0, 1), (1, -1)])
def test_shift_has_the_sign_and_size_of_the_shift(x, y):
    moved = np.roll(SOUND, (y, x), axis=(0, 1))
    assert soundness.shift(moved, photograph()) == pytest.approx((x, y), abs=0.1)


@pytest.mark.parametrize("shape", [(1, 1), (8, 300), (31, 31), (40, 40), (100, 64)])
def test_small_or_flat_images_are_not_judged_wrongly(shape):
    flat = np.full((*shape, 3), 90, np.uint8)
    assert soundness.judge(flat, flat) == []
    assert soundness.judge(add_noise(flat, sigma=40), flat) == []
    assert soundness.judge(np.zeros_like(flat), np.zeros_like(flat)) == []


@needs_bsds
@pytest.mark.parametrize("camera, iso", [(0, 3200), (1, 100), (1, 3200)])
def test_simulated_noise_is_not_mistaken(camera, iso):
    rng = np.random.default_rng(0)
    for path in sorted((data_root() / "bsds500" / "test").iterdir())[::10]:
        pair = capture(read_image(path), sample.CAMERAS[camera], iso, rng)
        assert soundness.judge(*pair) == [], path.name


@needs_bsds
def test_dark_images_are_not_mistaken():
    rng = np.random.default_rng(0)
    for path in sorted((data_root() / "bsds500" / "test").iterdir())[::10]:
        clean = to_levels(read_image(path) * 0.15)
        photons = rng.poisson(clean / 255 * 20) / 20 * 255
        assert soundness.judge(to_levels(photons), clean) == [], path.name


# data check


def test_check_of_sound_pairs(own_pairs):
    findings, sound = check(f"folder:{own_pairs}")
    assert findings.empty and sound == 3


def test_check_lists_everything_that_is_wrong(own_pairs):
    noisy, clean = own_pairs / "noisy", own_pairs / "clean"
    Image.fromarray(photograph()).save(noisy / "lonely.png")
    content = (noisy / "b.JPG").read_bytes()
    (noisy / "b.JPG").write_bytes(content[: len(content) // 2])
    (clean / "b.JPG").write_bytes(b"")
    Image.fromarray(photograph(shape=(128, 128))).save(clean / "a.png")
    for side, image in ((noisy, to_levels(SOUND + 9.0)), (clean, photograph())):
        Image.fromarray(image).save(side / "bright.png")
    findings, sound = check(f"folder:{own_pairs}")
    assert sound == 1  # c
    assert list(zip(findings["pair"], findings["kind"], strict=True)) == [
        (str(noisy / "lonely.png"), "no partner"),
        ("a", "shape"),
        ("b", "unreadable"),
        ("b", "unreadable"),
        ("bright", "brightness"),
    ]
    assert findings["advice"].str.len().gt(20).all()


def test_check_finds_pairs_that_are_none(own_pairs):
    noisy, clean = own_pairs / "noisy", own_pairs / "clean"
    (noisy / "same.png").write_bytes((noisy / "a.png").read_bytes())
    (clean / "same.png").write_bytes((noisy / "a.png").read_bytes())
    for side in (noisy, clean):
        Image.fromarray(np.zeros((128, 128, 3), np.uint8)).save(side / "cap.png")
    Image.fromarray(photograph()).save(noisy / "Tree.png")
    Image.fromarray(photograph()).save(clean / "tree.tif")
    findings, sound = check(f"folder:{own_pairs}")
    assert sound == 3
    assert list(zip(findings["pair"], findings["kind"], strict=True)) == [
        (str(clean / "tree.tif"), "no partner"),
        (str(noisy / "Tree.png"), "no partner"),
        ("cap", "black"),
        ("same", "identical"),
    ]
    assert str(noisy / "Tree.png") in findings["advice"][0]


def test_check_finds_exchanged_folders(own_pairs):
    """Only if all pairs are: cameras smooth noise away, and some detail with it."""
    noisy, clean, aside = (own_pairs / name for name in ("noisy", "clean", "aside"))
    for old, new in ((noisy, aside), (clean, noisy), (aside, clean)):
        old.rename(new)
    findings, _ = check(f"folder:{own_pairs}")
    assert findings["kind"].tolist() == ["exchanged"]
    (noisy / "a.png").write_bytes((clean / "a.png").read_bytes())
    assert "exchanged" not in check(f"folder:{own_pairs}")[0]["kind"].tolist()


def test_check_of_polyu_lists_lonely_files_and_frames_by_name(crops):
    (crops / "Sony_4_200_3200_door_10_mean.JPG").unlink()
    findings, sound = check("polyu")
    assert sound == 1 and findings["kind"].tolist() == ["no partner", "incomplete"]
    frames = crops.parent / "OriginalImages"
    frames.mkdir()
    for kind, image in (("Real", SOUND), ("mean", photograph())):
        Image.fromarray(to_levels(image)).save(frames / f"Canon5D2_bag_{kind}.JPG")
    assert check("polyu-frames")[1] == 1


def test_check_of_unknown_dataset(tmp_path):
    with pytest.raises(CaseStudyError, match="Unknown dataset"):
        check("polio")


@needs_crops
def test_real_crops_are_sound():
    findings, sound = check("polyu")
    assert findings.empty and sound == 100


@needs_frames
@pytest.mark.parametrize(
    "frame, kinds",
    [
        ("SonyA7II_compu", ["brightness"]),
        ("Nikon800_stair", ["shift"]),  # 1.3 px in every part of the frame
        ("SonyA7II_book", []),
        ("Nikon_800_carbi", []),
        ("Canon5D2_bicyc", []),
    ],
)
def test_real_frames(frame, kinds):
    (pair,) = (pair for pair in load_pairs("polyu-frames") if pair.id == frame)
    assert [kind for kind, _ in soundness.judge(*pair.load())] == kinds


# data fetch

CONTENT = {f"CroppedImages/{letter}.JPG": letter.encode() * 5000 for letter in "abcd"}


class Server:
    """A local server of CONTENT; `requests` lists the paths asked for."""

    def __init__(self):
        self.files = dict(CONTENT)
        self.requests = []
        self.missing_bytes = 0
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                name = self.path.lstrip("/")
                outer.requests.append(name)
                if name not in outer.files:
                    self.send_error(404)
                    return
                body = outer.files[name]
                self.send_response(200)
                self.send_header("Content-Length", str(len(body) + outer.missing_bytes))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *args):
                pass

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.http.server_port}/"
        threading.Thread(target=self.http.serve_forever, daemon=True).start()

    def close(self):
        self.http.shutdown()
        self.http.server_close()


@pytest.fixture
def server(monkeypatch):
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setattr(getting_polyu, "RETRIES", 0)
    server = Server()
    yield server
    server.close()


@pytest.fixture
def download(tmp_path, monkeypatch, server):
    """A function that fetches CONTENT from the server into a fresh data root."""
    monkeypatch.setenv("CASESTUDY_DATA", str(tmp_path / "data"))
    lines = [f"{name} {hashlib.sha256(body).hexdigest()}\n" for name, body in CONTENT.items()]
    registry = tmp_path / "registry.txt"
    registry.write_text("".join(lines))
    return lambda: getting_polyu.fetch_polyu(server.url, registry)


def stored(tmp_path):
    root = tmp_path / "data" / "polyu"
    files = (path for path in root.rglob("*") if path.is_file())
    return {str(path.relative_to(root)): path.read_bytes() for path in files}


def test_fetch_stores_every_file_and_only_once(tmp_path, server, download):
    assert download() == tmp_path / "data" / "polyu"
    assert stored(tmp_path) == CONTENT and server.requests == list(CONTENT)
    download()
    assert server.requests == list(CONTENT)


def test_damaged_file_is_fetched_again(tmp_path, server, download):
    download()
    (tmp_path / "data" / "polyu" / "CroppedImages" / "b.JPG").write_bytes(b"cut")
    download()
    assert stored(tmp_path) == CONTENT
    assert server.requests[len(CONTENT) :] == ["CroppedImages/b.JPG"]


def test_wrong_bytes_are_refused(tmp_path, server, download):
    server.files["CroppedImages/b.JPG"] = b"<html>please log in</html>"
    with pytest.raises(
        CaseStudyError, match=r"b\.JPG differs from the published.*was not written"
    ):
        download()
    assert stored(tmp_path).keys() == {"CroppedImages/a.JPG"}


def test_cut_off_transfer_is_refused(tmp_path, server, download):
    server.missing_bytes = 10
    with pytest.raises(CaseStudyError, match=r"a\.JPG could not be downloaded"):
        download()
    assert stored(tmp_path) == {}


def test_interrupted_fetch_goes_on(tmp_path, server, download):
    body = server.files.pop("CroppedImages/c.JPG")
    with pytest.raises(CaseStudyError, match=r"c\.JPG could not be downloaded.*404"):
        download()
    assert stored(tmp_path).keys() == {"CroppedImages/a.JPG", "CroppedImages/b.JPG"}
    server.files["CroppedImages/c.JPG"] = body
    server.requests.clear()
    download()
    assert stored(tmp_path) == CONTENT
    assert server.requests == ["CroppedImages/c.JPG", "CroppedImages/d.JPG"]


def test_no_network_is_said(server, download):
    server.close()
    with pytest.raises(CaseStudyError, match=r"could not be downloaded.*Check the network"):
        download()


def test_folder_that_cannot_be_written_is_named(tmp_path, download):
    (tmp_path / "data").write_text("a file where a folder should be")
    with pytest.raises(CaseStudyError, match=r"could not be written.*CASESTUDY_DATA"):
        download()


def test_full_disk_is_said(monkeypatch, tmp_path, download):
    def full(*args, **kwargs):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(getting_polyu.pooch.HTTPDownloader, "__call__", full)
    with pytest.raises(CaseStudyError, match=r"No space left on device.*Free some space"):
        download()
    assert stored(tmp_path) == {}


def test_fetch_of_datasets_without_download():
    assert fetch.fetch("sample") is fetch.fetch("phones") is None
    for dataset in ("polyu-frames", "sidd+renoir"):
        with pytest.raises(CaseStudyError, match=r"cannot be fetched.*polyu"):
            fetch.fetch(dataset)


def test_registry_lists_the_benchmark_and_its_licence():
    lines = [line.split() for line in getting_polyu.REGISTRY.read_text().splitlines()[1:]]
    names = {name for name, _ in lines}
    assert len(lines) == len(names) == 201 and "License.txt" in names
    stems = {name.rsplit("_", 1)[0] for name in names - {"License.txt"}}
    assert names - {"License.txt"} == {f"{s}_{k}.JPG" for s in stems for k in ("real", "mean")}
    assert all(len(digest) == 64 for _, digest in lines)


@needs_crops
def test_present_benchmark_is_not_fetched(server):
    getting_polyu.fetch_polyu(server.url)
    assert server.requests == []


def test_availability_survives_absence(tmp_path, monkeypatch):
    monkeypatch.setenv("CASESTUDY_DATA", str(tmp_path))
    table = fetch.availability().set_index("dataset")
    assert table.index.tolist() == [*DATASETS, "folder:PATH"]
    assert set(table.index[table["pairs"] > 0]) == {"sample", "phones"}  # these are embedded
    assert "data fetch polyu" in table.loc["polyu", "get"]


def test_availability_counts_pairs(crops):
    assert fetch.availability().set_index("dataset").loc["polyu", "pairs"] == 2
