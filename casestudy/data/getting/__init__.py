"""Downloading, unpacking and adding datasets."""
