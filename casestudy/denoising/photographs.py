"""Denoise photographs from file to file, one or a whole folder of them."""

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from tqdm import tqdm

from casestudy import CaseStudyError
from casestudy.files.photos import SUFFIXES, Photo, as_writable, read_photo, write_photo
from casestudy.files.writing import written_whole

# In a folder of results: by what they were made.
MARKER = ".casestudy-denoised"

Denoise = Callable[[np.ndarray], np.ndarray]


@dataclass
class Outcome:
    """What became of the files of a folder.

    Parameters
    ----------
    done, skipped : list of Path
        Photographs that were denoised, and those whose result was there before.
    others : list of Path
        Files whose names do not end as those of photographs.
    earlier : list of Path
        Sub-folders that were left out, because they hold results of earlier calls.
    failed : dict of Path to str
        Photographs that could not be denoised, folders that could not be read, and why.
    conversions : dict of Path to tuple of str
        What had to be changed beside the noise.
    """

    done: list[Path] = field(default_factory=list)
    skipped: list[Path] = field(default_factory=list)
    others: list[Path] = field(default_factory=list)
    earlier: list[Path] = field(default_factory=list)
    failed: dict[Path, str] = field(default_factory=dict)
    conversions: dict[Path, tuple[str, ...]] = field(default_factory=dict)

    def fail(self, path: Path, why: str) -> None:
        """Note a failure, and print it: until all others are done may take hours."""
        self.failed[path] = why
        tqdm.write(why, file=sys.stderr)


def denoise_file(
    load: Callable[[], Denoise], source: Path, target: Path, overwrite: bool = False
) -> Photo:
    """Denoise one photograph; its bit depth, EXIF and colour profile stay.

    Parameters
    ----------
    load : callable
        Returns what denoises, such as a partial of `casestudy.denoising.tiles.denoise`: from
        pixels to pixels of the same shape and dtype. It is called when nothing else is wrong,
        because to
        load a network takes long.
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
        If the source cannot be read, the target is the source, or is there, or cannot be
        written; if memory does not do.
    """
    with _failures_told(source):
        photo = read_photo(source)
        if target.exists() and target.samefile(source):
            raise _replacing(source, target)
        if target.exists() and not overwrite:
            raise CaseStudyError(f"{target} is there already. Use another name, or --overwrite.")
        photo = as_writable(target, photo)  # before the work, not after
        denoised = replace(photo, pixels=load()(photo.pixels))
        write_photo(target, denoised)
    return denoised


@contextmanager
def _failures_told(source: Path) -> Iterator[None]:
    """Raise CaseStudyError of what fails for one photograph and need not for the next."""
    try:
        yield
    except MemoryError:
        raise CaseStudyError(
            f"{source} needs more memory than there is. Use smaller tiles."
        ) from None
    except OSError as error:
        raise CaseStudyError(
            f"{error.filename or source}: {error.strerror or error}. Check the path, and what "
            "you may read and write."
        ) from error


def denoise_folder(
    load: Callable[[], Denoise],
    made_by: str,
    source: Path,
    target: Path,
    overwrite: bool = False,
) -> Outcome:
    """Denoise all photographs in a folder and its sub-folders; print what fails at once.

    Parameters
    ----------
    load
        See `denoise_file`; called once, or not at all if all results are there.
    made_by : str
        What tells the method from others: its name and runtime. It is written down in `target`.
    source, target : Path
        Results get the names of their sources. `target` may lie in `source`. Hidden files,
        sub-folders that are symbolic links, and those of earlier results are left out.
    overwrite : bool
        Denoise also those whose results are there; else they are skipped, so that the same call
        goes on after an interruption.

    Returns
    -------
    Outcome

    Raises
    ------
    CaseStudyError
        If `source` and `target` are the same, `target` is a file or holds results of another
        method and is not to be overwritten, or there is no photograph.
    """
    if source.resolve() == target.resolve():
        raise CaseStudyError(
            f"{target}: results would replace their sources. Name another folder."
        )
    if target.exists() and not target.is_dir():
        raise CaseStudyError(
            f"{target} is a file, and results of a folder need one. Name another."
        )
    if not overwrite:
        _refuse_results_of_others(target, made_by)
    outcome, photographs = Outcome(), []
    for path in _files(source, target.resolve(), outcome):
        (photographs if path.suffix.lower() in SUFFIXES else outcome.others).append(path)
    if not photographs and not outcome.failed:
        raise CaseStudyError(
            f"{source} holds no photograph, or none but results of earlier runs. Names of "
            f"photographs end with {', '.join(SUFFIXES)}."
        )
    results = _results(photographs, source, target, overwrite, outcome)
    if not results:
        return outcome
    denoise = load()
    if not outcome.skipped and not any(map(_is_there, results.values())):
        _mark(target, made_by)
    for path, result in tqdm(results.items(), unit="photo", desc="denoising"):
        try:
            photo = denoise_file(lambda: denoise, path, result, overwrite)
        except CaseStudyError as error:
            outcome.fail(path, str(error))
            continue
        outcome.done.append(path)
        if photo.conversions:
            outcome.conversions[path] = photo.conversions
    if overwrite:  # not before, or after an interruption old results would pass for new ones
        _mark(target, made_by)
    return outcome


def _results(
    photographs: list[Path], source: Path, target: Path, overwrite: bool, outcome: Outcome
) -> dict[Path, Path]:
    """Return the results to be made by their photographs; the other photographs are told of."""
    originals = {path.resolve() for path in photographs}
    results = {}
    for path in photographs:
        result = target / path.relative_to(source)
        if result.resolve() in originals:  # of a source in a target, or by a link
            outcome.fail(path, str(_replacing(path, result)))
        elif _is_there(result) and not overwrite:
            outcome.skipped.append(path)
        else:
            results[path] = result
    return results


def _refuse_results_of_others(target: Path, made_by: str) -> None:
    marker = target / MARKER
    try:
        known = marker.read_text(errors="replace").strip()
    except (FileNotFoundError, NotADirectoryError):
        return
    except OSError as error:
        raise CaseStudyError(
            f"{marker} cannot be read: {error.strerror}. Name another folder."
        ) from error
    if known != made_by:
        raise CaseStudyError(
            f"{target} holds results of {known}, not of {made_by}. Name another folder, or "
            "replace them with --overwrite."
        )


def _mark(target: Path, made_by: str) -> None:
    # Where nothing can be written, each photograph says so.
    with suppress(OSError), written_whole(target / MARKER) as temporary:
        temporary.write_text(f"{made_by}\n")


def _is_there(path: Path) -> bool:
    # `Path.exists` raises an error of a name that is too long, or of a folder one may not enter.
    return os.access(path, os.F_OK)


def _replacing(source: Path, target: Path) -> CaseStudyError:
    return CaseStudyError(
        f"{source}: its result would replace the photograph {target}. Name another target."
    )


def _files(source: Path, results: Path, outcome: Outcome) -> list[Path]:
    """Return all files but the hidden and the results; folders that cannot be read have failed."""

    def fail(error: OSError) -> None:
        folder = Path(error.filename)
        outcome.fail(folder, f"{folder} cannot be read: {error.strerror}.")

    def is_source(folder: Path) -> bool:
        if folder.name[0] == "." or folder.resolve() == results:
            return False
        if earlier := _is_there(folder / MARKER):
            outcome.earlier.append(folder)
        return not earlier

    found = []
    for folder, subfolders, names in os.walk(source, onerror=fail):
        subfolders[:] = [name for name in subfolders if is_source(Path(folder, name))]
        found += [Path(folder, name) for name in names if name[0] != "."]
    # In a folder that may be listed but not entered nothing can be asked of a file.
    return sorted(p for p in found if not os.access(p.parent, os.X_OK) or p.is_file())
