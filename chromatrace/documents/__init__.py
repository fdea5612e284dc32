"""Content documents whose digests are recorded on the chain."""
