"""Noisy-clean pairs, the simulated camera, patches and batches.

Imports `files`.
"""
