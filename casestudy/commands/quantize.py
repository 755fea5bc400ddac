"""A network as a LiteRT file for other programs, with a card that describes it."""

import time
from collections.abc import Sequence
from pathlib import Path

import keras
from ai_edge_litert.interpreter import Interpreter

from casestudy.commands.cards import render
from casestudy.data.experiment import open_experiment
from casestudy.denoising.convert import blocks_in_floats, calibration_images, convert
from casestudy.denoising.litert import litert_denoiser
from casestudy.denoising.tiles import network_denoiser
from casestudy.files import provenance
from casestudy.files.writing import written_whole
from casestudy.models import NETWORKS
from casestudy.results.metrics import score

CARD_PATCHES = 12


def write_file(
    model: keras.Model, kind: str, file: Path, floats: Sequence[str], command: str
) -> Path:
    """Write a trained network as a LiteRT file and a card next to it; return the card's path.

    Parameters
    ----------
    model, kind, floats
        See `convert`, which has `calibration_images`.
    file : Path
    command : str
        The command that makes the file, for the card.

    Raises
    ------
    CaseStudyError
        As `convert`.
    """
    sample = open_experiment("sample", str(file.parent))  # by default it needs a clone
    calibration = calibration_images() if kind == "int8" else ()
    content = convert(model, kind, calibration, floats)
    with written_whole(file) as temporary:
        temporary.write_bytes(content)
    test = sample.test.spread(CARD_PATCHES)
    whole = score("whole", network_denoiser(model), test)
    quantized = score("quantized", litert_denoiser(file, model.name), test)
    interpreter = Interpreter(model_content=content)
    (source,), (target,) = interpreter.get_input_details(), interpreter.get_output_details()
    card = file.with_suffix(".md")
    with written_whole(card) as temporary:
        temporary.write_text(
            render(
                "litert.md.j2",
                title=NETWORKS[model.name].title,
                kind=kind,
                file=file.name,
                megabytes=len(content) / 1e6,
                float_megabytes=model.count_params() * 4 / 1e6,
                command=command,
                date=time.strftime("%Y-%m-%d"),
                commit=provenance.commit(),
                source=source,
                target=target,
                multiple=NETWORKS[model.name].multiple,
                calibration=len(calibration),
                floats=blocks_in_floats(model, floats),
                patches=len(test),
                whole=whole["psnr_db"].mean(),
                quantized=quantized["psnr_db"].mean(),
            )
        )
    return card
