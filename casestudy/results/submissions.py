"""Submissions to benchmarks whose clean images are not public: SIDD's and DND's.

Each is a folder of the official files. An interrupted submission resumes. A folder that
belongs to another method or other data is refused.
"""

import base64
import json
import os
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

import h5py
import numpy as np
from scipy import io
from tqdm import tqdm

from casestudy import CaseStudyError
from casestudy.data.pairs import file_fingerprint
from casestudy.data.sets.search import find_folders
from casestudy.data.sets.sidd_blocks import BENCHMARK_NOISY, find_blocks, open_blocks
from casestudy.files.folders import data_root
from casestudy.files.writing import only_writer, written_whole

MANIFEST = "submission.json"  # what a folder's files are made from
SIDD_FILE, SIDD_HEADER = "SubmitSrgb.csv", b"ID,BLOCK\n"
DND_HOME = "noise.visinf.tu-darmstadt.de"


def submit_sidd(
    denoise: Callable[[np.ndarray], np.ndarray], made_from: dict[str, str], folder: Path
) -> Path:
    """Denoise the blocks of SIDD's benchmark into the file that its Kaggle competitions take.

    A line for each of the 1,280 blocks: 32 image + block, and the pixels of the block in base64,
    256x256x3 uint8 by rows, RGB.

    Parameters
    ----------
    denoise : callable
        From pixels to pixels of the same shape and dtype, such as
        `casestudy.denoising.methods.photo_denoiser` returns.
    made_from : dict of str to str
        What identifies the method: its name, its runtime, its weights.
    folder : Path
        New, or that of the same submission, interrupted.

    Returns
    -------
    Path
        The file, of 336 MB.

    Raises
    ------
    CaseStudyError
        If the blocks are not under the data root or damaged, or the folder holds something else,
        is in another process's hands or cannot be written to.
    """
    file = find_blocks(BENCHMARK_NOISY)
    blocks = open_blocks(file)
    with _claimed(folder, {"benchmark": "sidd", "of": file_fingerprint(file)} | made_from):
        result = folder / SIDD_FILE
        if result.exists():
            return result
        part = folder / f"{SIDD_FILE}.part"
        with part.open("a+b") as csv:
            done = _whole_lines(csv)
            if not done:
                csv.write(SIDD_HEADER)
            begun = max(done - 1, 0)  # the header is a line
            numbers = range(begun, len(blocks))
            for number in tqdm(
                numbers, "denoising", len(blocks), initial=begun, unit="block", disable=None
            ):
                denoised = denoise(np.array(blocks[number]))
                csv.write(b"%d,%s\n" % (number, base64.b64encode(denoised.tobytes())))
            csv.flush()
            os.fsync(csv.fileno())
        part.replace(result)
    return result


def submit_dnd(
    denoise: Callable[[np.ndarray], np.ndarray], made_from: dict[str, str], folder: Path
) -> list[Path]:
    """Denoise the boxes of DND's sRGB photographs into the files that its server takes.

    Plötz, Roth, "Benchmarking Denoising Algorithms with Real Photographs", CVPR 2017. A `.mat`
    file for each of 50 photographs: `Idenoised`, a cell of 20 boxes of 512x512x3 floats in
    [0, 1], `israw` and `eval_version`.

    Parameters
    ----------
    denoise, made_from, folder
        See `submit_sidd`; each box is denoised by itself.

    Returns the files, 3 GB in all.

    Raises
    ------
    CaseStudyError
        If a file of the dataset is not under the data root or damaged, or the folder holds
        something else, is in another process's hands or cannot be written to.
    """
    dataset = _find_dnd()
    boxes = _boxes(dataset / "info.mat")
    names = [f"{number:04d}.mat" for number in range(1, len(boxes) + 1)]
    photographs = [dataset / "images_srgb" / name for name in names]
    if missing := [path for path in photographs if not path.is_file()]:
        raise CaseStudyError(
            f"{missing[0]} is missing, one of {len(missing)}. Unpack the dataset again; it is "
            f"available at {DND_HOME}."
        )
    results = [folder / name for name in names]
    of = file_fingerprint(dataset / "info.mat")
    with (
        _claimed(folder, {"benchmark": "dnd", "of": of} | made_from),
        tqdm(total=sum(map(len, boxes)), desc="denoising", unit="box", disable=None) as bar,
    ):
        for photograph, places, result in zip(photographs, boxes, results, strict=True):
            if result.exists():
                bar.update(len(places))
                continue
            cell = np.empty((1, len(places)), object)
            for number, noisy in enumerate(_crops(photograph, places)):
                cell[0, number] = denoise(noisy)
                bar.update()
            with written_whole(result) as temporary:
                variables = {"Idenoised": cell, "israw": False, "eval_version": "1.0"}
                io.savemat(temporary, variables)
    return results


@contextmanager
def _claimed(folder: Path, made_from: dict[str, str]) -> Iterator[None]:
    """Keep the folder of a submission to this process; refuse one that holds something else."""
    manifest = folder / MANIFEST
    content = list(folder.glob("[!.]*")) if folder.is_dir() else folder.exists()
    if content and not manifest.is_file():
        raise CaseStudyError(f"{folder} exists and is not a submission. Name another folder.")
    with only_writer(folder, "Free some space, or name another folder"):
        if not manifest.is_file():
            with written_whole(manifest) as temporary:
                temporary.write_text(json.dumps(made_from, indent=1) + "\n")
        elif json.loads(manifest.read_text()) != made_from:
            raise CaseStudyError(
                f"{folder} holds a submission of another method or of other data; see {MANIFEST} "
                "there. Name another folder."
            )
        yield


def _whole_lines(file: BinaryIO) -> int:
    """Count a file's whole lines and cut off what follows them, half a line."""
    file.seek(0)
    lines = end = 0
    for line in file:
        if line.endswith(b"\n"):
            lines, end = lines + 1, end + len(line)
    file.truncate(end)
    return lines


def _find_dnd() -> Path:
    for folder in find_folders(re.compile("dnd_2017")):
        if (folder / "info.mat").is_file():
            return folder
    raise CaseStudyError(
        f"No folder dnd_2017 with info.mat is in {data_root()}. DND is available at {DND_HOME}; "
        "unpack it there, or set CASESTUDY_DATA to the folder that holds dnd_2017/."
    )


def _boxes(info: Path) -> list[np.ndarray]:
    """Return (boxes, 4) per photograph: first row and column, last row and column, from 1."""
    with _opened(info) as file:
        references = file["info"]["boundingboxes"][0]
        return [file[reference][()].T.astype(int) for reference in references]


def _crops(photograph: Path, boxes: np.ndarray) -> Iterator[np.ndarray]:
    """Yield a photograph's boxes, float32 (H, W, 3), read one at a time."""
    with _opened(photograph) as file:
        image = file["InoisySRGB"]  # MATLAB's axes are reversed: RGB, column, row
        for top, left, bottom, right in boxes:
            crop = image[:, left - 1 : right, top - 1 : bottom].T.astype(np.float32)
            if crop.shape != (bottom - top + 1, right - left + 1, 3):
                raise ValueError(f"box {top}, {left} to {bottom}, {right} is outside")
            yield crop


@contextmanager
def _opened(path: Path) -> Iterator[h5py.File]:
    """Open a MATLAB file of version 7.3; whatever is wrong with it, the error names it."""
    try:
        with h5py.File(path) as file:
            yield file
    except (OSError, KeyError, ValueError, TypeError, AttributeError) as error:
        raise CaseStudyError(
            f"{path} cannot be read as a file of DND ({error}). Unpack the dataset again; it is "
            f"available at {DND_HOME}."
        ) from error
