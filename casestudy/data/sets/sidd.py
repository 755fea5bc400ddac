"""SIDD: real noise of five phones in ten scenes.

Abdelhamed, Lin, Brown, "A High-Quality Denoising Dataset for Smartphone Cameras", CVPR 2018.
The Medium set has two pairs in each of 160 scene instances, the Small set one of them:

    SIDD_Medium_Srgb/Data/0052_002_S6_01600_01000_5500_N/0052_NOISY_SRGB_010.PNG
    SIDD_Small_sRGB_Only/Data/0052_002_S6_01600_01000_5500_N/NOISY_SRGB_010.PNG

and GT (ground truth) for NOISY. The folder names instance, scene, phone, ISO, shutter speed
(1/1000 s), colour temperature of the light and its strength. An instance is a scene under one
setting, so it is the scene that must not be on both sides of a split.
"""

import hashlib
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tqdm import tqdm

from casestudy import CaseStudyError
from casestudy.data.dataset import Dataset
from casestudy.data.getting.archives import CHUNK, open_archive, unpack
from casestudy.data.pairs import FilePair
from casestudy.data.sets.folder import match
from casestudy.data.sets.search import find_folders
from casestudy.files.folders import data_root

HOME = "abdokamel.github.io/sidd"
TERMS = "MIT licence, as its page says"


@dataclass(frozen=True, kw_only=True)
class Archive:
    """A published file: its size in bytes, and its checksums in hexadecimal digits.

    Neither checksum is safe against forgery alone, so both must be right.
    """

    name: str
    size: int
    md5: str
    sha1: str

    def verify(self, path: Path) -> None:
        """Read a whole file, with a progress bar; raise CaseStudyError if it is another."""
        hashes = hashlib.md5(usedforsecurity=False), hashlib.sha1(usedforsecurity=False)
        size, title = path.stat().st_size, f"Verifying {path.name}"
        with path.open("rb") as file, tqdm.wrapattr(file, "read", size, desc=title) as watched:
            while chunk := watched.read(CHUNK):
                for each in hashes:
                    each.update(chunk)
        if tuple(each.hexdigest() for each in hashes) != (self.md5, self.sha1):
            raise CaseStudyError(
                f"{path} differs from the published {self.name} (MD5 {self.md5}), so it is not "
                "used. Download it again."
            )


MEDIUM = Archive(
    name="SIDD_Medium_Srgb.zip",
    size=13_234_744_070,
    md5="f95b4bc9ec1dd3fe4ebd61aeacad3991",
    sha1="b0f895258112db896d6ade0a8ddafc8cfc9bd54d",
)
SMALL = Archive(
    name="SIDD_Small_sRGB_Only.zip",
    size=6_615_978_508,
    md5="796971867583bf14677dcae510e52538",
    sha1="5a4aa6aa7abcf7b0b56c88ad578fea9a4ff77935",
)
BY_HAND = f"download {MEDIUM.name} from {HOME} and run `casestudy data add sidd {MEDIUM.name}`"
REMEDY = f"run `casestudy data fetch sidd` (13 GB, and as much to unpack it), or {BY_HAND}"
INSTANCES, MEDIUM_PAIRS, SMALL_PAIRS = 160, 320, 160

_INSTANCE = re.compile(
    r"(?P<instance>\d{4})_(?P<scene>\d{3})_(?P<phone>GP|IP|S6|N6|G4)"
    r"_(?P<iso>\d{5})_\d{5}_\d{4}_[LNH]"
)
_FILE = re.compile(r"(?P<number>\d{4}_)?(?P<kind>GT|NOISY)_SRGB_(?P<shot>\d{3})\.png", re.I)
_WITHOUT_TRUTH = "SIDD_Benchmark_Data"

_PHONES = {
    "GP": "Google Pixel",
    "IP": "Apple iPhone 7",
    "S6": "Samsung Galaxy S6 Edge",
    "N6": "Motorola Nexus 6",
    "G4": "LG G4",
}


def _find() -> tuple[list[FilePair], list[Path]]:
    """Return the 320 pairs of the Medium set or else the 160 of the Small set, sorted by name."""
    sets = {}
    for folder in find_folders(_INSTANCE):
        if folder.parent.name == _WITHOUT_TRUTH:
            continue
        for path in sorted(folder.iterdir()):  # names with a number, the Medium set's, first
            if parts := _FILE.fullmatch(path.name):
                images = sets.setdefault(folder.parent, {"NOISY": {}, "GT": {}})
                id = f"{folder.name}_{parts['shot']}"
                images[parts["kind"].upper()].setdefault(id, path)
    if not sets:
        raise CaseStudyError(
            f"SIDD's images are not in {data_root()}. To get them, {REMEDY}; or set "
            "CASESTUDY_DATA to the folder that holds them."
        )
    noisy, clean = max(sets.values(), key=_preference).values()
    matched, lonely = match(noisy, clean)
    return [_pair(id, *paths) for id, paths in matched.items()], lonely


def _incomplete(found: Sequence[FilePair]) -> str:
    """Return what is missing from the set that these pairs belong to, and what to do; else ""."""
    if not found:
        return "There is no whole pair."
    medium = _is_numbered(found[0].noisy_path)
    name, whole = (MEDIUM.name, MEDIUM_PAIRS) if medium else (SMALL.name, SMALL_PAIRS)
    if len(found) == whole:
        return ""
    counts = Counter(pair.noisy_path.parent for pair in found)
    short = [folder.name for folder, count in counts.items() if count < whole // INSTANCES]
    example = f" (of {short[0]}: one)" if short else ""
    return (
        f"{found[0].noisy_path.parent.parent} holds {len(found)} of the {whole} pairs of {name}, "
        f"in {len(counts)} of {INSTANCES} folders{example}. Unpack it again: "
        f"`casestudy data add sidd {name}`."
    )


def _preference(images: dict[str, dict[str, Path]]) -> tuple[bool, int]:
    """Rank sets of images: the Medium set first, then the one with the most images."""
    paths = [path for kind in images.values() for path in kind.values()]
    return _is_numbered(paths[0]), len(paths)


def _is_numbered(path: Path) -> bool:
    return bool(_FILE.fullmatch(path.name)["number"])


def _pair(id: str, noisy_path: Path, clean_path: Path) -> FilePair:
    parts = _INSTANCE.fullmatch(noisy_path.parent.name)
    return FilePair(
        id=id,
        scene=f"sidd-{parts['scene']}",
        camera=_PHONES[parts["phone"]],
        iso=int(parts["iso"]),
        collection="sidd",
        noisy_path=noisy_path,
        clean_path=clean_path,
    )


def _add(archive: Path, folder: Path) -> None:
    _published(archive).verify(archive)
    with open_archive(archive) as members:
        unpack(archive, members, folder)


def _published(archive: Path) -> Archive:
    """Return the archive that a file must be, by its size."""
    size = archive.stat().st_size
    for published in (MEDIUM, SMALL):
        if size == published.size:
            return published
    known = " or ".join(f"{a.name} ({a.size:,} bytes)" for a in (MEDIUM, SMALL))
    raise CaseStudyError(
        f"{archive} has {size:,} bytes, so it is not {known}: its download was cut off, or it is "
        "something else. Download it again. Images from elsewhere: unpack them yourself and run "
        "`casestudy data check sidd`."
    )


SIDD = Dataset(
    name="sidd",
    summary="SIDD, whole frames, real noise of 5 phones",
    terms=TERMS,
    get=REMEDY,
    where=lambda found: str(found[0].noisy_path.parents[1]),
    find=_find,
    incomplete=_incomplete,
    families=("sidd",),
    fetch="casestudy.data.getting.sidd:fetch_sidd",
    add=_add,
)
