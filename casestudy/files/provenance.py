"""What a result was made from, and on which machine: code, library versions, commit."""

import hashlib
import os
import platform
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
    """Return one SHA-256, in hexadecimal, of some texts."""
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()


def hash_file(path: Path) -> str:
    """Return the SHA-256 of a file's content, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def hash_rooms(*rooms: str, without: Sequence[str] = ()) -> str:
    """Return a hash of all files in some sub-folders of the package.

    Parameters
    ----------
    *rooms : str
        Sub-folders, such as "models" or "commands/report".
    without : sequence of str
        Patterns, such as "models/released/*.md", of files that are left out.
    """
    package = Path(casestudy.__file__).parent
    files = {
        path.relative_to(package): path
        for room in rooms
        for path in (package / room).rglob("*")
        if path.is_file()
    }
    return hash_text(
        *(
            f"{name.as_posix()}:{hash_file(files[name])}"
            for name in sorted(files)
            if _is_code(name) and not any(map(name.match, without))
        )
    )


def _is_code(path: Path) -> bool:
    """Return False for what Python, editors and file managers leave, most of it hidden."""
    return not any(part == "__pycache__" or part.startswith(".") for part in path.parts)


def library_versions() -> dict[str, str]:
    """Return the versions of what decides the numbers: Python, Keras and its backend, ..."""
    versions = {"python": platform.python_version()}
    for library in _LIBRARIES:
        try:
            versions[library] = version(library)
        except PackageNotFoundError:
            versions[library] = "not installed"
    return versions | {"keras backend": os.environ["KERAS_BACKEND"]}


def commit() -> str | None:
    """Return the commit of the code, with `-dirty` when files differ from it; None outside git."""
    try:
        _git("ls-files", "--error-unmatch", "__init__.py")  # no installed copy in another clone
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
    """Return system, processor, cores and memory in words."""
    memory = ""
    if hasattr(os, "sysconf"):
        gibibytes = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
        memory = f", {gibibytes:.0f} GiB memory"
    system = f"{platform.system()} {platform.machine()}"
    return f"{system}, {_processor()}, {os.cpu_count()} cores{memory}"


def _processor() -> str:
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()
