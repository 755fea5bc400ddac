"""What a terminal shows of libraries: nothing, unless a command fails unexpectedly."""

import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest

from casestudy.data.sets import phones

WRITES = """
import os
from casestudy import CaseStudyError
from casestudy.commands.quiet import quiet_libraries
with quiet_libraries():
    os.write(2, b"a notice of a library")
    {}
"""


@pytest.mark.parametrize(
    ("end", "shown"),
    [
        ("pass", False),
        ("raise SystemExit(0)", False),
        ("raise CaseStudyError('a wrong argument')", False),
        ("raise RuntimeError('a fault of ours')", True),
    ],
)
def test_notices_are_shown_only_where_they_may_explain_a_failure(end, shown):
    command = [sys.executable, "-c", WRITES.format(end)]
    result = subprocess.run(command, capture_output=True, text=True)
    assert ("a notice of a library" in result.stderr) == shown


def test_pythons_messages_come_through_and_notices_that_follow_the_block():
    code = WRITES.format("import sys; print('a message', file=sys.stderr)")
    command = [sys.executable, "-c", code + "\nos.write(2, b'later')"]
    result = subprocess.run(command, capture_output=True, text=True)
    assert result.stderr == "a message\nlater"


def test_a_terminal_shows_nothing_of_tensorflow(tmp_path):
    noisy, denoised = min(phones.FOLDER.glob("*_noisy.webp")), tmp_path / "denoised.png"
    command = [Path(sys.executable).with_name("casestudy"), "denoise", noisy, denoised]
    screen = in_terminal(*command, "--model", "autoencoder", "--runtime", "keras")
    assert denoised.exists()
    assert screen.splitlines()[-1].endswith(f"{denoised}")
    for line in screen.splitlines():
        assert not any(word in line for word in ("cc:", "WARNING", "INFO", "CUDA")), line


def in_terminal(*command):
    """Return what a command shows on a terminal of its own."""
    ours, its = pty.openpty()
    process = subprocess.Popen(command, stdin=its, stdout=its, stderr=its)
    os.close(its)
    screen = b""
    while True:
        try:
            screen += os.read(ours, 4096)
        except OSError:  # The last process that had it open has ended.
            break
    assert process.wait() == 0, screen
    os.close(ours)
    return screen.decode()
