"""Convert networks to LiteRT files, in floats or in 8-bit integers, which are smaller and faster.

LiteRT was called TensorFlow Lite until 2024. Every file takes images of any size. There are four
kinds of file:

float32
    The network as it was trained.
float16
    Weights are stored in 16 bits and computed in 32: half the size.
dynamic-int8
    Weights are in 8 bits; activations are quantized to 8 bits before each convolution, on scales
    of their own.
int8
    Weights and activations are in 8 bits, on scales that were measured on calibration images. The
    last convolution and the layers after it stay in floats: most networks add their input there,
    which would otherwise be rounded to 8 bits. The blocks that `casestudy.models.NETWORKS` lists
    as `floats` also stay in floats.
"""

import contextlib
import io
import logging
import os
import re
import warnings
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf
from ai_edge_litert.interpreter import Interpreter
from litert_quantizer import quantizer, recipe
from litert_quantizer.algorithm_manager import AlgorithmName
from litert_quantizer.calibrator import CalibrationMode
from litert_quantizer.qtyping import TFLOperationName

from casestudy import CaseStudyError
from casestudy.data.catalogue import load_pairs
from casestudy.data.patches import split_pairs
from casestudy.files.writing import written_whole
from casestudy.models import NETWORKS
from casestudy.models.inspection import block_of

KINDS = ("float32", "float16", "dynamic-int8", "int8")


def convert(
    model: keras.Model,
    kind: str,
    calibration: Iterable[np.ndarray] = (),
    floats: Sequence[str] = (),
) -> bytes:
    """Return a network from `casestudy.models.build` as the content of a LiteRT file.

    Parameters
    ----------
    model : keras.Model
    kind : str
        One of `KINDS`.
    calibration : iterable of ndarray, shape (N, H, W, 3), float32 in [0, 1]
        Noisy images for "int8", never those that the network is tested on.
    floats : sequence of str
        More blocks of the network (`casestudy.models.inspection.block_of`) that "int8" keeps in
        floats, such as those with the highest `casestudy.results.quantized.sensitivity`.

    Raises
    ------
    CaseStudyError
        If the kind or a block is unknown, there is no image to calibrate "int8" on, or Keras does
        not run on TensorFlow.
    """
    if kind not in KINDS:
        raise CaseStudyError(f"Unknown kind {kind!r}. Known: {', '.join(KINDS)}.")
    if keras.backend.backend() != "tensorflow":
        raise CaseStudyError("LiteRT files are made by TensorFlow: unset KERAS_BACKEND.")
    if floats and kind != "int8":
        raise CaseStudyError(f"Blocks can be left in floats with int8 only, not with {kind}.")
    if unknown := sorted(set(floats) - set(block_names(model))):
        raise CaseStudyError(
            f"{model.name} has no block {unknown[0]!r}. Known: {', '.join(block_names(model))}."
        )
    in_floats = to_floats(model)
    if kind == "float32":
        return in_floats
    if kind == "float16":
        return _float16(in_floats)
    if kind == "dynamic-int8":
        return _dynamic_int8(in_floats)
    measured = calibrate(in_floats, calibration)
    return to_int8(model, in_floats, measured, blocks_in_floats(model, floats))


def write_by_converter(
    model: keras.Model, patch_size: int | None, folder: Path, in_8_bits: bool = False
) -> Path:
    """Write a network with nothing but TensorFlow's converter, for comparison with `convert`.

    The file takes patches of one size, or of any size if that is None. It is in floats, or has
    weights in 8 bits by the converter's setting for small files.
    """
    patch = keras.Input(batch_shape=(1, patch_size, patch_size, 3), name="noisy")
    converter = tf.lite.TFLiteConverter.from_keras_model(keras.Model(patch, model(patch)))
    if in_8_bits:
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
    kind = "8-bit-weights" if in_8_bits else "floats"
    file = folder / f"{model.name}-converter-{kind}-{patch_size or 'any'}.tflite"
    with quietly(), written_whole(file) as temporary:
        temporary.write_bytes(converter.convert())
    return file


def convert_for_openvino(
    model: keras.Model, calibration: Iterable[np.ndarray], path: Path
) -> None:
    """Write a network in 8 bits as OpenVINO's files: `path`, and the weights next to it.

    As with "int8" of `convert`, the last convolution and the layers after it stay in floats. The
    calibration images are also those of `convert`, one at a time. The path ends with .xml.
    """
    os.environ.setdefault("NNCF_CI", "1")  # otherwise it reports every use to its makers
    import nncf  # optional, like OpenVINO
    import openvino

    images = tf.TensorSpec((None, None, None, 3), tf.float32, name="noisy")
    with quietly():
        function = tf.function(in_one_piece(model)).get_concrete_function(images)
        in_floats = openvino.convert_model(function)
        operations = in_floats.get_ordered_ops()
        last = max(i for i, op in enumerate(operations) if op.get_type_name() == "Convolution")
        kept = nncf.IgnoredScope(
            names=[op.get_friendly_name() for op in operations[last:]], validate=False
        )
        in_8_bits = nncf.quantize(in_floats, nncf.Dataset(calibration), ignored_scope=kept)
        openvino.save_model(in_8_bits, path, compress_to_fp16=False)


def calibration_images() -> list[np.ndarray]:
    """Return what 8-bit files are calibrated on: squares of 24 training images of `sample`.

    Returns
    -------
    list of ndarray, shape (1, 256, 256, 3), float32 in [0, 1]
        Noisy, with weak and strong noise.
    """
    training, _, _ = split_pairs(load_pairs("sample"))
    images = []
    for number, i in enumerate(np.linspace(0, len(training) - 1, 24).round().astype(int)):
        noisy, _ = training[i].load()
        # At the top left, in the middle and at the bottom right in turn: of middles alone, the
        # ranges of activations are too narrow, which costs DRUNet 0.05 dB on `phones`.
        top, left = (int(number % 3 / 2 * (side - 256)) for side in noisy.shape[:2])
        images.append(noisy[None, top : top + 256, left : left + 256] / np.float32(255))
    return images


def block_names(model: keras.Model) -> list[str]:
    """Return the names of blocks, without the last layer if that is a block of its own."""
    *layers, _ = (layer for layer in model.layers if layer.weights)
    return list(dict.fromkeys(block_of(layer.name) for layer in layers))


def blocks_in_floats(model: keras.Model, floats: Sequence[str]) -> list[str]:
    """Return the blocks that "int8" keeps in floats: those of the record, and `floats`."""
    return list(dict.fromkeys((*NETWORKS[model.name].floats, *floats)))


def calibrate(in_floats: bytes, calibration: Iterable[np.ndarray]) -> dict[str, object]:
    """Return the range of every activation on calibration images."""
    interpreter = Interpreter(model_content=in_floats)
    ((signature, ends),) = interpreter.get_signature_list().items()
    images = [{ends["inputs"][0]: noisy} for noisy in calibration]
    if not images:
        raise CaseStudyError("int8 needs noisy images to calibrate on.")
    with quietly():
        work = quantizer.Quantizer(in_floats, recipe.static_wi8_ai8())
        # The default keeps every activation: gigabytes, and three times as slow.
        mode = CalibrationMode.CALIBRATION_PROFILER_BASED
        return work.calibrate({signature: images}, num_threads=os.cpu_count(), mode=mode)


def _float16(in_floats: bytes) -> bytes:
    work = quantizer.Quantizer(in_floats)
    everything = TFLOperationName.ALL_SUPPORTED
    casting = AlgorithmName.FLOAT_CASTING
    work.add_weight_only_config(".*", everything, num_bits=16, algorithm_key=casting)
    return _quantized(work)


def _dynamic_int8(in_floats: bytes) -> bytes:
    """Return a network with weights in 8 bits, except those of transposed convolutions.

    LiteRT has no fast kernel for transposed convolutions with such weights.
    """
    work = quantizer.Quantizer(in_floats, recipe.dynamic_wi8_afp32())
    work.update_quantization_recipe(
        ".*", TFLOperationName.CONV_2D_TRANSPOSE, algorithm_key=AlgorithmName.NO_QUANTIZE
    )
    return _quantized(work)


def to_int8(
    model: keras.Model, in_floats: bytes, measured: dict[str, object], floats: Sequence[str]
) -> bytes:
    """Return a network as "int8", given `calibrate`'s ranges and all blocks to keep in floats."""
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
    return _quantized(work, measured)


def _quantized(work: quantizer.Quantizer, measured: dict[str, object] | None = None) -> bytes:
    with quietly():
        return bytes(work.quantize(measured, enable_progress_report=False).quantized_model)


class _DilatedConv2D(keras.layers.Conv2D):
    """A dilated convolution as one operation.

    If height and width are not known, Keras writes SpaceToBatch, Conv and BatchToSpace, and a
    dozen operations that compute shapes around each, all outside LiteRT's fast kernels.
    """

    def convolution_op(self, inputs: tf.Tensor, kernel: tf.Tensor) -> tf.Tensor:
        return tf.nn.conv2d(
            inputs, kernel, self.strides, self.padding.upper(), dilations=self.dilation_rate
        )


def to_floats(model: keras.Model) -> bytes:
    """Return a network as the content of a LiteRT file of kind "float32"."""
    converter = tf.lite.TFLiteConverter.from_keras_model(in_one_piece(model))
    with quietly():
        return converter.convert()


def in_one_piece(model: keras.Model) -> keras.Model:
    """Return the same network with dilated convolutions as single operations."""

    def same(layer: keras.Layer) -> keras.Layer:
        dilated = isinstance(layer, keras.layers.Conv2D) and max(layer.dilation_rate) > 1
        kind = _DilatedConv2D if dilated else type(layer)
        return kind.from_config(layer.get_config())

    copy = keras.models.clone_model(model, clone_function=same)
    copy.set_weights(model.get_weights())
    return copy


@contextlib.contextmanager
def quietly() -> Iterator[None]:
    """Suppress hundreds of lines: variables, progress, remarks for authors of the libraries."""
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
