"""How a network learns, and what it has seen.

Imports `models`, `data` and `files`.
"""
