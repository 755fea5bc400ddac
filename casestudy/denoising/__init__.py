"""Any photograph, by any method, in any runtime.

Imports `models`, `data` and `files`.
"""
