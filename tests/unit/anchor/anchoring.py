"""Test doubles of the anchor tests."""

from __future__ import annotations

from chromatrace.domain.errors import Unavailable
from chromatrace.domain.reading import Reading
from chromatrace.merkle.proofs import leaf_hash, root

START = 1_767_225_600_000_000_000


class StubPublisher:
    """A publisher that collects heads, and raises `Unavailable` while `offline`."""

    def __init__(self):
        self.heads = []
        self.offline = False

    def publish(self, head):
        if self.offline:
            raise Unavailable("the chain does not respond")
        self.heads.append(head)

    def anchored_size(self, channel):
        return max((head.size for head in self.heads if head.channel == channel), default=0)


class StubClock:
    def __init__(self):
        self.now = 1000.0

    def __call__(self):
        return self.now


def readings(start, stop):
    return [
        Reading("SP-201", "p", START + number, START + 9, number / 7, "Pa", 0, number) for number in range(start, stop)
    ]


def root_of(spool, channel, size):
    """Return the root of the first `size` readings of a channel."""
    return root(map(leaf_hash, spool.log_entries(channel, 0, size)))
