"""Removing real camera noise from photographs: the package that the notebooks import."""

import logging
import os
from importlib.metadata import version

# TensorFlow's notices and warnings would stand in every report; errors still show.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
logging.getLogger("tensorflow").addFilter(lambda record: record.levelno >= logging.ERROR)
# Not what a user's ~/.keras/keras.json says: files, messages and manifests name this one.
os.environ.setdefault("KERAS_BACKEND", "tensorflow")

__version__ = version("casestudy")


class CaseStudyError(Exception):
    """Names what is wrong and what to do; the command line prints it without a traceback."""
