"""Running networks by LiteRT, as TensorFlow Lite is called since 2024."""

import json
import os
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
from ai_edge_litert.interpreter import Interpreter
from filelock import FileLock

from casestudy import CaseStudyError
from casestudy.denoising.own_process import in_new_process
from casestudy.denoising.tiles import Denoiser, padded
from casestudy.files import provenance
from casestudy.files.folders import cache_root
from casestudy.files.writing import written_whole
from casestudy.models import NETWORKS, released

RUNTIMES = {"litert": "float32", "litert-int8": "int8"}  # kind of file, see `quantization`


def litert_file(network: str, kind: str) -> Path:
    """Return a released network as a LiteRT file, which is made when it is first asked for.

    "int8" is calibrated on the training scenes of `sample`, which every installation has.

    Parameters
    ----------
    network : str
        A name in `casestudy.models.released.titles()`.
    kind : str
        One of `casestudy.denoising.convert.KINDS`.

    Raises
    ------
    CaseStudyError
        As `casestudy.models.load`, `casestudy.denoising.convert.convert` and `make_once`.
    """
    path = conversion("litert", network, kind).with_suffix(".tflite")
    make_once(path, f"{network}: making its {kind} file, once", _make_file, network, kind)
    return path


def _make_file(network: str, kind: str, path: Path) -> None:
    from casestudy import models
    from casestudy.data.experiment import open_experiment
    from casestudy.denoising.convert import calibration_images, convert

    sample = open_experiment("sample", str(path.parent))  # runs need a clone, this does not
    calibration = calibration_images(sample.train) if kind == "int8" else ()
    content = convert(models.load(network), kind, calibration)
    with written_whole(path) as temporary:
        temporary.write_bytes(content)


def make_once(path: Path, notice: str, make: Callable[..., None], *arguments: object) -> None:
    """Have a converted network made, unless it is there; other processes wait for it.

    Parameters
    ----------
    path : Path
        From `conversion`.
    notice : str
        Printed before it is made.
    make : callable
        Takes the arguments and the path; in a process of its own, since TensorFlow keeps a
        gigabyte and more.

    Raises
    ------
    CaseStudyError
        As `casestudy.denoising.own_process.in_new_process`, or if the cache cannot be written.
    """
    if path.exists():
        return
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(f"{path}.lock"):
            if not path.exists():
                print(notice, file=sys.stderr)
                in_new_process(make, *arguments, path)
    except OSError as error:
        raise CaseStudyError(
            f"{path.parent} cannot be written: {error.strerror or error}. Make room, or set "
            "CASESTUDY_CACHE to a folder that you may write to."
        ) from error


def conversion(runtime: str, network: str, kind: str) -> Path:
    """Return where a converted network is kept: another place for other weights or code."""
    weights = provenance.hash_file(released.released_file(network, ".safetensors"))
    versions = json.dumps(provenance.library_versions())
    made_from = provenance.hash_text(weights, provenance.hash_code(), versions)
    return cache_root() / runtime / f"{network}-{kind}-{made_from[:16]}"


def litert_denoiser(file: Path, network: str, threads: int | None = None) -> Denoiser:
    """Return a LiteRT file as a denoiser of images of any size.

    Parameters
    ----------
    file : Path
        From `litert_file`, or what `casestudy.denoising.convert.convert` returned.
    network : str
        A name in `casestudy.models.NETWORKS`.
    threads : int or None
        None for all cores.

    Returns
    -------
    Denoiser
        As from `casestudy.denoising.tiles.network_denoiser`.

    Raises
    ------
    CaseStudyError
        If there is no such file, or it is no LiteRT file.
    """
    try:
        interpreter = Interpreter(str(file), num_threads=threads or os.cpu_count())
    except ValueError as error:
        raise CaseStudyError(f"{file} is no LiteRT file: {error}") from None
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
