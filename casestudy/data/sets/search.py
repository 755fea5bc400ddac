"""Find a dataset's folders below the data root, wherever its archives were unpacked."""

import os
import re
from collections.abc import Iterator
from pathlib import Path

from casestudy.files.folders import cache_root, data_root

DEPTH = 5  # folders below the data root, such as sidd/SIDD_Medium_Srgb/SIDD_Medium_Srgb/Data/NAME


def find_folders(name: re.Pattern[str]) -> Iterator[Path]:
    """Yield the folders below the data root whose whole name matches, in the order of their paths.

    Hidden folders, where archives are unpacked, the cache of patches, and folders in a folder
    that is found are left out.
    """
    root = data_root()
    for folder, below, _ in os.walk(root, followlinks=True):
        here = Path(folder)
        named = sorted(child for child in below if name.fullmatch(child))
        yield from (here / child for child in named)
        below[:] = sorted(
            child
            for child in set(below).difference(named)
            if not child.startswith(".")
            and here / child != cache_root()
            and len(here.relative_to(root).parts) + 1 < DEPTH
        )
