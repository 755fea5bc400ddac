"""The origin of a result: code, library versions, commit and machine."""

import hashlib
import os
import platform
import re
import subprocess
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import casestudy

_LIBRARIES = (
    "tensorflow",
    "jax",
    "keras",
    "numpy",
    "opencv-python-headless",
    "scikit-image",
    "ai-edge-litert",
    "litert-quantizer",
)


def hash_text(*parts: str) -> str:
    """Return the SHA-256 of some texts together, in hexadecimal."""
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()


def hash_file(path: Path) -> str:
    """Return the SHA-256 of a file's content, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def hash_rooms(*rooms: str, without: Sequence[str] = ()) -> str:
    """Return a hash of all files in sub-folders of the package, such as "commands/report".

    Files that match a pattern in `without`, such as "models/released/*.md", are left out.
    """
    package = Path(casestudy.__file__).parent
    files = (path for room in rooms for path in (package / room).rglob("*") if path.is_file())
    hashes = []
    for name in sorted(path.relative_to(package) for path in files):
        # Python, editors and file managers leave files, most of them hidden.
        left = any(part == "__pycache__" or part.startswith(".") for part in name.parts)
        if not left and not any(map(name.match, without)):
            hashes.append(f"{name.as_posix()}:{hash_file(package / name)}")
    return hash_text(*hashes)


def library_versions() -> dict[str, str]:
    """Return the versions of the libraries that influence results, by name."""
    versions = {"python": platform.python_version()}
    for library in _LIBRARIES:
        try:
            versions[library] = version(library)
        except PackageNotFoundError:
            versions[library] = "not installed"
    return versions | {"keras backend": os.environ["KERAS_BACKEND"]}


def commit() -> str | None:
    """Return the commit of the code, with `-dirty` if files differ from it; None outside git."""
    try:
        _git("ls-files", "--error-unmatch", "__init__.py")  # not an installed copy in a clone
        head = _git("rev-parse", "HEAD")
        return head + ("-dirty" if _git("status", "--porcelain") else "")
    except (OSError, subprocess.CalledProcessError):
        return None


def _git(*arguments: str) -> str:
    return subprocess.run(
        ["git", *arguments],
        cwd=Path(casestudy.__file__).parent,
        check=True,
        capture_output=True,
        text=True,
    ).stdout.strip()


def machine() -> str:
    """Return a text with system, processor, cores and memory."""
    memory = ""
    if hasattr(os, "sysconf"):
        gibibytes = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
        memory = f", {gibibytes:.0f} GiB memory"
    system = f"{platform.system()} {platform.machine()}"
    return f"{system}, {_processor()}, {os.cpu_count()} cores{memory}"


def _processor() -> str:
    cpuinfo = Path("/proc/cpuinfo")  # of Linux
    text = cpuinfo.read_text() if cpuinfo.exists() else ""
    named = re.search(r"^model name\s*: (.+)", text, re.MULTILINE)
    return named[1] if named else platform.processor() or platform.machine()
