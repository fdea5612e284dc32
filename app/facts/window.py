"""The readings behind an inspection: which part of which log, and the transaction that fixed it."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from typing import Protocol

from app.facts.parties import Party, party_of
from app.facts.plot import Plot, plots_of
from chromatrace.documents.content import ReadingWindow
from chromatrace.domain.errors import IntegrityError, InvalidInput, Unavailable
from chromatrace.domain.reading import Reading
from chromatrace.index import Snapshot
from chromatrace.index.views import AnchorView
from chromatrace.merkle.entry import encode_reading
from chromatrace.merkle.proofs import leaf_hash, root

log = logging.getLogger(__name__)

MAX_REBUILT = 200_000
"""Readings up to which a log's root is computed again from what is stored here."""

MAX_PLOTTED = 20_000


class ReadingsSource(Protocol):
    """Where stored readings come from: `chromatrace.ingest.spool.Spool` is one."""

    def size(self, channel: str) -> int:
        """Readings stored for the channel."""

    def entries(self, channel: str, start: int, stop: int) -> Iterable[Reading]:
        """The readings of leaves `start` to `stop - 1`."""


class Coverage(StrEnum):
    """How the window stands to the chain."""

    ANCHORED = "anchored"
    NOT_YET = "not-anchored"
    CONTRADICTED = "contradicted"
    UNKNOWN_CHANNEL = "unknown-channel"


_WORDS = {
    Coverage.ANCHORED: "The chain holds the fingerprint of these readings. None can be changed or removed unnoticed.",
    Coverage.NOT_YET: "These readings are not yet fixed on the chain.",
    Coverage.CONTRADICTED: "The document names another fingerprint for these readings than the chain has. "
    "They do not stand behind this inspection.",
    Coverage.UNKNOWN_CHANNEL: "The chain knows no such channel, so nothing fixes these readings.",
}


@dataclass(frozen=True, slots=True)
class WindowFacts:
    """One window of readings. `rebuilt`: whether the log's root was computed again from the readings stored here."""

    window: ReadingWindow
    owner: Party | None
    coverage: Coverage
    anchor: AnchorView | None
    rebuilt: bool | None = None
    plots: tuple[Plot, ...] = ()

    @property
    def count(self) -> int:
        return self.window.last_leaf - self.window.first_leaf + 1

    @property
    def contradicts(self) -> bool:
        """Whether the document, or the readings stored here, say something else than the chain."""
        return self.coverage is Coverage.CONTRADICTED or self.rebuilt is False

    @property
    def words(self) -> str:
        return _WORDS[self.coverage]

    def as_dict(self) -> dict[str, object]:
        anchor = self.anchor
        return {
            "channel": self.window.channel,
            "organisation": self.owner.as_dict() if self.owner else {"gln": str(self.window.organisation)},
            "first_leaf": self.window.first_leaf,
            "last_leaf": self.window.last_leaf,
            "readings": self.count,
            "first_time_ns": str(self.window.first_time_ns),
            "last_time_ns": str(self.window.last_time_ns),
            "tree_size": self.window.tree_size,
            "root": f"0x{self.window.root.hex()}",
            "coverage": self.coverage.value,
            "rebuilt_from_readings": self.rebuilt,
            "anchor": anchor
            and {
                "size": anchor.size,
                "root": f"0x{anchor.root.hex()}",
                "tx_hash": f"0x{anchor.anchored.tx_hash.hex()}",
                "block_number": anchor.anchored.block_number,
                "block_time": anchor.anchored.block_time,
            },
        }


def window_facts(
    window: ReadingWindow, snapshot: Snapshot, readings: ReadingsSource | None, plot_tags: tuple[str, ...], now: int
) -> WindowFacts:
    """Holds the window that a document names against the anchors on the chain, and draws it where readings are here."""
    organisation = snapshot.organisation_of_gln(window.organisation)
    channel = snapshot.channel_by_name(organisation.id, window.channel) if organisation else None
    owner = party_of(organisation.id, organisation, now) if organisation else None
    if channel is None:
        return WindowFacts(window, owner, Coverage.UNKNOWN_CHANNEL, None)
    anchor = snapshot.anchor_covering(channel.id, window.tree_size - 1)
    if anchor is None:
        covering = snapshot.anchor_covering(channel.id, window.last_leaf)
        return WindowFacts(window, owner, Coverage.NOT_YET if covering is None else Coverage.ANCHORED, covering)
    if anchor.size == window.tree_size and anchor.root != window.root:
        return WindowFacts(window, owner, Coverage.CONTRADICTED, anchor)
    rebuilt, plots = _drawn(window, readings, plot_tags) if readings is not None else (None, ())
    return WindowFacts(window, owner, Coverage.ANCHORED, anchor, rebuilt, plots)


def _drawn(
    window: ReadingWindow, readings: ReadingsSource, plot_tags: tuple[str, ...]
) -> tuple[bool | None, tuple[Plot, ...]]:
    """Whether the stored readings give the window's root, and their plots. A page does without them where they fail."""
    try:
        if readings.size(window.channel) < window.tree_size:
            return None, ()
        rebuilt = _rebuilds(window, readings.entries)
        return rebuilt, () if rebuilt is False else plots_of(_decoded(window, readings), plot_tags)
    except (Unavailable, IntegrityError, InvalidInput) as error:
        log.warning("readings of %s cannot be shown: %s", window.channel, error)
        return None, ()


def _decoded(window: ReadingWindow, readings: ReadingsSource) -> list[Reading]:
    stop = min(window.last_leaf + 1, window.first_leaf + MAX_PLOTTED)
    return list(readings.entries(window.channel, window.first_leaf, stop))


@lru_cache(maxsize=256)
def _rebuilds(window: ReadingWindow, entries: Callable[[str, int, int], Iterable[Reading]]) -> bool | None:
    """Whether the stored readings give the window's root; None where there are too many to try on a page."""
    if window.tree_size > MAX_REBUILT:
        return None
    leaves = [leaf_hash(encode_reading(reading)) for reading in entries(window.channel, 0, window.tree_size)]
    return root(leaves) == window.root
