"""Checkpoints: the whole state of a training in one file, which is not used if it is damaged.

A checkpoint is a safetensors file. Its metadata holds the state that is not an array, and the
SHA-256 of all content. The previous checkpoint is kept next to it.
"""

import hashlib
import json
from pathlib import Path

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from casestudy.files.writing import written_whole


def save_checkpoint(path: Path, arrays: dict[str, np.ndarray], state: dict[str, object]) -> None:
    """Write a checkpoint; an existing one becomes the previous one.

    `state` holds what JSON can hold.
    """
    text = json.dumps(state)
    with written_whole(path) as temporary:
        save_file(arrays, temporary, {"state": text, "sha256": _digest(arrays, text)})
        temporary.chmod(0o644)  # otherwise only its owner could read it
        if path.exists():
            path.replace(previous(path))


def load_checkpoint(path: Path) -> tuple[dict[str, np.ndarray], dict[str, object]] | None:
    """Return arrays and state of a checkpoint, or None if there is none.

    A damaged file is reported and removed, and the previous one is used.
    """
    for candidate in (path, previous(path)):
        if candidate.exists():
            try:
                return _read(candidate)
            except (SafetensorError, OSError, ValueError, KeyError) as error:
                print(f"{candidate} is damaged ({error}). The previous one is used, if any.")
                candidate.unlink()  # otherwise it would replace the previous one
    return None


def delete_checkpoint(path: Path) -> None:
    """Remove a checkpoint and the previous one."""
    for file in (path, previous(path)):
        file.unlink(missing_ok=True)


def previous(path: Path) -> Path:
    """Return the path of the checkpoint before the one at `path`."""
    return path.with_suffix(f".previous{path.suffix}")


def _read(path: Path) -> tuple[dict[str, np.ndarray], dict[str, object]]:
    with safe_open(path, framework="numpy") as file:
        metadata = file.metadata() or {}
        arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    if _digest(arrays, metadata["state"]) != metadata["sha256"]:
        raise ValueError("its content does not have its checksum")
    return arrays, json.loads(metadata["state"])


def _digest(arrays: dict[str, np.ndarray], text: str) -> str:
    digest = hashlib.sha256(text.encode())
    for name, array in sorted(arrays.items()):
        digest.update(f"\0{name}\0{array.dtype.str}{array.shape}\0".encode())
        digest.update(np.ascontiguousarray(array).data)
    return digest.hexdigest()
