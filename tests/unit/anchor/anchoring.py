"""Readings under heads, and a board where the heads are published."""

from __future__ import annotations

from chromatrace.domain.errors import Unavailable
from chromatrace.domain.reading import Reading
from chromatrace.merkle.entry import encode_reading
from chromatrace.merkle.log import leaf_hash, root

START = 1_767_225_600_000_000_000


class Board:
    """A publisher that keeps what it is given, and can be away."""

    def __init__(self):
        self.heads = []
        self.away = False

    def publish(self, head):
        if self.away:
            raise Unavailable("no chain answers")
        self.heads.append(head)


class Clock:
    def __init__(self):
        self.now = 1000.0

    def __call__(self):
        return self.now


def readings(start, stop):
    return [
        Reading("SP-201", "p", START + number, START + 9, number / 7, "Pa", 0, number) for number in range(start, stop)
    ]


def root_of(some):
    return root(leaf_hash(encode_reading(one)) for one in some)
