"""Denoise photographs from file to file, one or a whole folder of them."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

from tqdm import tqdm

from casestudy.errors import CaseStudyError
from casestudy.images import SUFFIXES, Photo, read_photo, writable_format, write_photo


@dataclass
class Outcome:
    """What became of the files of a folder.

    Parameters
    ----------
    done, skipped : list of Path
        Photographs that were denoised, and those whose result was there before.
    others : list of Path
        Files whose names do not end as those of photographs.
    failed : dict of Path to str
        Photographs that could not be denoised, and why.
    conversions : dict of Path to tuple of str
        What had to be changed beside the noise.
    """

    done: list[Path] = field(default_factory=list)
    skipped: list[Path] = field(default_factory=list)
    others: list[Path] = field(default_factory=list)
    failed: dict[Path, str] = field(default_factory=dict)
    conversions: dict[Path, tuple[str, ...]] = field(default_factory=dict)


def denoise_file(
    denoise: Callable[..., object], source: Path, target: Path, overwrite: bool = False
) -> Photo:
    """Denoise one photograph; its bit depth, EXIF and colour profile stay.

    Parameters
    ----------
    denoise : callable
        From pixels to pixels of the same shape and dtype, such as a partial of
        `casestudy.inference.denoise`.
    source, target : Path
        The photograph, and the file to write, in the format that its name ends with.
    overwrite : bool
        Replace `target` if it is there.

    Returns
    -------
    Photo
        What was written.

    Raises
    ------
    CaseStudyError
        If the source cannot be read, or the target is there or cannot be written.
    """
    if target.exists() and not overwrite:
        raise CaseStudyError(f"{target} is there already. Use another name, or --overwrite.")
    photo = read_photo(source)
    writable_format(target, photo.pixels)  # before the work, not after
    denoised = replace(photo, pixels=denoise(photo.pixels))
    write_photo(target, denoised)
    return denoised


def denoise_folder(
    denoise: Callable[..., object], source: Path, target: Path, overwrite: bool = False
) -> Outcome:
    """Denoise all photographs in a folder and its sub-folders.

    Parameters
    ----------
    denoise
        See `denoise_file`.
    source, target : Path
        Results get the names of their sources. `target` may lie in `source`. Hidden files, and
        sub-folders that are symbolic links, are left out.
    overwrite : bool
        Denoise also those whose results are there; else they are skipped, so that the same call
        goes on after an interruption.

    Returns
    -------
    Outcome

    Raises
    ------
    CaseStudyError
        If `source` and `target` are the same, `target` is a file, or there is no photograph.
    """
    if source.resolve() == target.resolve():
        raise CaseStudyError(
            f"{target}: results would replace their sources. Name another folder."
        )
    if target.exists() and not target.is_dir():
        raise CaseStudyError(
            f"{target} is a file, and results of a folder need one. Name another."
        )
    outcome, photographs = Outcome(), []
    results = target.resolve() if source.resolve() in target.resolve().parents else None
    for path in sorted(source.rglob("*")):
        hidden = any(part[0] == "." for part in path.relative_to(source).parts)
        if path.is_file() and not hidden and results not in path.resolve().parents:
            (photographs if path.suffix.lower() in SUFFIXES else outcome.others).append(path)
    if not photographs:
        raise CaseStudyError(
            f"{source} holds no photograph: no name there ends with {', '.join(SUFFIXES)}."
        )
    for path in tqdm(photographs, unit="photo", desc="denoising"):
        result = target / path.relative_to(source)
        if result.exists() and not overwrite:
            outcome.skipped.append(path)
            continue
        try:
            photo = denoise_file(denoise, path, result, overwrite)
        except CaseStudyError as error:
            outcome.failed[path] = str(error)
            continue
        except MemoryError:
            outcome.failed[path] = f"{path} needs more memory than there is. Use smaller tiles."
            continue
        outcome.done.append(path)
        if photo.conversions:
            outcome.conversions[path] = photo.conversions
    return outcome
