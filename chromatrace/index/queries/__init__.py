"""Queries by subject; `Snapshot` combines them."""
