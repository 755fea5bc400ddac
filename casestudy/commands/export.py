"""A network as a file for photo programs: ONNX, alone or as a model for darktable; and a card."""

import json
import time
import zipfile
from pathlib import Path

import keras
import numpy as np
import onnxruntime

from casestudy import CaseStudyError
from casestudy.commands.cards import render
from casestudy.denoising.onnx_file import OPSET, to_onnx
from casestudy.denoising.tiles import network_denoiser
from casestudy.files import provenance
from casestudy.files.writing import written_whole
from casestudy.models import NETWORKS

SIZES = (64, 64), (5, 37), (130, 97)  # px, height and width of the images that it is checked on
LARGEST_DIFFERENCE = 1e-4  # of the range of values, 1


def write_file(model: keras.Model, to: str, file: Path, command: str) -> Path:
    """Write a network as ONNX, checked against Keras, and a card next to it; return the card.

    Parameters
    ----------
    model : keras.Model
    to : {"onnx", "dtmodel"}
        "dtmodel" is the archive that darktable installs.
    file : Path
    command : str
        The command that makes the file, for the card.

    Raises
    ------
    CaseStudyError
        If ONNX Runtime computes something other than Keras.
    """
    content = to_onnx(model).SerializeToString()
    difference = largest_difference(model, content)
    if not difference <= LARGEST_DIFFERENCE:  # it may be no number
        raise CaseStudyError(
            f"{model.name} cannot be exported: ONNX Runtime differs from Keras by "
            f"{difference:.2g} of the range of values. Use `casestudy quantize` instead."
        )
    title = NETWORKS[model.name].title
    with written_whole(file) as temporary:
        if to == "onnx":
            temporary.write_bytes(content)
        else:
            _write_archive(temporary, file.stem, title, content)
    card = file.with_suffix(".md")
    with written_whole(card) as temporary:
        temporary.write_text(
            render(
                "onnx.md.j2",
                title=title,
                to=to,
                file=file.name,
                megabytes=file.stat().st_size / 1e6,
                command=command,
                date=time.strftime("%Y-%m-%d"),
                commit=provenance.commit(),
                opset=OPSET,
                runtime=onnxruntime.__version__,
                sizes=SIZES,
                difference=difference,
            )
        )
    return card


def largest_difference(model: keras.Model, content: bytes) -> float:
    """Return the largest difference between ONNX Runtime and Keras on images of `SIZES`."""
    session = onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])
    rng, by_keras = np.random.default_rng(0), network_denoiser(model)
    differences = []
    for height, width in SIZES:
        noisy = rng.random((1, height, width, 3), np.float32)
        (denoised,) = session.run(None, {"input": noisy.transpose(0, 3, 1, 2)})
        differences.append(np.abs(denoised.transpose(0, 2, 3, 1) - by_keras(noisy)).max())
    return float(max(differences))


def _write_archive(file: Path, name: str, title: str, content: bytes) -> None:
    """Write a model for darktable: a folder with the network and its description, zipped."""
    description = {
        "id": name,
        "name": f"{title[0].upper()}{title[1:]}",
        "description": "Removes the noise of cameras from developed photographs.",
        "task": "denoise",
        "arch": "generic",
        "backend": "onnx",
        "version": "1.0",
        "tiling": True,
    }
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(f"{name}/config.json", json.dumps(description, indent=2))
        archive.writestr(f"{name}/model.onnx", content)
