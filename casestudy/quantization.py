"""Networks as LiteRT files: in floats, and in 8-bit integers, which are smaller and faster.

LiteRT is what TensorFlow Lite is called since 2024. Every file takes images of any size.

Kinds of file:

float32
    The network as it was trained.
float16
    Weights stored in 16 bits, computed in 32: half the size.
dynamic-int8
    Weights in 8 bits; the features before each convolution are brought to 8 bits as they come.
int8
    Weights and features in 8 bits, on scales that were measured on calibration images. In floats
    stay the last convolution and what follows: most networks add their input there, which would
    else have been rounded to 8 bits; and what is `SENSITIVE`.
"""

import contextlib
import io
import logging
import os
import re
import tempfile
import time
import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import keras
import numpy as np
import pandas as pd
import tensorflow as tf
from ai_edge_litert.interpreter import Interpreter
from litert_quantizer import quantizer, recipe
from litert_quantizer.algorithm_manager import AlgorithmName
from litert_quantizer.calibrator import CalibrationMode
from litert_quantizer.qtyping import TFLOperationName
from tqdm import tqdm

from casestudy import provenance, released
from casestudy.cards import render
from casestudy.errors import CaseStudyError
from casestudy.experiment import open_experiment
from casestudy.inference import MULTIPLES, TILE, network_denoiser
from casestudy.litert import litert_denoiser
from casestudy.memory import peak_memory_mb
from casestudy.metrics import Denoiser, score
from casestudy.models.inspection import block_of
from casestudy.patches import Patches
from casestudy.paths import written_whole

KINDS = ("float32", "float16", "dynamic-int8", "int8")
# What suffers from 8 bits. By `sensitivity`: blocks without a skip, which carry the picture; and
# the end of one of PRIDNet's scales, where an error covers 8x8 pixels. And the end of RIDNet's
# modules: weights of channels, what they weigh, and the sums of the skips, where what a module
# adds is rounded with what it adds to.
_ENDS = [f"eam{number}.{end}" for number in (1, 2, 3, 4) for end in ("attention", "short_skip")]
SENSITIVE = {
    "pridnet-half": ("estimate", "fusion", "pyramid8.up1", "pyramid8.out", "pyramid8.enlarge"),
    "ridnet": ("head", *_ENDS, "long_skip"),
}
CALIBRATION_PATCHES = 16
CARD_PATCHES = 12
ROUNDS = 3  # of timing


def convert(
    model: keras.Model,
    kind: str,
    calibration: Iterable[np.ndarray] = (),
    floats: Sequence[str] = (),
    in_floats: bytes | None = None,
) -> bytes:
    """Return a network as the content of a LiteRT file.

    Parameters
    ----------
    model : keras.Model
        From `casestudy.models.build`.
    kind : str
        One of `KINDS`.
    calibration : iterable of ndarray, shape (N, H, W, 3), float32 in [0, 1]
        Noisy images for "int8". Never those that the network is tested on.
    floats : sequence of str
        Blocks of the network (`casestudy.models.inspection.block_of`) that "int8" leaves in
        floats, such as those that suffer most by `sensitivity`, beside those in `SENSITIVE`.
    in_floats : bytes, optional
        The network as "float32", which others are made from, if that was made before.

    Raises
    ------
    CaseStudyError
        If there is no such kind or block, no image to calibrate "int8" on, or another backend
        than TensorFlow.
    """
    if kind not in KINDS:
        raise CaseStudyError(f"Unknown kind {kind!r}. Known: {', '.join(KINDS)}.")
    if keras.backend.backend() != "tensorflow":
        raise CaseStudyError("LiteRT files are made by TensorFlow: unset KERAS_BACKEND.")
    if floats and kind != "int8":
        raise CaseStudyError(f"Blocks can be left in floats with int8 only, not with {kind}.")
    if unknown := sorted(set(floats) - set(_blocks(model))):
        raise CaseStudyError(
            f"{model.name} has no block {unknown[0]!r}. Known: {', '.join(_blocks(model))}."
        )
    in_floats = in_floats or _in_floats(model)
    if kind == "float32":
        return in_floats
    if kind == "float16":
        return _float16(in_floats)
    if kind == "dynamic-int8":
        return _dynamic_int8(in_floats)
    return _int8(model, in_floats, _calibrate(in_floats, calibration), _kept(model, floats))


def write(
    model: keras.Model,
    kind: str,
    folder: Path,
    calibration: Iterable[np.ndarray] = (),
    in_floats: bytes | None = None,
) -> Path:
    """Write what `convert` returns as `<network>-<kind>.tflite` into a folder."""
    file = folder / f"{model.name}-{kind}.tflite"
    with written_whole(file) as temporary:
        temporary.write_bytes(convert(model, kind, calibration, in_floats=in_floats))
    return file


def write_by_converter(
    model: keras.Model, patch_size: int | None, folder: Path, in_8_bits: bool = False
) -> Path:
    """Write what TensorFlow's converter makes of a network by its own settings.

    For patches of one size, or of any size for None; in floats, or with weights in 8 bits by its
    setting for small files. See `convert` for what else can be done.
    """
    patch = keras.Input(batch_shape=(1, patch_size, patch_size, 3), name="noisy")
    converter = tf.lite.TFLiteConverter.from_keras_model(keras.Model(patch, model(patch)))
    if in_8_bits:
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
    kind = "8-bit-weights" if in_8_bits else "floats"
    file = folder / f"{model.name}-converter-{kind}-{patch_size or 'any'}.tflite"
    with written_whole(file) as temporary:
        temporary.write_bytes(_written(converter))
    return file


def write_variants(
    model: keras.Model, folder: Path, calibration: Iterable[np.ndarray]
) -> dict[str, Path | None]:
    """Write a network in all kinds; see `convert`.

    Returns
    -------
    dict of str to Path or None
        Files by the names of variants; the first one is "Keras", without a file.
    """
    in_floats = convert(model, "float32")
    return {"Keras": None} | {
        f"LiteRT {kind}": write(model, kind, folder, calibration, in_floats) for kind in KINDS
    }


def measure_variants(
    model: keras.Model, files: Mapping[str, Path | None], patches: Patches
) -> pd.DataFrame:
    """Denoise patches by all variants of a released network, one patch at a time, in turns.

    Parameters
    ----------
    model : keras.Model
        From `casestudy.models.load`.
    files : mapping of str to Path or None
        From `write_variants`.
    patches : Patches

    Returns
    -------
    DataFrame
        By variant: size_mb, psnr_db (of patches that no variant gives back exactly, as where all
        is clipped to white), lost_db (beside the first variant), ssim,
        seconds_per_megapixel (median over patches and rounds), times_as_fast (as the first
        variant) and peak_mb, the memory of a process that denoises one tile.
    """
    variants = {
        name: (litert_denoiser(file, model.name) if file else network_denoiser(model), 1)
        for name, file in files.items()
    }
    scores = score_in_turns(variants, patches)
    # Two at a time: a process does little but load libraries, on one core.
    with ThreadPoolExecutor(2) as pool:
        peaks = pool.map(lambda file: peak_memory_mb(model.name, file, TILE), files.values())
    table = pd.DataFrame(
        {
            "size_mb": {name: _megabytes(model, file) for name, file in files.items()},
            "psnr_db": _mean_psnr_db(scores),
            "ssim": {name: table["ssim"].mean() for name, table in scores.items()},
            "seconds_per_megapixel": seconds_per_megapixel(scores),
            "peak_mb": dict(zip(files, peaks, strict=True)),
        }
    ).loc[list(files)]
    first = table.iloc[0]
    table.insert(2, "lost_db", first["psnr_db"] - table["psnr_db"])
    speed = first["seconds_per_megapixel"] / table["seconds_per_megapixel"]
    table.insert(5, "times_as_fast", speed)
    return table.rename_axis("variant")


def score_in_turns(
    variants: Mapping[str, tuple[Denoiser, int]], patches: Patches
) -> dict[str, pd.DataFrame]:
    """Score one variant after the other, in several rounds.

    What slows a machine down for a minute then slows them all, and their ratios stay.

    Parameters
    ----------
    variants : mapping of str to (Denoiser, int)
        And how many patches it gets a call.
    patches : Patches

    Returns
    -------
    dict of str to DataFrame
        See `casestudy.metrics.score`; a row per patch and round.
    """
    scores = {name: [] for name in variants}
    for _ in range(ROUNDS):
        for name, (denoiser, batch_size) in variants.items():
            scores[name].append(score(name, denoiser, patches, batch_size))
    return {name: pd.concat(tables, ignore_index=True) for name, tables in scores.items()}


def _mean_psnr_db(scores: Mapping[str, pd.DataFrame]) -> pd.Series:
    psnr_db = pd.DataFrame({name: table["psnr_db"] for name, table in scores.items()})
    return psnr_db[np.isfinite(psnr_db).all(axis=1)].mean()


def _megabytes(model: keras.Model, file: Path | None) -> float:
    return (file.stat().st_size if file else model.count_params() * 4) / 1e6


def seconds_per_megapixel(scores: Mapping[str, pd.DataFrame]) -> pd.Series:
    """Return the median time of each variant, by scores from `score_in_turns`."""
    return pd.Series(
        {name: (s["seconds"] / s["megapixels"]).median() for name, s in scores.items()}
    )


def sensitivity(
    model: keras.Model, calibration: Sequence[np.ndarray], patches: Patches
) -> pd.DataFrame:
    """Return how much it costs to bring each block of a network alone to 8 bits.

    Parameters
    ----------
    model : keras.Model
        From `casestudy.models.build`.
    calibration : sequence of ndarray, shape (N, H, W, 3), float32 in [0, 1]
        See `convert`.
    patches : Patches
        To compare on; never those that the network is tested on.

    Returns
    -------
    DataFrame
        One row per block in the order of the network, but for a last one that stays in floats
        anyway: block, lost_db (mean PSNR in floats minus mean PSNR with this block in 8 bits).
    """

    def scored(content: bytes) -> pd.DataFrame:
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "network.tflite"
            file.write_bytes(content)
            return score(model.name, litert_denoiser(file, model.name), patches, 1)

    in_floats, blocks = _in_floats(model), _blocks(model)
    measured, scores = _calibrate(in_floats, calibration), {"floats": scored(in_floats)}
    for block in tqdm(blocks, desc="blocks in 8 bits", leave=False):
        others = [other for other in blocks if other != block]
        scores[block] = scored(_int8(model, in_floats, measured, others))
    psnr_db = _mean_psnr_db(scores)
    lost_db = psnr_db["floats"] - psnr_db[blocks]
    return lost_db.rename("lost_db").rename_axis("block").reset_index()


def write_file(
    model: keras.Model, kind: str, file: Path, floats: Sequence[str], command: str
) -> Path:
    """Write a network as a LiteRT file and a card beside it; return the card's path.

    Parameters
    ----------
    model : keras.Model
        Trained.
    kind, floats
        See `convert`; calibrated on the training scenes of `sample`.
    file : Path
    command : str
        For the card: how to make the file again.

    Raises
    ------
    CaseStudyError
        As `convert`.
    """
    sample = open_experiment("sample", str(file.parent))  # runs need a clone, this does not
    calibration = calibration_images(sample.train) if kind == "int8" else []
    content = convert(model, kind, calibration, floats)
    with written_whole(file) as temporary:
        temporary.write_bytes(content)
    test = sample.test.spread(CARD_PATCHES)
    psnr_db = {
        name: score(name, denoiser, test)["psnr_db"].mean()
        for name, denoiser in {
            "whole": network_denoiser(model),
            "quantized": litert_denoiser(file, model.name),
        }.items()
    }
    interpreter = Interpreter(model_content=content)
    (source,), (target,) = interpreter.get_input_details(), interpreter.get_output_details()
    card = file.with_suffix(".md")
    with written_whole(card) as temporary:
        temporary.write_text(
            render(
                "litert.md.j2",
                title=released.TITLES.get(model.name, model.name),
                kind=kind,
                file=file.name,
                megabytes=len(content) / 1e6,
                float_megabytes=model.count_params() * 4 / 1e6,
                command=command,
                date=time.strftime("%Y-%m-%d"),
                commit=provenance.commit(),
                source=source,
                target=target,
                multiple=MULTIPLES[model.name],
                calibration=len(calibration),
                floats=_kept(model, floats),
                patches=len(test),
                **psnr_db,
            )
        )
    return card


def convert_for_openvino(
    model: keras.Model, calibration: Iterable[np.ndarray], path: Path
) -> None:
    """Write a network in 8 bits as OpenVINO's files: `path`, and the weights beside it.

    As "int8" of `convert`, the last convolution and what follows stay in floats.

    Parameters
    ----------
    model : keras.Model
        From `casestudy.models.build`.
    calibration : iterable of ndarray, shape (1, H, W, 3), float32 in [0, 1]
        Noisy images; never those that the network is tested on.
    path : Path
        Its suffix is .xml.
    """
    os.environ.setdefault("NNCF_CI", "1")  # it would else report every use to its makers
    import nncf  # optional, as OpenVINO is
    import openvino

    images = tf.TensorSpec((None, None, None, 3), tf.float32, name="noisy")
    with _quietly():
        function = tf.function(_in_one_piece(model)).get_concrete_function(images)
        in_floats = openvino.convert_model(function)
        operations = in_floats.get_ordered_ops()
        last = max(i for i, op in enumerate(operations) if op.get_type_name() == "Convolution")
        kept = nncf.IgnoredScope(
            names=[op.get_friendly_name() for op in operations[last:]], validate=False
        )
        in_8_bits = nncf.quantize(in_floats, nncf.Dataset(calibration), ignored_scope=kept)
        openvino.save_model(in_8_bits, path, compress_to_fp16=False)


def calibration_images(training: Patches) -> list[np.ndarray]:
    """Return some noisy patches to calibrate on, each (1, size, size, 3), float32 in [0, 1]."""
    chosen = training.spread(CALIBRATION_PATCHES)
    return [chosen.noisy([i]) for i in range(len(chosen))]


def _blocks(model: keras.Model) -> list[str]:
    """Return the names of blocks, without the last layer's if that is a block of its own."""
    *layers, _ = (layer for layer in model.layers if layer.weights)
    return list(dict.fromkeys(block_of(layer.name) for layer in layers))


def _kept(model: keras.Model, floats: Sequence[str]) -> list[str]:
    """Return what "int8" leaves in floats: what suffers anyway, and the blocks asked for."""
    return list(dict.fromkeys((*SENSITIVE.get(model.name, ()), *floats)))


def _calibrate(in_floats: bytes, calibration: Iterable[np.ndarray]) -> dict[str, object]:
    """Return the range of every feature on calibration images."""
    interpreter = Interpreter(model_content=in_floats)
    ((signature, ends),) = interpreter.get_signature_list().items()
    images = [{ends["inputs"][0]: noisy} for noisy in calibration]
    if not images:
        raise CaseStudyError("int8 needs noisy images to calibrate on.")
    with _quietly():
        work = quantizer.Quantizer(in_floats, recipe.static_wi8_ai8())
        # By default every feature of an image is kept: gigabytes, and three times as slow.
        mode = CalibrationMode.CALIBRATION_PROFILER_BASED
        return work.calibrate({signature: images}, num_threads=os.cpu_count(), mode=mode)


def _float16(in_floats: bytes) -> bytes:
    with _quietly():
        work = quantizer.Quantizer(in_floats)
        work.add_weight_only_config(
            ".*",
            TFLOperationName.ALL_SUPPORTED,
            num_bits=16,
            algorithm_key=AlgorithmName.FLOAT_CASTING,
        )
        return bytes(work.quantize(enable_progress_report=False).quantized_model)


def _dynamic_int8(in_floats: bytes) -> bytes:
    """Return a network with weights in 8 bits, but for those of transposed convolutions.

    For these with features in floats LiteRT has no fast kernel.
    """
    work = quantizer.Quantizer(in_floats, recipe.dynamic_wi8_afp32())
    work.update_quantization_recipe(
        ".*", TFLOperationName.CONV_2D_TRANSPOSE, algorithm_key=AlgorithmName.NO_QUANTIZE
    )
    with _quietly():
        return bytes(work.quantize(enable_progress_report=False).quantized_model)


def _int8(
    model: keras.Model, in_floats: bytes, measured: dict[str, object], floats: Sequence[str]
) -> bytes:
    """Return a network in 8 bits: all but some blocks, the last layer and the last operation."""
    last = [layer.name for layer in model.layers if layer.weights][-1]
    (result,) = Interpreter(model_content=in_floats).get_output_details()
    everything = TFLOperationName.ALL_SUPPORTED
    work = quantizer.Quantizer(in_floats, recipe.static_wi8_ai8())
    for names, operation in [
        (".*", TFLOperationName.INPUT),
        (".*", TFLOperationName.OUTPUT),
        (re.escape(result["name"]), everything),
        *((rf".*/{re.escape(name)}(\.|_\d+/).*", everything) for name in (*floats, last)),
    ]:
        work.update_quantization_recipe(names, operation, algorithm_key=AlgorithmName.NO_QUANTIZE)
    with _quietly():
        return bytes(work.quantize(measured, enable_progress_report=False).quantized_model)


class _DilatedConv2D(keras.layers.Conv2D):
    """A dilated convolution as one operation.

    Keras writes it as SpaceToBatch, Conv, BatchToSpace where height and width are not known,
    with a dozen operations that compute shapes around each, all of them outside LiteRT's fast
    kernels.
    """

    def convolution_op(self, inputs: tf.Tensor, kernel: tf.Tensor) -> tf.Tensor:
        return tf.nn.conv2d(
            inputs, kernel, self.strides, self.padding.upper(), dilations=self.dilation_rate
        )


def _in_floats(model: keras.Model) -> bytes:
    return _written(tf.lite.TFLiteConverter.from_keras_model(_in_one_piece(model)))


def _in_one_piece(model: keras.Model) -> keras.Model:
    """Return a network that computes the same, its dilated convolutions as single operations."""

    def same(layer: keras.Layer) -> keras.Layer:
        dilated = isinstance(layer, keras.layers.Conv2D) and max(layer.dilation_rate) > 1
        kind = _DilatedConv2D if dilated else type(layer)
        return kind.from_config(layer.get_config())

    copy = keras.models.clone_model(model, clone_function=same)
    copy.set_weights(model.get_weights())
    return copy


def _written(converter: tf.lite.TFLiteConverter) -> bytes:
    with _quietly():
        return converter.convert()


@contextlib.contextmanager
def _quietly() -> Iterator[None]:
    """Keep hundreds of lines away: variables, progress, remarks for authors of the libraries."""
    logging.disable(logging.WARNING)
    try:
        with (
            warnings.catch_warnings(action="ignore"),
            contextlib.redirect_stdout(io.StringIO()),
            contextlib.redirect_stderr(io.StringIO()),
        ):
            yield
    finally:
        logging.disable(logging.NOTSET)
