"""What 8-bit integers gain: speed beside Keras, quality, and a large photograph."""

import statistics
import time

import pytest
from processes import in_a_process

from casestudy import CaseStudyError, models
from casestudy.data.catalogue import load_pairs
from casestudy.data.experiment import open_experiment
from casestudy.data.patches import split_pairs
from casestudy.denoising.convert import KINDS, calibration_images, convert
from casestudy.denoising.litert import litert_denoiser, litert_file
from casestudy.denoising.openvino import openvino_denoiser, openvino_file
from casestudy.denoising.tiles import OVERLAP, TILE, network_denoiser
from casestudy.results.whole_images import evaluate

NETWORK = "ridnet"


@pytest.fixture(scope="module")
def calibration():
    return calibration_images()


@pytest.fixture(scope="module")
def denoisers(calibration, tmp_path_factory):
    """RIDNet by every runtime."""
    model, folder = models.load(NETWORK), tmp_path_factory.mktemp("files")
    denoisers = {"Keras": network_denoiser(model)}
    for kind in KINDS:
        file = folder / f"{kind}.tflite"
        file.write_bytes(convert(model, kind, calibration))
        denoisers[f"LiteRT {kind}"] = litert_denoiser(file, NETWORK)
    denoisers["OpenVINO int8"] = openvino_denoiser(openvino_file(NETWORK), NETWORK)
    return denoisers


def test_variants(benchmark, denoisers):
    noisy = open_experiment("sample").test.spread(1).noisy([0])
    assert noisy.shape == (1, 256, 256, 3)
    seconds = {name: [] for name in denoisers}

    def take_turns():
        for name, denoiser in denoisers.items():
            began = time.perf_counter()
            denoiser(noisy)
            seconds[name].append(time.perf_counter() - began)

    benchmark.pedantic(take_turns, rounds=7, warmup_rounds=1)
    medians = {name: statistics.median(times[1:]) for name, times in seconds.items()}
    print(f"\n{NETWORK}, one patch of 256x256")
    for name, median in medians.items():
        print(f"{name:<20} {median:.3f} s, {medians['Keras'] / median:.2f} times as fast as Keras")


@pytest.mark.parametrize("dataset", ["polyu", "sample"])
def test_quality(benchmark, denoisers, dataset):
    try:
        _, _, held_out = split_pairs(load_pairs(dataset))
    except CaseStudyError as error:
        pytest.skip(str(error))

    def gains():
        names = ("Keras", "LiteRT int8", "OpenVINO int8")  # what is in floats loses nothing
        return {name: evaluate(denoisers[name], held_out)["psnr_db"].mean() for name in names}

    psnr_db = benchmark.pedantic(gains, rounds=1)
    print(f"\n{NETWORK} on {len(held_out)} images of {dataset}")
    for name, mean in psnr_db.items():
        print(f"{name:<20} {mean:.3f} dB, {psnr_db['Keras'] - mean:+.3f} dB lost")


LARGE = f"""
import time
from pathlib import Path
import numpy as np
from casestudy.denoising.tiles import TILE, denoise
from casestudy.denoising.litert import litert_denoiser
denoiser = litert_denoiser(Path(FILE), "{NETWORK}")
tile = np.random.default_rng(0).random((1, TILE, TILE, 3), np.float32)
denoiser(tile)
began = time.perf_counter()
for _ in range(5):
    denoiser(tile)
bare = (time.perf_counter() - began) / 5 / TILE**2
photograph = np.random.default_rng(0).integers(0, 256, (3000, 4000, 3), np.uint8)
began = time.perf_counter()
denoise(denoiser, photograph)
whole = (time.perf_counter() - began) / (3000 * 4000)
print(bare * 1e6, whole * 1e6)
"""


def test_a_photograph_of_12_megapixels(benchmark, tmp_path):
    file = litert_file(NETWORK, "int8")
    program = LARGE.replace("FILE", repr(str(file)))
    bare, whole, memory = benchmark.pedantic(in_a_process, (program, tmp_path), rounds=1)
    print(f"\n12 megapixels by {NETWORK}, int8, tiles of {TILE} that share {OVERLAP}: ", end="")
    print(f"{whole * 12:.1f} s, {whole:.2f} s per megapixel, ", end="")
    print(f"{whole / bare:.2f} times bare tiles, peak {memory:.0f} MiB")
