"""Execute the notebooks in order and turn them into pages that a person reads."""

from casestudy.reporting.runner import report

__all__ = ["report"]
