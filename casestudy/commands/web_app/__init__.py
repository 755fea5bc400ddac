"""The web app: a page, and the queue behind it."""
