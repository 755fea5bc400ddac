"""Run networks with OpenVINO in 8-bit integers, for processors without VNNI instructions.

LiteRT's 8-bit kernels need these instructions to be much faster than floats; OpenVINO's do not.
`pip install '.[openvino]'`.
"""

from pathlib import Path

import numpy as np

from casestudy import CaseStudyError
from casestudy.denoising.litert import conversion, converted_once
from casestudy.denoising.tiles import Denoiser, padded
from casestudy.models import NETWORKS, load

MODEL = "network.xml"  # its weights lie next to it

# Each image gets all cores, since there is no batch of images to share them. Floats would be
# computed in 16 bits where a processor can.
OPTIONS = {"PERFORMANCE_HINT": "LATENCY", "INFERENCE_PRECISION_HINT": "f32"}


def openvino_file(network: str) -> Path:
    """Return a released network quantized for OpenVINO, which is made when first asked for.

    It is calibrated as `casestudy.denoising.litert.litert_file` does.

    Raises
    ------
    CaseStudyError
        If OpenVINO is not installed; as `casestudy.models.load` and `converted_once`.
    """
    folder = conversion("openvino", network, "int8")
    try:
        import nncf  # noqa: F401
        import openvino  # noqa: F401
    except ImportError:
        raise CaseStudyError(
            "OpenVINO is not installed. Install it with pip install '.[openvino]', or "
            "choose another runtime."
        ) from None
    notice = f"{network}: making its 8-bit file for OpenVINO, once"
    return converted_once(folder, notice, _write_files, network) / MODEL


def _write_files(network: str, folder: Path) -> None:
    # Imported here for a fast start-up: Keras takes seconds.
    from casestudy.denoising.convert import calibration_images, convert_for_openvino

    folder.mkdir()
    convert_for_openvino(load(network), calibration_images(), folder / MODEL)


def openvino_denoiser(file: Path, network: str) -> Denoiser:
    """Return a file from `openvino_file` as a denoiser; see `casestudy.denoising.tiles.padded`.

    Raises
    ------
    CaseStudyError
        If the file is not a model for OpenVINO.
    """
    import openvino

    try:
        compiled = openvino.compile_model(file, "CPU", OPTIONS)
    except RuntimeError as error:
        reason = str(error).strip().splitlines()[-1]
        raise CaseStudyError(f"{file} is not a file for OpenVINO: {reason}") from None
    return padded(lambda noisy: compiled(noisy.astype(np.float32))[0], NETWORKS[network].multiple)
