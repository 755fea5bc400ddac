"""What a result was made from and on: code, library versions, commit, machine."""

import hashlib
import os
import platform
import subprocess
from collections.abc import Iterable
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


def hash_code() -> str:
    """Return a hash of the package's files, less reports and web app: they compute no result."""
    package = Path(casestudy.__file__).parent
    shown = {package / "commands" / name for name in ("report", "web_app")}
    return _hash_tree(
        package, (p for p in package.rglob("*") if shown.isdisjoint((p, *p.parents)))
    )


def hash_reporting() -> str:
    """Return a hash of `commands/report`, which makes pages of executed notebooks."""
    report = Path(casestudy.__file__).parent / "commands" / "report"
    return _hash_tree(report, report.rglob("*"))


def _hash_tree(root: Path, paths: Iterable[Path]) -> str:
    files = sorted(p for p in paths if p.is_file() and _is_code(p.relative_to(root)))
    return hash_text(*(f"{p.relative_to(root).as_posix()}:{hash_file(p)}" for p in files))


def _is_code(path: Path) -> bool:
    """Return False of what Python, editors and file managers leave, most of it hidden."""
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
