"""One photograph of anybody's, by several methods, as `casestudy denoise` would denoise it."""

from collections.abc import Mapping
from functools import partial
from pathlib import Path

import numpy as np

from casestudy.data.sets.phones import FOLDER
from casestudy.denoising.methods import photo_denoiser
from casestudy.denoising.photographs import denoise_file
from casestudy.files.folders import reports_root
from casestudy.files.photos import as_rgb, read_image
from casestudy.models import RECOMMENDED, released

EMBEDDED = FOLDER / "yilmaz_5_noisy.webp"  # letters, which show what denoising keeps
RUNTIME = "litert-int8"  # the command's default
METHODS = ("nlm", "ridnet", RECOMMENDED)
TITLES = {"nlm": "Non-Local Means"} | released.titles()


def places(photo: str = "", output: str = "", run_folder: str = "") -> tuple[Path, Path]:
    """Return the photograph's file, and the file to write.

    Parameters
    ----------
    photo : str
        Path of a photograph; "" is an embedded one.
    output : str
        Path to write to; "" is the photograph's name in `denoised/` of the run folder.
    run_folder : str
        "" means `reports/your-photo` in the project.
    """
    source = Path(photo).expanduser() if photo else EMBEDDED
    if output:
        target = Path(output).expanduser()
        return source, target / source.name if target.is_dir() else target
    folder = Path(run_folder) if run_folder else reports_root() / "your-photo"
    folder = folder.resolve() / "denoised"
    folder.mkdir(parents=True, exist_ok=True)
    return source, folder / source.name


def denoise_and_save(
    source: Path, target: Path, network: str, overwrite: bool = False
) -> tuple[np.ndarray, tuple[str, ...]]:
    """Denoise a photograph's file as the command does; return what was saved, and remarks.

    Parameters
    ----------
    source, target, overwrite
        See `casestudy.denoising.photographs.denoise_file`.
    network : str
        A name in `casestudy.models.released.titles()`.

    Returns
    -------
    ndarray, shape (H, W, 3), uint8
    tuple of str
        Sentences, as of `denoise_file`.
    """
    remarks = denoise_file(partial(photo_denoiser, network, RUNTIME), source, target, overwrite)
    return read_image(target), remarks


def denoise_by_all(pixels: np.ndarray, done: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Denoise a photograph by each of `METHODS`.

    Parameters
    ----------
    pixels : ndarray, shape (H, W, C), uint8 or uint16
        As of a `casestudy.files.photos.Photo`.
    done : mapping of str to ndarray, shape (H, W, 3), uint8
        Results by method that are there already.

    Returns
    -------
    dict of str to ndarray, shape (H, W, 3), uint8
        By title.
    """
    return {
        TITLES[method]: done[method]
        if method in done
        else as_rgb(photo_denoiser(method, RUNTIME)(pixels))
        for method in dict.fromkeys((*METHODS, *done))
    }
