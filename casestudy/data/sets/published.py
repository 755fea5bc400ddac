"""Archives whose size and checksums are published."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

from tqdm import tqdm

from casestudy import CaseStudyError

CHUNK = 1 << 20  # bytes


@dataclass(frozen=True, kw_only=True)
class Archive:
    """A file that is published under a name.

    Parameters
    ----------
    name : str
    size : int
        Bytes.
    md5, sha1 : str
        Hexadecimal. Neither is safe against forgery alone, so both must be right.
    """

    name: str
    size: int
    md5: str
    sha1: str

    def verify(self, path: Path) -> None:
        """Read a whole file and compare it, with a progress bar.

        Raises
        ------
        CaseStudyError
            If it is not the published one.
        """
        hashes = hashlib.md5(usedforsecurity=False), hashlib.sha1(usedforsecurity=False)
        size, title = path.stat().st_size, f"Verifying {path.name}"
        with (
            path.open("rb") as file,
            tqdm(total=size, desc=title, unit="B", unit_scale=True) as bar,
        ):
            while chunk := file.read(CHUNK):
                for each in hashes:
                    each.update(chunk)
                bar.update(len(chunk))
        if tuple(each.hexdigest() for each in hashes) != (self.md5, self.sha1):
            raise CaseStudyError(
                f"{path} has another content than the published {self.name} (MD5 {self.md5}), "
                "so it is not used. Download it again."
            )
