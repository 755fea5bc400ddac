"""Run networks with LiteRT, which was called TensorFlow Lite until 2024."""

import json
import os
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
from ai_edge_litert.interpreter import Interpreter

from casestudy import CaseStudyError
from casestudy.denoising.own_process import in_new_process
from casestudy.denoising.tiles import Denoiser, padded
from casestudy.files import provenance
from casestudy.files.cache import made_once
from casestudy.files.folders import cache_root
from casestudy.models import NETWORKS, load, released


def litert_file(network: str, kind: str) -> Path:
    """Return a released network as a LiteRT file, which is made when first asked for.

    `kind` is one of `casestudy.denoising.convert.KINDS`. "int8" is calibrated on the training
    scenes of `sample`, which every installation has; most networks come with that file.

    Raises
    ------
    CaseStudyError
        As `casestudy.models.load`, `casestudy.denoising.convert.convert` and `converted_once`.
    """
    if kind == "int8" and network in released.IN_8_BITS:
        return released.released_file(network, released.INT8)
    path = conversion("litert", network, kind).with_suffix(".tflite")
    notice = f"{network}: making its {kind} file, once"
    return converted_once(path, notice, _write_file, network, kind)


def _write_file(network: str, kind: str, path: Path) -> None:
    # Imported here for a fast start-up: Keras takes seconds.
    from casestudy.denoising.convert import calibration_images, convert

    calibration = calibration_images() if kind == "int8" else ()
    path.write_bytes(convert(load(network), kind, calibration))


def converted_once(
    path: Path, notice: str, convert: Callable[..., None], *arguments: object
) -> Path:
    """Return the path of a converted network, from `conversion`; make it unless it exists.

    After printing the notice, `convert` gets the arguments and the path to write to. It runs in a
    new process, because TensorFlow keeps a gigabyte and more.

    Raises
    ------
    CaseStudyError
        As `casestudy.files.cache.made_once` and `casestudy.denoising.own_process.in_new_process`.
    """

    def make(temporary: Path) -> None:
        print(notice, file=sys.stderr)
        in_new_process(convert, *arguments, temporary)

    return made_once(path, make)


def conversion(runtime: str, network: str, kind: str) -> Path:
    """Return the place of a converted network, which depends on its weights and the code."""
    weights = provenance.hash_file(released.released_file(network, ".safetensors"))
    rooms = ("files", "data", "models", "denoising")
    code = provenance.hash_rooms(*rooms, without=["models/released/*", "models/equal_cost/*"])
    made_from = provenance.hash_text(weights, code, json.dumps(provenance.library_versions()))
    return cache_root() / runtime / f"{network}-{kind}-{made_from[:16]}"


def litert_denoiser(file: Path, network: str, threads: int | None = None) -> Denoiser:
    """Return a LiteRT file as a denoiser; see `casestudy.denoising.tiles.padded`.

    Parameters
    ----------
    file : Path
        From `litert_file`, or with the content that `casestudy.denoising.convert.convert` returns.
    network : str
        A name in `casestudy.models.NETWORKS`.
    threads : int or None
        None for all cores.

    Raises
    ------
    CaseStudyError
        If the file does not exist, or is not a LiteRT file.
    """
    try:
        interpreter = Interpreter(str(file), num_threads=threads or os.cpu_count())
    except ValueError as error:
        raise CaseStudyError(f"{file} is not a LiteRT file: {error}") from None
    (source,) = interpreter.get_input_details()
    (target,) = interpreter.get_output_details()
    shape = None

    def predict(noisy: np.ndarray) -> np.ndarray:
        nonlocal shape
        if noisy.shape != shape:
            interpreter.resize_tensor_input(source["index"], noisy.shape)
            interpreter.allocate_tensors()
            shape = noisy.shape
        interpreter.set_tensor(source["index"], noisy.astype(np.float32))
        interpreter.invoke()
        return interpreter.get_tensor(target["index"])

    return padded(predict, NETWORKS[network].multiple)
