"""Photographs, folders and safe writing; nothing here depends on denoising.

Imports nothing else of the package.
"""
