"""Denoise photograph files, one or all in a folder."""

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from tqdm import tqdm

from casestudy import CaseStudyError
from casestudy.denoising.strength import blend, noise_stays
from casestudy.files.encoding import as_writable, write_photo
from casestudy.files.photos import SUFFIXES, read_photo
from casestudy.files.writing import writable_file, written_whole

# A file in a folder of results, which holds the method's name.
MARKER = ".casestudy-denoised"

NOISE_STAYS = (
    "Hardly any noise was removed: it is of a kind that the method does not know, or it is fine "
    "detail. Try another method, such as --model nlm."
)

Denoise = Callable[[np.ndarray], np.ndarray]


@dataclass
class Outcome:
    """The outcome for each file of a folder."""

    done: list[Path] = field(default_factory=list)
    skipped: list[Path] = field(default_factory=list)  # they already had a result
    others: list[Path] = field(default_factory=list)  # without the suffix of a photograph
    earlier: list[Path] = field(default_factory=list)  # sub-folders of earlier results, left out
    links: list[Path] = field(default_factory=list)  # sub-folders by symbolic links, left out
    failed: dict[Path, str] = field(default_factory=dict)  # why, also of unreadable folders
    remarks: dict[Path, tuple[str, ...]] = field(default_factory=dict)  # of `denoise_file`

    def fail(self, path: Path, why: str) -> None:
        """Record a failure, and print it now: the other photographs may take hours."""
        self.failed[path] = why
        tqdm.write(why, file=sys.stderr)


def denoise_file(
    load: Callable[[], Denoise],
    source: Path,
    target: Path,
    overwrite: bool = False,
    strength: float = 1.0,
) -> tuple[str, ...]:
    """Denoise one photograph, with its bit depth, EXIF and colour profile.

    Parameters
    ----------
    load : callable
        Returns a function from pixels to denoised pixels of the same shape and dtype, such as a
        partial of `casestudy.denoising.tiles.denoise`. It is called after all checks, because
        networks take long to load.
    source, target : Path
        The photograph, and the file to write, in the format that its name ends with.
    overwrite : bool
        Whether to replace an existing `target` other than the source.
    strength : float
        0 to 1: the part that is removed of what `load`'s function removes.

    Returns
    -------
    tuple of str
        Remarks, each a sentence: `Photo.conversions` and `NOISE_STAYS`.

    Raises
    ------
    CaseStudyError
        If the source cannot be read, the target is the source, exists or cannot be written, or
        memory does not suffice.
    """
    with _failures_named(source):
        photo = read_photo(source)
        if target.exists() and target.samefile(source):
            raise _replacing(source, target)
        if target.exists() and not overwrite:
            raise CaseStudyError(f"{target} exists already. Use another name, or --overwrite.")
        photo = as_writable(writable_file(target), photo)  # before the work, not after
        denoised = load()(photo.pixels)
        write_photo(target, replace(photo, pixels=blend(photo.pixels, denoised, strength)))
        stays = noise_stays(photo.pixels, denoised)
        return (*photo.conversions, NOISE_STAYS) if stays else photo.conversions


@contextmanager
def _failures_named(source: Path) -> Iterator[None]:
    """Turn errors that other photographs need not have into CaseStudyError."""
    try:
        yield
    except MemoryError:
        raise CaseStudyError(
            f"{source} needs more memory than there is. Use smaller tiles."
        ) from None
    except OSError as error:
        raise CaseStudyError(
            f"{error.filename or source}: {error.strerror or error}. Check the path and your "
            "permissions there."
        ) from error


def denoise_folder(
    load: Callable[[], Denoise],
    made_by: str,
    source: Path,
    target: Path,
    overwrite: bool = False,
    strength: float = 1.0,
) -> Outcome:
    """Denoise all photographs in a folder and its sub-folders; print failures as they occur.

    Parameters
    ----------
    load
        See `denoise_file`; called once, or never if all results exist.
    made_by : str
        Name, runtime and strength of the method, which a file in `target` records.
    source, target : Path
        Results get the names of their sources. `target` may lie in `source`. Hidden files,
        sub-folders that are symbolic links, and those of earlier results are left out.
    overwrite : bool
        Whether to replace existing results. Otherwise their photographs are skipped, so that the
        same call resumes after an interruption.
    strength
        See `denoise_file`.

    Raises
    ------
    CaseStudyError
        If `source` and `target` are the same, `target` is a file or cannot be written to, it
        holds results of another method that are not to be replaced, or there is no photograph.
    """
    if source.resolve() == target.resolve():
        raise CaseStudyError(
            f"{target}: results would replace their sources. Name another folder."
        )
    if target.exists() and not target.is_dir():
        raise CaseStudyError(
            f"{target} is a file, but results of a folder need a folder. Name another."
        )
    marker = target / MARKER
    kept = _is_there(marker) and not overwrite
    known = marker.read_text(errors="replace").strip() if kept else made_by
    if known != made_by:
        raise CaseStudyError(
            f"{target} holds results of {known}, not of {made_by}. Name another folder, or "
            "replace them with --overwrite."
        )
    outcome, photographs = Outcome(), []
    for path in _files(source, target.resolve(), outcome):
        (photographs if path.suffix.lower() in SUFFIXES else outcome.others).append(path)
    if not photographs and not outcome.failed:
        raise CaseStudyError(
            f"{source} holds no photograph that is not a result of an earlier run. Names "
            f"of photographs end with {', '.join(SUFFIXES)}."
        )
    results = _results(photographs, source, target, overwrite, outcome)
    if not results:
        return outcome
    writable_file(target / MARKER)
    denoise = load()
    if not outcome.skipped and not any(map(_is_there, results.values())):
        _mark(target, made_by)
    for path, result in tqdm(results.items(), unit="photo", desc="denoising", disable=None):
        if _is_there(result) and not overwrite:  # by now: another call shares the work
            outcome.skipped.append(path)
            continue
        try:
            remarks = denoise_file(lambda: denoise, path, result, overwrite, strength)
        except CaseStudyError as error:
            outcome.fail(path, str(error))
            continue
        outcome.done.append(path)
        if remarks:
            outcome.remarks[path] = remarks
    if overwrite:  # not earlier: after an interruption, old results would pass for new ones
        _mark(target, made_by)
    return outcome


def _results(
    photographs: list[Path], source: Path, target: Path, overwrite: bool, outcome: Outcome
) -> dict[Path, Path]:
    """Return the results to make by their photographs; `outcome` gets the other photographs."""
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


def _mark(target: Path, made_by: str) -> None:
    with written_whole(target / MARKER) as temporary:
        temporary.write_text(f"{made_by}\n")


def _is_there(path: Path) -> bool:
    # `Path.exists` raises an error if the name is too long or the folder may not be entered.
    return os.access(path, os.F_OK)


def _replacing(source: Path, target: Path) -> CaseStudyError:
    return CaseStudyError(
        f"{source}: its result would replace the photograph {target}. Name another target."
    )


def _files(source: Path, results: Path, outcome: Outcome) -> list[Path]:
    """Return all files except hidden ones and results; folders that cannot be read have failed."""

    def fail(error: OSError) -> None:
        folder = Path(error.filename)
        outcome.fail(folder, f"{folder} cannot be read: {error.strerror}.")

    def is_source(folder: Path) -> bool:
        if folder.name[0] == "." or folder.resolve() == results:
            return False
        if folder.is_symlink():
            outcome.links.append(folder)
            return False
        if earlier := _is_there(folder / MARKER):
            outcome.earlier.append(folder)
        return not earlier

    found = []
    for folder, subfolders, names in os.walk(source, onerror=fail):
        subfolders[:] = [name for name in subfolders if is_source(Path(folder, name))]
        found += [Path(folder, name) for name in names if name[0] != "."]
    # In a folder that may be listed but not entered, nothing else is known of a file.
    return sorted(p for p in found if not os.access(p.parent, os.X_OK) or p.is_file())
