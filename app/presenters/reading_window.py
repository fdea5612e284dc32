"""The machine readings behind an inspection: their position in a log and the transaction that anchored them."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from typing import Protocol

from app.presenters.organisations import OrganisationSummary, organisation_summary
from app.presenters.plots import LinePlot, line_plots
from chromatrace.documents.content import ReadingWindow
from chromatrace.domain.errors import IntegrityError, InvalidInput, Unavailable
from chromatrace.domain.reading import Reading
from chromatrace.index import Snapshot
from chromatrace.index.views import AnchorView
from chromatrace.merkle.proofs import leaf_hash, root

log = logging.getLogger(__name__)

MAX_RECOMPUTED = 200_000
"""Largest tree whose root is recomputed from the stored readings for a page."""

MAX_PLOTTED = 20_000


class ReadingsSource(Protocol):
    """A store of readings, such as `chromatrace.ingest.spool.Spool`."""

    def size(self, channel: str) -> int:
        """Return the number of readings stored for the channel."""

    def entries(self, channel: str, start: int, stop: int) -> Iterable[Reading]:
        """Return the readings of leaves `start` to `stop - 1`."""

    def log_entries(self, channel: str, start: int, stop: int) -> Iterable[bytes]:
        """Return the log entries of the same leaves."""


class AnchorCoverage(StrEnum):
    """Result of checking a window against the anchors on the chain."""

    ANCHORED = "anchored"
    NOT_ANCHORED = "not-anchored"
    MISMATCHED = "mismatched"
    UNKNOWN_CHANNEL = "unknown-channel"


_MESSAGES = {
    AnchorCoverage.ANCHORED: "A fingerprint of these readings is recorded on the chain, so any later change would be "
    "detected.",
    AnchorCoverage.NOT_ANCHORED: "These readings are not yet anchored on the chain.",
    AnchorCoverage.MISMATCHED: "The document and the chain record different fingerprints for these readings. "
    "The readings do not support this inspection.",
    AnchorCoverage.UNKNOWN_CHANNEL: "The chain has no such log channel, so these readings are not anchored.",
}


@dataclass(frozen=True, slots=True)
class ReadingWindowPresenter:
    """One window of readings.

    `recomputed`: whether the root recomputed from the stored readings matches; None if it was not recomputed.
    """

    window: ReadingWindow
    owner: OrganisationSummary | None
    coverage: AnchorCoverage
    anchor: AnchorView | None
    recomputed: bool | None = None
    plots: tuple[LinePlot, ...] = ()

    @property
    def count(self) -> int:
        """The number of readings in the window."""
        return self.window.last_leaf - self.window.first_leaf + 1

    @property
    def mismatched(self) -> bool:
        """Whether the document or the stored readings differ from the chain."""
        return self.coverage is AnchorCoverage.MISMATCHED or self.recomputed is False

    @property
    def message(self) -> str:
        """The result in plain language."""
        return _MESSAGES[self.coverage]

    def as_dict(self) -> dict[str, object]:
        """Return the members that the JSON API publishes."""
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
            "rebuilt_from_readings": self.recomputed,
            "anchor": anchor
            and {
                "size": anchor.size,
                "root": f"0x{anchor.root.hex()}",
                "tx_hash": f"0x{anchor.anchored.tx_hash.hex()}",
                "block_number": anchor.anchored.block_number,
                "block_time": anchor.anchored.block_time,
            },
        }


def present_window(
    window: ReadingWindow, snapshot: Snapshot, readings: ReadingsSource | None, plot_tags: tuple[str, ...], now: int
) -> ReadingWindowPresenter:
    """Check the window that a document names against the anchors on the chain, and plot its readings if stored here."""
    organisation = snapshot.organisation_of_gln(window.organisation)
    channel = snapshot.channel_by_name(organisation.id, window.channel) if organisation else None
    owner = organisation_summary(organisation.id, organisation, now) if organisation else None
    if channel is None:
        return ReadingWindowPresenter(window, owner, AnchorCoverage.UNKNOWN_CHANNEL, None)
    current = snapshot.succession(channel.id)[0]
    anchor = snapshot.anchor_at(channel.id, window.tree_size, window.root)
    anchor = anchor or snapshot.anchor_covering(current.id, window.tree_size - 1)
    if anchor is None:
        covering = snapshot.anchor_covering(current.id, window.last_leaf)
        coverage = AnchorCoverage.NOT_ANCHORED if covering is None else AnchorCoverage.ANCHORED
        return ReadingWindowPresenter(window, owner, coverage, covering)
    if anchor.size == window.tree_size and anchor.root != window.root:
        return ReadingWindowPresenter(window, owner, AnchorCoverage.MISMATCHED, anchor)
    recomputed, plots = _recompute(window, readings, plot_tags) if readings is not None else (None, ())
    return ReadingWindowPresenter(window, owner, AnchorCoverage.ANCHORED, anchor, recomputed, plots)


def _recompute(
    window: ReadingWindow, readings: ReadingsSource, plot_tags: tuple[str, ...]
) -> tuple[bool | None, tuple[LinePlot, ...]]:
    """Return whether the stored readings have the window's root, and their plots. A read error omits both."""
    try:
        if readings.size(window.channel) < window.tree_size:
            return None, ()
        matches = _root_matches(window, readings.log_entries)
        return matches, () if matches is False else line_plots(_plotted(window, readings), plot_tags)
    except (Unavailable, IntegrityError, InvalidInput) as error:
        log.warning("cannot show the readings of channel %s: %s", window.channel, error)
        return None, ()


def _plotted(window: ReadingWindow, readings: ReadingsSource) -> list[Reading]:
    stop = min(window.last_leaf + 1, window.first_leaf + MAX_PLOTTED)
    return list(readings.entries(window.channel, window.first_leaf, stop))


@lru_cache(maxsize=256)
def _root_matches(window: ReadingWindow, log_entries: Callable[[str, int, int], Iterable[bytes]]) -> bool | None:
    """Recompute the window's root and compare it; None if the tree exceeds `MAX_RECOMPUTED`."""
    if window.tree_size > MAX_RECOMPUTED:
        return None
    leaves = [leaf_hash(entry) for entry in log_entries(window.channel, 0, window.tree_size)]
    return root(leaves) == window.root
