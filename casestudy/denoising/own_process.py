"""Run a function in a new process, which gives all its memory back."""

import pickle
import subprocess
import sys
from collections.abc import Callable

from casestudy import CaseStudyError

_NEW_PROCESS = """
import os, pickle, sys
answer = os.fdopen(os.dup(1), "wb")
os.dup2(2, 1)  # the output of libraries is not part of the answer
from casestudy import CaseStudyError
function, arguments = pickle.load(sys.stdin.buffer)
try:
    result = function(*arguments), None
except (CaseStudyError, OSError) as error:
    result = None, error
pickle.dump(result, answer)
"""


def in_new_process(function: Callable, *arguments: object) -> object:
    """Return the result of a function that runs in a new process.

    In contrast to multiprocessing, the new process does not import the calling script, so that
    script needs no `if __name__ == "__main__":`.

    Raises
    ------
    CaseStudyError
        If the function raises one, or the process fails or is killed.
    OSError
        If the function raises one.
    """
    process = subprocess.run(
        [sys.executable, "-P", "-c", _NEW_PROCESS],  # no modules of the working directory
        input=pickle.dumps((function, arguments)),
        stdout=subprocess.PIPE,
    )
    if process.returncode:
        raise CaseStudyError(
            f"A child process failed (exit code {process.returncode}). If it ran out of memory, "
            "close other programs and run the same again."
        )
    result, error = pickle.loads(process.stdout)
    if error:
        raise error
    return result
