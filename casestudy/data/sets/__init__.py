"""One file per dataset: where its pairs are, and what they are called."""
