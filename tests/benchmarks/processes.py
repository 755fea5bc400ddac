"""Measuring code in a process of its own, whose peak memory is that of the code alone."""

import os
import subprocess
import sys


def in_a_process(program: str, cache) -> tuple[float, ...]:
    """Run Python code that prints numbers; return them and the process's peak memory in MiB."""
    program += "\nfrom casestudy.memory import peak_mb; print(peak_mb() / 1.048576)"
    output = subprocess.run(
        [sys.executable, "-c", program],
        env=os.environ | {"CASESTUDY_CACHE": str(cache)},
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    return tuple(map(float, output.split()))
