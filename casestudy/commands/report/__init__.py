"""Execute the notebooks in order and turn them into pages that a person reads."""

from casestudy.commands.report.runner import report

__all__ = ["report"]
