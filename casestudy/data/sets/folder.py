"""Pairs of your own: `PATH/noisy` and `PATH/clean` with equal file names."""

from collections import Counter
from collections.abc import Mapping
from pathlib import Path

from casestudy import CaseStudyError
from casestudy.data.dataset import Dataset
from casestudy.data.pairs import FilePair
from casestudy.files.photos import SUFFIXES

_LAYOUT = (
    "Expected PATH/noisy/NAME and PATH/clean/NAME with equal names (PNG, JPEG, TIFF, BMP, WebP)"
)


def record(name: str, path: Path) -> Dataset:
    """Return the record of the pairs in a folder, sorted by name; each is a scene of its own.

    Parameters
    ----------
    name : str
        The name of the dataset.
    path : Path
        A folder with `noisy` and `clean` in it; `~` is the home folder, and a relative path
        starts at the working directory. Names must agree to the letter, upper and lower case
        included. Hidden files and files that are not images (by extension) are left alone.
    """
    return Dataset(
        name=name,
        summary="your own pairs",
        terms="yours",
        get=f"put equal file names into {path}/noisy and {path}/clean",
        where=lambda found: f"{path}/noisy and {path}/clean",
        find=lambda: _find(path.expanduser()),
    )


def _find(root: Path) -> tuple[list[FilePair], list[Path]]:
    noisy, clean = (_images(root / side) for side in ("noisy", "clean"))
    if not noisy and not clean:
        raise CaseStudyError(f"{root} holds no images. {_LAYOUT}.")
    matched, lonely = match(noisy, clean)
    stems = Counter(Path(name).stem for name in matched)
    found = []
    for name, (noisy_path, clean_path) in matched.items():
        id = Path(name).stem if stems[Path(name).stem] == 1 else name
        found.append(FilePair(id=id, scene=id, noisy_path=noisy_path, clean_path=clean_path))
    return found, lonely


def match(
    noisy: Mapping[str, Path], clean: Mapping[str, Path]
) -> tuple[dict[str, tuple[Path, Path]], list[Path]]:
    """Return `{key: (noisy, clean)}` in the order of keys, and the files without a partner."""
    matched = {key: (noisy[key], clean[key]) for key in sorted(noisy.keys() & clean.keys())}
    lonely = [files[key] for files in (noisy, clean) for key in files if key not in matched]
    return matched, sorted(lonely)


def _images(folder: Path) -> dict[str, Path]:
    if not folder.is_dir():
        raise CaseStudyError(f"{folder} is not there. {_LAYOUT}.")
    found = {
        path.name: path
        for path in folder.iterdir()
        if path.suffix.lower() in SUFFIXES and not path.name.startswith(".") and path.is_file()
    }
    for name in found:
        try:
            name.encode()
        except UnicodeEncodeError:
            raise CaseStudyError(
                f"The name of {name!a} in {folder} is not UTF-8. Rename it."
            ) from None
    return found
