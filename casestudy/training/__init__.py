"""How a network learns, and which data it was trained on.

Imports `models`, `data` and `files`.
"""
