"""Running networks with OpenVINO in 8-bit integers, for processors without VNNI instructions.

LiteRT's 8-bit kernels need these instructions to be much faster than floats; OpenVINO's do not.
`pip install '.[openvino]'`.
"""

from pathlib import Path

import numpy as np

from casestudy import CaseStudyError
from casestudy.denoising.litert import conversion, converted_once
from casestudy.denoising.tiles import Denoiser, padded
from casestudy.models import NETWORKS

MODEL = "network.xml"  # its weights lie next to it

# Without a batch of images to share the cores, each image gets all of them. OpenVINO would
# compute the floats in 16 bits where a processor can.
OPTIONS = {"PERFORMANCE_HINT": "LATENCY", "INFERENCE_PRECISION_HINT": "f32"}


def openvino_file(network: str) -> Path:
    """Return a released network quantized for OpenVINO, which is made when first asked for.

    As `casestudy.denoising.litert.litert_file` returns one for LiteRT: calibrated on
    the training scenes of `sample`, the last convolution in floats.

    Parameters
    ----------
    network : str
        A name in `casestudy.models.released.titles()`.

    Raises
    ------
    CaseStudyError
        If OpenVINO is not installed; as `casestudy.models.load` and `converted_once`.
    """
    folder = conversion("openvino", network, "int8")
    _refuse_missing()
    notice = f"{network}: making its 8-bit file for OpenVINO, once"
    return converted_once(folder, notice, _write_files, network) / MODEL


def _write_files(network: str, folder: Path) -> None:
    # Keras takes seconds to import
    # Imported here for a fast start-up.
    from casestudy import models
    from casestudy.data.experiment import open_experiment
    from casestudy.denoising.convert import calibration_images, convert_for_openvino

    sample = open_experiment("sample", str(folder.parent))  # runs need a clone, this does not
    calibration = calibration_images(sample.train)
    folder.mkdir()
    convert_for_openvino(models.load(network), calibration, folder / MODEL)


def openvino_denoiser(file: Path, network: str) -> Denoiser:
    """Return a network's file for OpenVINO as a denoiser of images of any size.

    Parameters
    ----------
    file : Path
        From `openvino_file`.
    network : str
        A name in `casestudy.models.NETWORKS`.

    Returns
    -------
    Denoiser
        As from `casestudy.denoising.tiles.network_denoiser`.

    Raises
    ------
    CaseStudyError
        If OpenVINO is not installed, or the file is not a model for it.
    """
    _refuse_missing()
    import openvino

    try:
        compiled = openvino.compile_model(file, "CPU", OPTIONS)
    except RuntimeError as error:
        reason = str(error).strip().splitlines()[-1]
        raise CaseStudyError(f"{file} is not a file for OpenVINO: {reason}") from None
    return padded(lambda noisy: compiled(noisy.astype(np.float32))[0], NETWORKS[network].multiple)


def _refuse_missing() -> None:
    try:
        import nncf  # noqa: F401
        import openvino  # noqa: F401
    except ImportError:
        raise CaseStudyError(
            "OpenVINO is not installed. Install it with pip install '.[openvino]', or "
            "choose another runtime."
        ) from None
