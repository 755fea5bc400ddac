"""Scores, tables and figures: what the notebooks show.

Imports every room but `commands`.
"""
