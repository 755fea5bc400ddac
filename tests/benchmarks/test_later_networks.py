"""What the networks of page 11 cost: multiply-adds, seconds by runtime, and dB lost in 8 bits.

Each test writes its file if that is missing. Losses need the trainings: `casestudy train NETWORK
--recipe equal-cost`.
"""

import time

import keras
import numpy as np
import pandas as pd
import pytest
import tensorflow as tf
from keras import layers
from tensorflow.python.profiler.model_analyzer import profile
from tensorflow.python.profiler.option_builder import ProfileOptionBuilder

from casestudy.denoising.convert import calibrate, calibration_images, convert, to_floats, to_int8
from casestudy.denoising.litert import litert_denoiser
from casestudy.denoising.tiles import network_denoiser
from casestudy.files.folders import reports_root
from casestudy.files.writing import written_whole
from casestudy.models import NETWORKS, build, hinet, nafnet, uformer
from casestudy.models.weights import load_weights
from casestudy.results import equal_cost
from casestudy.results.images import phone_patches
from casestudy.results.metrics import score_in_turns
from casestudy.results.quantized import seconds_per_megapixel

PATCH = 256  # px
CHANNELS = 32
# Each is applied four times to features of `CHANNELS` channels.
OPERATIONS = {
    "3x3 convolution": lambda x, name: layers.Conv2D(CHANNELS, 3, padding="same", name=name)(x),
    "1x1 convolution": lambda x, name: layers.Conv2D(CHANNELS, 1, name=name)(x),
    "depthwise 3x3 convolution": lambda x, name: layers.DepthwiseConv2D(
        3, padding="same", name=name
    )(x),
    "layer norm (NAFNet)": nafnet.normalized,
    "half instance norm (HINet)": lambda x, name: hinet.HalfInstanceNorm(name=name)(x),
    "window attention (Uformer)": lambda x, name: uformer.attention(
        x, 2, name, shifted=False, modulated=False
    ),
}


@pytest.fixture(scope="module")
def calibration():
    return calibration_images()


def test_costs(benchmark, calibration, tmp_path):
    patches = phone_patches().spread(3)
    folder = reports_root() / "equal-cost" / "models"

    def measure() -> pd.DataFrame:
        rows = []
        for network in (name for name, each in NETWORKS.items() if "equal-cost" in each.recipes):
            model = build(network)
            if trained := (folder / f"{network}.json").exists():
                load_weights(model, folder / f"{network}.safetensors")
            denoisers = {"Keras": network_denoiser(model)}
            for kind in ("float32", "int8"):
                file = tmp_path / f"{network}.{kind}.tflite"
                file.write_bytes(convert(model, kind, calibration))
                denoisers[f"LiteRT {kind}"] = litert_denoiser(file, network)
            scores = score_in_turns({name: (d, 1) for name, d in denoisers.items()}, patches)
            psnr_db = {name: table["psnr_db"].mean() for name, table in scores.items()}
            lost_db = psnr_db["Keras"] - psnr_db["LiteRT int8"] if trained else np.nan
            row = {"network": network, "gmac": multiply_adds(model) / 1e9}
            rows.append(row | dict(seconds_per_megapixel(scores)) | {"int8_lost_db": lost_db})
        return pd.DataFrame(rows)

    measured = benchmark.pedantic(measure, rounds=1)
    print("\n", measured.to_string(index=False, float_format="{:.2f}".format))
    if not equal_cost.COSTS.exists():
        write(measured, equal_cost.COSTS)
    stored = pd.read_csv(equal_cost.COSTS)
    pd.testing.assert_frame_equal(stored[["network", "gmac"]], measured[["network", "gmac"]])


def test_operations(benchmark, tmp_path):
    """Why 8 bits make one network faster and another slower: one kind of operation at a time."""
    features = np.random.default_rng(0).random((1, PATCH, PATCH, 3), np.float32)

    def measure() -> pd.DataFrame:
        rows = []
        for name, apply in OPERATIONS.items():
            source = keras.Input((None, None, 3))
            x = layers.Conv2D(CHANNELS, 1, name="head")(source)
            for number in range(4):
                x = apply(x, f"operation{number}")
            model = keras.Model(source, layers.Conv2D(3, 1, name="out")(x), name="drunet")
            in_floats = to_floats(model)
            in_8_bits = to_int8(model, in_floats, calibrate(in_floats, [features]), ["head"])
            seconds = {}
            for kind, content in {"float32": in_floats, "int8": in_8_bits}.items():
                file = tmp_path / f"{kind}.tflite"
                file.write_bytes(content)
                denoiser = litert_denoiser(file, "drunet")
                denoiser(features)
                seconds[kind] = min(timed(denoiser, features) for _ in range(7))
            rows.append({"operation": name} | seconds)
        table = pd.DataFrame(rows)
        return table.assign(times_as_fast=table["float32"] / table["int8"])

    measured = benchmark.pedantic(measure, rounds=1)
    print("\n", measured.to_string(index=False, float_format="{:.4f}".format))
    if not equal_cost.OPERATIONS.exists():
        write(measured, equal_cost.OPERATIONS)
    assert (
        measured["operation"].tolist() == pd.read_csv(equal_cost.OPERATIONS)["operation"].tolist()
    )


def multiply_adds(model: keras.Model) -> float:
    """Of one patch: half of the floating operations that TensorFlow's profiler counts."""
    noisy = tf.TensorSpec((1, PATCH, PATCH, 3))
    graph = tf.function(model).get_concrete_function(noisy).graph
    return profile(graph, options=ProfileOptionBuilder.float_operation()).total_float_ops / 2


def timed(denoiser, noisy: np.ndarray) -> float:
    began = time.perf_counter()
    denoiser(noisy)
    return time.perf_counter() - began


def write(table: pd.DataFrame, path) -> None:
    with written_whole(path) as temporary:
        table.to_csv(temporary, index=False, float_format="%.7g", lineterminator="\n")
