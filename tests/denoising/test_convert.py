"""LiteRT files of networks, what is in them and what they compute."""

import os
import re
import subprocess
import sys
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import cv2
import numpy as np
import pytest
from ai_edge_litert.interpreter import Interpreter
from PIL import Image
from typer.testing import CliRunner

from casestudy import CaseStudyError, models
from casestudy.commands.main import app
from casestudy.data.catalogue import load_pairs
from casestudy.data.experiment import open_experiment
from casestudy.data.patches import cut_patches
from casestudy.denoising.convert import (
    KINDS,
    calibration_images,
    convert,
    write_by_converter,
)
from casestudy.denoising.litert import converted_once, litert_denoiser, litert_file
from casestudy.denoising.nlm import noise_level
from casestudy.denoising.own_process import in_new_process
from casestudy.denoising.tiles import network_denoiser
from casestudy.models import RECOMMENDED, pridnet
from casestudy.results.metrics import denoise_patches
from casestudy.results.quantized import (
    measure_variants,
    peak_memory,
    sensitivity,
    variants_of,
)
from tests.models.test_restoration import SMALL, shaken

WIDTHS = {"autoencoder": 8, "cbdnet": 8, "pridnet": 4, "ridnet": 16}
SIZES = {name: {"filters": width} for name, width in WIDTHS.items()} | SMALL


@pytest.fixture
def noisy():
    return np.random.default_rng(0).random((2, 40, 52, 3), np.float32)


def written(content, folder):
    (folder / "network.tflite").write_bytes(content)
    return folder / "network.tflite"


@pytest.mark.parametrize("name", SIZES)
def test_floats_compute_what_keras_computes_at_any_size(name, noisy, tmp_path, monkeypatch):
    monkeypatch.setattr(pridnet, "POOLING", (1, 4))  # one level that enlarges is as good as four
    model = shaken(models.build(name, **SIZES[name]))
    denoiser = litert_denoiser(written(convert(model, "float32"), tmp_path), name)
    for images in (noisy, noisy[:1, :33, :17]):
        np.testing.assert_allclose(denoiser(images), network_denoiser(model)(images), atol=1e-5)


def test_dilated_convolutions_are_single_operations():
    """RIDNet has 50 convolutions, 12 of them dilated; not one needs SpaceToBatch."""
    interpreter = Interpreter(model_content=convert(models.build("ridnet", filters=16), "float32"))
    operations = Counter(op["op_name"] for op in interpreter._get_ops_details())
    assert operations["CONV_2D"] == 50
    assert operations.keys() == {"CONV_2D", "ADD", "CONCATENATION", "MEAN", "LOGISTIC", "MUL"}


def test_of_dynamic_int8_transposed_convolutions_are_in_floats():
    interpreter = Interpreter(model_content=convert(models.build("autoencoder"), "dynamic-int8"))
    tensors = {tensor["index"]: tensor for tensor in interpreter.get_tensor_details()}
    types = {
        op["op_name"]: {tensors[i]["dtype"] for i in op["inputs"] if len(tensors[i]["shape"]) == 4}
        for op in interpreter._get_ops_details()
    }
    assert types["TRANSPOSE_CONV"] == {np.float32}
    assert types["CONV_2D"] == {np.float32, np.int8}  # features and weights


def test_eight_bits_need_less_than_a_third_and_half_precision_half():
    model, images = models.build("ridnet"), [np.full((1, 64, 64, 3), 0.5, np.float32)]
    sizes = {kind: len(convert(model, kind, images)) for kind in KINDS}
    assert sizes["float16"] < 0.52 * sizes["float32"]
    assert sizes["dynamic-int8"] < 0.3 * sizes["float32"]
    assert sizes["int8"] < 0.3 * sizes["float32"]


def test_what_the_converter_makes_has_all_weights_in_floats_or_in_8_bits(tmp_path, noisy):
    """Of RIDNet's 1.5 million, in bytes; beside them a file holds a few percent more."""
    model = models.build("ridnet")
    for in_8_bits, each in ((False, 4), (True, 1)):
        file = write_by_converter(model, None, tmp_path, in_8_bits)
        assert 1 < file.stat().st_size / (each * model.count_params()) < 1.2
        expected = network_denoiser(model)(noisy)
        np.testing.assert_allclose(litert_denoiser(file, "ridnet")(noisy), expected, atol=0.02)


def test_the_image_itself_stays_in_floats(noisy, tmp_path):
    """A network that finds no noise must return its input, not one of 8 bits."""
    model = models.build("ridnet", filters=16)
    last = model.get_layer("residual")
    last.set_weights([np.zeros_like(weight) for weight in last.get_weights()])
    denoiser = litert_denoiser(written(convert(model, "int8", [noisy]), tmp_path), "ridnet")
    np.testing.assert_allclose(denoiser(noisy), noisy, atol=1e-6)


def test_blocks_can_stay_in_floats(noisy):
    """The four modules of RIDNet hold nearly all of its weights."""
    model = models.build("ridnet", filters=32)
    whole = len(convert(model, "float32"))
    modules = [f"eam{number}" for number in range(1, 5)]
    assert len(convert(model, "int8", [noisy], modules)) > 0.9 * whole
    assert 0.4 * whole < len(convert(model, "int8", [noisy], modules[:2])) < 0.8 * whole


def test_a_block_of_one_layer_can_stay_in_floats(noisy):
    model = models.build("autoencoder")
    for floats, expected in (((), np.int8), (("down1",), np.float32)):
        content = convert(model, "int8", [noisy], floats)
        tensors = Interpreter(model_content=content).get_tensor_details()
        (kernel,) = (t for t in tensors if tuple(t["shape"]) == (32, 3, 3, 3))
        assert kernel["dtype"] is expected


def test_what_suffers_stays_in_floats_beside_the_blocks_asked_for(noisy):
    content = convert(models.build("ridnet", filters=16), "int8", [noisy], ["eam1"])
    tensors = Interpreter(model_content=content).get_tensor_details()
    (head,) = (t for t in tensors if tuple(t["shape"]) == (16, 3, 3, 3))
    assert head["dtype"] is np.float32


def test_sensitivity_names_the_block_that_eight_bits_ruin():
    """Weights a thousand times larger than the others leave those no levels of 8 bits.

    Every output channel has a scale of its own, so the large ones belong to one input channel;
    the block before makes up for them, and the network computes what it did.
    """
    patches = open_experiment("sample", patch_size=64).train.spread(4)
    model = models.load("autoencoder")
    kernel, bias = model.get_layer("down1.conv").get_weights()
    kernel[..., 0] /= 1000
    bias[0] /= 1000
    model.get_layer("down1.conv").set_weights([kernel, bias])
    kernel, bias = model.get_layer("down2.conv").get_weights()
    kernel[:, :, 0] *= 1000
    model.get_layer("down2.conv").set_weights([kernel, bias])
    table = sensitivity(model, [patches.noisy([i]) for i in range(4)], patches)
    assert table.loc[table["lost_db"].idxmax(), "block"] == "down2"


def test_a_file_is_made_once(tmp_path, monkeypatch):
    monkeypatch.setenv("CASESTUDY_CACHE", str(tmp_path))
    file = litert_file("autoencoder", "dynamic-int8")
    made = file.stat().st_mtime_ns
    assert litert_file("autoencoder", "dynamic-int8") == file and file.stat().st_mtime_ns == made


def test_the_file_that_comes_with_the_package_is_what_conversion_makes(tmp_path):
    """To 60 dB: on another processor, calibration may round its ranges differently."""
    sample = open_experiment("sample", str(tmp_path))
    content = convert(models.load(RECOMMENDED), "int8", calibration_images())
    made, shipped = written(content, tmp_path), litert_file(RECOMMENDED, "int8")
    noisy = sample.test.noisy([0])
    again, before = (litert_denoiser(file, RECOMMENDED)(noisy) for file in (made, shipped))
    assert cv2.PSNR(again, before, R=1) > 60


def test_two_processes_that_need_a_file_make_it_once(tmp_path, capsys):
    """A folder that is there cannot be made."""
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(lambda _: converted_once(tmp_path / "file", "once", os.mkdir), range(2)))
    assert (tmp_path / "file").is_dir() and capsys.readouterr().err == "once\n"


def test_modules_of_the_working_directory_are_not_run(tmp_path, monkeypatch):
    (tmp_path / "random.py").write_text("raise SystemExit('not asked for')")
    monkeypatch.chdir(tmp_path)
    assert in_new_process(len, "four") == 4


def test_a_process_of_its_own_tells_what_it_could_not_write(tmp_path):
    with pytest.raises(FileExistsError, match=str(tmp_path)):
        in_new_process(os.mkdir, tmp_path)


def test_variants_are_measured_beside_keras():
    model, patches = models.load("autoencoder"), open_experiment("sample").test.spread(2)
    files = variants_of("autoencoder")
    table = measure_variants(model, files, patches)
    assert list(table.index) == ["Keras", *(f"LiteRT {kind}" for kind in KINDS)]
    for name, row in table.iterrows():
        file = files[name]
        denoiser = litert_denoiser(file, "autoencoder") if file else network_denoiser(model)
        denoised = denoise_patches(denoiser, patches, [0, 1])
        psnr_db = [
            cv2.PSNR(np.round(clean * 255).astype(np.uint8), result)
            for clean, result in zip(patches.clean([0, 1]), denoised, strict=True)
        ]
        assert row["psnr_db"] == pytest.approx(np.mean(psnr_db), abs=0.02)  # result is rounded
        assert row["lost_db"] == pytest.approx(table["psnr_db"].iloc[0] - row["psnr_db"])
    assert table["size_mb"].iloc[0] == pytest.approx(model.count_params() * 4 / 1e6)
    assert table["times_as_fast"].iloc[0] == 1
    assert table.loc["LiteRT int8", "lost_db"] < 0.15
    memory = peak_memory("autoencoder", {name: files[name] for name in ("Keras", "LiteRT int8")})
    assert 0 < memory["LiteRT int8"] < memory["Keras"]


def test_a_patch_that_comes_back_exactly_is_in_no_mean(pair_folder):
    """A network that paints all black, on patches of which one is black."""
    Image.new("RGB", (96, 80)).save(pair_folder / "clean" / "scene0.png")
    name = f"folder:{pair_folder}"
    patches = cut_patches(name, load_pairs(name)[:3], size=64)
    model = models.load("autoencoder")
    last = model.layers[-1]
    last.set_weights([np.zeros_like(weight) for weight in last.get_weights()])
    table = measure_variants(model, {"Keras": None}, patches)
    clean = patches.of_images(["scene1", "scene2"]).clean(slice(None))
    errors = np.square(clean).mean(axis=(1, 2, 3))
    assert table["psnr_db"].item() == pytest.approx(np.mean(-10 * np.log10(errors)))


def test_a_file_is_run_without_tensorflow(tmp_path):
    file = written(convert(models.build("autoencoder"), "float32"), tmp_path)
    program = f"""
import sys
from pathlib import Path
import numpy as np
from casestudy.denoising import litert, photographs, tiles
denoiser = litert.litert_denoiser(Path({str(file)!r}), "autoencoder")
print(tiles.denoise(denoiser, np.zeros((40, 50, 3), np.uint8)).shape)
print({{"keras", "tensorflow"}} & sys.modules.keys())
"""
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert run.stdout.splitlines() == ["(40, 50, 3)", "set()"], run.stderr


def test_files_are_calibrated_on_noise_of_all_strengths():
    images = calibration_images()
    assert {image.shape for image in images} == {(1, 256, 256, 3)}
    noises = [noise_level(image[0]) for image in images]
    assert max(noises) > 4 * min(noises)


def test_refusals(tmp_path):
    model = models.build("autoencoder")
    with pytest.raises(CaseStudyError, match="Known: float32, float16, dynamic-int8, int8"):
        convert(model, "int4")
    with pytest.raises(CaseStudyError, match="calibrate"):
        convert(model, "int8")
    with pytest.raises(CaseStudyError, match="int8 only"):
        convert(model, "float16", floats=["down1"])
    with pytest.raises(CaseStudyError, match="no block 'eam1'"):
        convert(model, "int8", [np.zeros((1, 32, 32, 3), np.float32)], ["eam1"])
    for content in (b"", b"text", b"\x1c\0\0\0TFL3" + bytes(100)):
        file = written(content, tmp_path)
        with pytest.raises(CaseStudyError, match=re.escape(str(file))):
            litert_denoiser(file, "ridnet")
    with pytest.raises(CaseStudyError, match=r"none\.tflite"):
        litert_denoiser(tmp_path / "none.tflite", "ridnet")


def test_the_command_writes_file_and_card(tmp_path):
    output = tmp_path / "small.tflite"
    command = f"quantize autoencoder --to int8 --floats up1 --output {output}"
    result = CliRunner().invoke(app, command.split())
    assert result.exit_code == 0, result.output
    card = output.with_suffix(".md").read_text()
    assert "`casestudy quantize autoencoder --to int8 --floats up1`" in card
    assert "H and W multiples of 8" in card and "and the blocks up1" in card
    whole, quantized, difference = re.search(
        r"([\d.]+) dB in floats with Keras, ([\d.]+) dB with\nthis file, a difference of "
        r"([-+][\d.]+) dB",
        card,
    ).groups()
    assert float(difference) == pytest.approx(float(quantized) - float(whole), abs=0.0011)
    images = np.random.default_rng(0).random((1, 30, 20, 3), np.float32)
    assert litert_denoiser(output, "autoencoder")(images).shape == images.shape
