"""Query an index in tests."""

from __future__ import annotations


class _Queries:
    def __init__(self, index):
        self._index = index

    def __getattr__(self, name):
        def ask(*arguments, **options):
            with self._index.snapshot() as snapshot:
                return getattr(snapshot, name)(*arguments, **options)

        return ask


def query(index):
    """Return the queries of an index; each call opens a snapshot of its own."""
    return _Queries(index)
