"""Weights on disk, in safetensors files, which hold nothing but named arrays of numbers."""

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file

from casestudy import CaseStudyError
from casestudy.files.writing import written_whole

if TYPE_CHECKING:  # Keras takes seconds to import
    import keras


def save_weights(model: "keras.Model", path: Path, dtype: type = np.float32) -> None:
    """Write a network's weights under names such as "eam1.residual.conv1/kernel".

    The file is complete or absent. `dtype` is float32 or float16; `load_weights` reads both.
    """
    arrays = {weight.path: weight.numpy().astype(dtype) for weight in model.weights}
    with written_whole(path) as temporary:
        save_file(arrays, temporary)
        temporary.chmod(0o644)  # or only its owner could read it


def load_weights(model: "keras.Model", path: Path) -> None:
    """Load weights that `save_weights` wrote.

    Parameters
    ----------
    model : keras.Model
        From `casestudy.models.build`, with the sizes that the weights were trained with. Its
        precision may differ.
    path : Path

    Raises
    ------
    CaseStudyError
        If the file is missing or damaged, or holds weights of another network. The model is then
        unchanged.
    """
    try:
        arrays = load_file(path)
    except FileNotFoundError:
        raise CaseStudyError(f"{path} does not exist. Train {model.name} first.") from None
    except (SafetensorError, OSError) as error:
        raise CaseStudyError(f"{path} cannot be read as weights: {error}") from None
    expected = {weight.path: tuple(weight.shape) for weight in model.weights}
    for name in (*expected, *sorted(arrays)):
        stored = arrays[name].shape if name in arrays else "missing"
        if stored != expected.get(name, "missing"):
            raise CaseStudyError(
                f"{path} does not fit this {model.name}: {name} is {stored} in the file and "
                f"{expected.get(name, 'missing')} in the network. Build it with the same filters."
            )
    for weight in model.weights:
        weight.assign(arrays[weight.path])
