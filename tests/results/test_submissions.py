"""Submission files, read as the benchmarks' servers read them."""

import base64
import csv
import subprocess
import sys
from pathlib import Path

import h5py
import numpy as np
import pytest
from scipy import io

from casestudy import CaseStudyError
from casestudy.data.sets import sidd_blocks
from casestudy.results.submissions import submit_dnd, submit_sidd

NLM = {"model": "nlm"}
BOX = np.array([[1, 1, 32, 40], [9, 17, 40, 56], [33, 21, 64, 60]])  # from 1, last one included


def same(image):
    return image


@pytest.fixture
def blocks(tmp_path, monkeypatch):
    """Random blocks, two images of three, as SIDD's benchmark hands them out."""
    shape = (2, 3, 256, 256, 3)
    monkeypatch.setattr(sidd_blocks, "SHAPE", shape)
    monkeypatch.setenv("CASESTUDY_DATA", str(tmp_path))
    noisy = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    name = "BenchmarkNoisyBlocksSrgb"
    (tmp_path / "sidd").mkdir()
    io.savemat(tmp_path / "sidd" / f"{name}.mat", {name: noisy})
    return noisy.reshape(6, 256, 256, 3)


@pytest.fixture
def photographs(tmp_path, monkeypatch):
    """Two photographs of three boxes, in DND's layout."""
    monkeypatch.setenv("CASESTUDY_DATA", str(tmp_path))
    folder = tmp_path / "downloads" / "dnd_2017"
    (folder / "images_srgb").mkdir(parents=True)
    images = np.random.default_rng(0).random((2, 64, 80, 3), dtype=np.float32)
    with h5py.File(folder / "info.mat", "w") as file:
        boxes = [file.create_dataset(f"#refs#/{n}", data=BOX.T.astype(float)) for n in range(2)]
        references = np.array([[box.ref for box in boxes]], h5py.ref_dtype)
        file.create_dataset("info/boundingboxes", data=references)
    for number, image in enumerate(images, 1):
        with h5py.File(folder / "images_srgb" / f"{number:04d}.mat", "w") as file:
            file["InoisySRGB"] = image.T
    return images


def read_csv(path):
    csv.field_size_limit(1 << 20)
    with path.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == ["ID", "BLOCK"]
    assert [int(row["ID"]) for row in rows] == list(range(len(rows)))
    read = [np.frombuffer(base64.b64decode(row["BLOCK"]), np.uint8) for row in rows]
    return np.stack(read).reshape(-1, 256, 256, 3)


def test_sidd_is_a_line_of_base64_for_each_block(blocks, tmp_path):
    path = submit_sidd(lambda block: 255 - block, NLM, tmp_path / "out")
    assert path.name == "SubmitSrgb.csv"
    assert (read_csv(path) == 255 - blocks).all()
    assert len(path.read_bytes().splitlines()[1]) == len("0,") + 262_144


def test_dnd_is_a_cell_of_boxes_for_each_photograph(photographs, tmp_path):
    paths = submit_dnd(lambda box: box / 2, NLM, tmp_path / "out")
    assert [path.name for path in paths] == ["0001.mat", "0002.mat"]
    for path, image in zip(paths, photographs, strict=True):
        read = io.loadmat(path)
        assert read["Idenoised"].shape == (1, 3) and read["eval_version"] == "1.0"
        assert read["israw"].item() == 0
        np.testing.assert_array_equal(read["Idenoised"][0, 0], image[:32, :40] / 2)
        np.testing.assert_array_equal(read["Idenoised"][0, 1], image[8:40, 16:56] / 2)


def interrupted_after(count):
    """Return a method that is interrupted once it has done some images."""
    images = iter(range(count))

    def denoise(image):
        if next(images, None) is None:
            raise KeyboardInterrupt
        return image

    return denoise


def test_an_interrupted_sidd_goes_on(blocks, tmp_path):
    out = tmp_path / "out"
    with pytest.raises(KeyboardInterrupt):
        submit_sidd(interrupted_after(4), NLM, out)
    assert not (out / "SubmitSrgb.csv").exists()
    part = next(out.glob("*.part"))
    part.write_bytes(part.read_bytes()[:-1000])  # as a crash leaves it: half a line
    assert (read_csv(submit_sidd(interrupted_after(3), NLM, out)) == blocks).all()


def test_an_interrupted_dnd_goes_on(photographs, tmp_path):
    out = tmp_path / "out"
    with pytest.raises(KeyboardInterrupt):
        submit_dnd(interrupted_after(5), NLM, out)
    assert [path.name for path in out.glob("*.mat")] == ["0001.mat"]
    assert len(submit_dnd(interrupted_after(3), NLM, out)) == 2


def test_a_folder_of_something_else_is_refused(blocks, tmp_path):
    out = tmp_path / "out"
    submit_sidd(same, NLM, out)
    with pytest.raises(CaseStudyError, match="another method"):
        submit_sidd(same, {"model": "ridnet"}, out)
    with pytest.raises(CaseStudyError, match="is not a submission"):
        submit_sidd(same, NLM, tmp_path / "sidd")


def test_two_processes_do_not_write_one_submission(blocks, tmp_path):
    out = tmp_path / "out"

    def denoise(block):
        with pytest.raises(CaseStudyError, match="Another process is at work"):
            submit_sidd(same, NLM, out)
        return block

    assert (read_csv(submit_sidd(denoise, NLM, out)) == blocks).all()


def test_a_folder_that_cannot_be_written_is_named(blocks, tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(CaseStudyError, match=r"file.* could not be .*name another folder"):
        submit_sidd(same, NLM, tmp_path / "file" / "out")


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda folder: (folder / "info.mat").unlink(), r"dnd_2017 with info\.mat"),
        (
            lambda folder: (folder / "info.mat").write_bytes(b"text"),
            r"info\.mat cannot be read as a file of DND",
        ),
        (lambda folder: (folder / "images_srgb/0002.mat").unlink(), r"0002\.mat is missing"),
        (
            lambda folder: h5py.File(folder / "images_srgb/0001.mat", "w").close(),
            r"0001\.mat cannot be read as a file of DND .*InoisySRGB",
        ),
    ],
)
def test_damaged_files_are_named(photographs, tmp_path, damage, message):
    damage(tmp_path / "downloads" / "dnd_2017")
    with pytest.raises(CaseStudyError, match=message):
        submit_dnd(same, NLM, tmp_path / "out")


def test_a_box_outside_its_photograph_is_refused(photographs, tmp_path):
    with h5py.File(tmp_path / "downloads/dnd_2017/images_srgb/0001.mat", "w") as file:
        file["InoisySRGB"] = photographs[0, :50].T
    with pytest.raises(CaseStudyError, match=r"0001\.mat .*box 33, 21 to 64, 60"):
        submit_dnd(same, NLM, tmp_path / "out")


def test_the_command_writes_a_submission(photographs, tmp_path):
    command = [Path(sys.executable).with_name("casestudy"), "benchmark", "dnd"]
    subprocess.run([*command, tmp_path / "out", "--model", "nlm"], check=True)
    read = io.loadmat(tmp_path / "out" / "0001.mat")["Idenoised"][0, 1]
    noisy = photographs[0, 8:40, 16:56]
    assert read.shape == noisy.shape and read.dtype == np.float32
    assert 0 < read.std() < noisy.std()
