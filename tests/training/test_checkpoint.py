import numpy as np
import pytest

from casestudy.training.checkpoint import (
    delete_checkpoint,
    load_checkpoint,
    previous,
    save_checkpoint,
)

ARRAYS = {
    "weights": np.arange(12, dtype=np.float32).reshape(3, 4),
    "iterations": np.array(7, np.int64),
    "seed": np.array([1, 2], np.uint32),
}


@pytest.fixture
def path(tmp_path):
    """Two checkpoints, of steps 1 and 2."""
    for step in (1, 2):
        save_checkpoint(tmp_path / "net.checkpoint", ARRAYS, {"step": step})
    return tmp_path / "net.checkpoint"


def test_what_is_saved_is_loaded(path):
    arrays, state = load_checkpoint(path)
    assert state == {"step": 2} and arrays.keys() == ARRAYS.keys()
    for name, array in ARRAYS.items():
        np.testing.assert_array_equal(arrays[name], array)
        assert arrays[name].dtype == array.dtype and arrays[name].shape == array.shape


def test_every_single_flipped_byte_is_detected(path, capsys):
    sound = path.read_bytes()
    for place in range(len(sound)):
        broken = bytearray(sound)
        broken[place] ^= 1 << place % 8
        path.write_bytes(broken)
        assert load_checkpoint(path)[1] == {"step": 1}, place
        assert str(path) in capsys.readouterr().out


def test_every_truncation_is_detected(path, capsys):
    sound = path.read_bytes()
    for length in range(len(sound)):
        path.write_bytes(sound[:length])
        assert load_checkpoint(path)[1] == {"step": 1}, length
        assert str(path) in capsys.readouterr().out


def test_a_kill_between_two_renames_leaves_the_one_before(path):
    path.unlink()
    assert load_checkpoint(path)[1] == {"step": 1}


def test_two_damaged_checkpoints_are_none(path, capsys):
    for file in (path, previous(path)):
        file.write_bytes(b"")
    assert load_checkpoint(path) is None
    told = capsys.readouterr().out
    assert str(path) in told and str(previous(path)) in told


def test_deleted_checkpoints_are_gone(path):
    delete_checkpoint(path)
    assert load_checkpoint(path) is None and not list(path.parent.iterdir())
