"""What people start: the `casestudy` command, its reports and its web app.

Imports every room; no notebook imports it.
"""
