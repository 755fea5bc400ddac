"""Removing real camera noise from photographs: the package that the notebooks import."""

import os
from importlib.metadata import version

# TensorFlow's start-up notices would stand in every report; errors still show.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

__version__ = version("casestudy")
