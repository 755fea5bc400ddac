"""Whether the two images of a pair show the same."""
