"""Measuring code in a process of its own, whose peak memory is that of the code alone."""

import os
import re
import subprocess
import sys
from pathlib import Path

import psutil


def in_a_process(program: str, cache) -> tuple[float, ...]:
    """Run Python code that prints numbers; return them and the process's peak memory in MiB."""
    program += "\nfrom casestudy.denoising.peak_memory import peak_mb; print(peak_mb() / 1.048576)"
    output = subprocess.run(
        [sys.executable, "-c", program],
        env=os.environ | {"CASESTUDY_CACHE": str(cache)},
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    return tuple(map(float, output.split()))


def in_a_watched_process(program: str, cache) -> tuple[list[float], float, float]:
    """Run Python code that prints numbers, and look at its memory 50 times a second.

    Linux only.

    Returns
    -------
    numbers : list of float
    resident, anonymous : float
        The most MiB that it and all its children took together. Pages of mapped files are
        resident as well, as long as nobody else wants the memory; anonymous is the rest. What
        processes share is counted for each.
    """
    process = psutil.Popen(
        [sys.executable, "-c", program],
        env=os.environ | {"CASESTUDY_CACHE": str(cache)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    resident = anonymous = 0.0
    while True:
        try:
            output, errors = process.communicate(timeout=0.02)
        except subprocess.TimeoutExpired:
            now = [_memory(each) for each in (process, *_children(process))]
            resident = max(resident, sum(memory[0] for memory in now))
            anonymous = max(anonymous, sum(memory[1] for memory in now))
        else:
            break
    if process.returncode:
        raise RuntimeError(errors)
    return [float(number) for number in output.split()], resident, anonymous


def _children(process: psutil.Process) -> list[psutil.Process]:
    try:
        return process.children(recursive=True)
    except psutil.NoSuchProcess:
        return []


def _memory(process: psutil.Process) -> tuple[float, float]:
    """Return resident and anonymous memory in MiB; zeros of a process that has ended."""
    try:
        status = Path(f"/proc/{process.pid}/status").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return 0.0, 0.0
    found = dict(re.findall(r"(VmRSS|RssAnon):\s+(\d+) kB", status))
    return tuple(int(found.get(name, 0)) / 1024 for name in ("VmRSS", "RssAnon"))
