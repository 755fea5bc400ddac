"""Photographs, folders and safe writing; nothing here knows of denoising.

Imports nothing else of the package.
"""
