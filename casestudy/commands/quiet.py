"""Keep the notices of C libraries off the terminal."""

import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr
from tempfile import TemporaryFile

from casestudy import CaseStudyError


@contextmanager
def quiet_libraries() -> Iterator[None]:
    """Show what C libraries print to standard error only if the block fails unexpectedly.

    TensorFlow, CUDA, XNNPACK and libtiff write to file descriptor 2, and no setting silences all
    of them. Here it leads to a temporary file, while `sys.stderr`, with the messages and progress
    bars of Python, keeps leading to the terminal.
    """
    terminal, usual = os.dup(2), sys.stderr
    own = os.fdopen(terminal, "w", 1, encoding=usual.encoding, errors=usual.errors)
    with TemporaryFile() as notices, own, redirect_stderr(own):
        os.dup2(notices.fileno(), 2)
        try:
            yield
        except (CaseStudyError, OSError, SystemExit):
            raise
        except BaseException:
            notices.seek(0)
            shutil.copyfileobj(notices, own.buffer)
            raise
        finally:
            own.flush()
            os.dup2(terminal, 2)
