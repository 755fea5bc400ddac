"""The one error that a user can do something about."""


class CaseStudyError(Exception):
    """Names what is wrong and what to do; the command line prints it without a traceback."""
