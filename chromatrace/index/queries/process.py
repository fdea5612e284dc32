"""Channels of process data and their anchors."""

from __future__ import annotations

from sqlalchemy import or_, select

from chromatrace.domain.addresses import checksummed
from chromatrace.index.models import Anchor, Channel
from chromatrace.index.queries.base import Queries, Statement, first
from chromatrace.index.views import AnchorView, ChannelView


class ProcessQueries(Queries):
    """Questions about Merkle logs."""

    def channel(self, channel_id: bytes) -> ChannelView | None:
        """By its identifier on the chain (32 bytes)."""
        return first(self._channels(select(Channel).where(Channel.id == channel_id)))

    def channel_by_name(self, organisation: int, name: str) -> ChannelView | None:
        """By its organisation and name."""
        return first(self._channels(select(Channel).where(Channel.organisation == organisation, Channel.name == name)))

    def channels_of(self, organisation: int) -> tuple[ChannelView, ...]:
        """An organisation's channels, in the order they were opened."""
        chosen = select(Channel).where(Channel.organisation == organisation).order_by(Channel.position)
        return self._channels(chosen)

    def anchors(self, channel_id: bytes, *, limit: int | None = None) -> tuple[AnchorView, ...]:
        """The channel's anchors, oldest first; with `limit` the newest so many, still oldest first."""
        chosen = select(Anchor).where(Anchor.channel == channel_id)
        if limit is None:
            return self._anchors(chosen.order_by(Anchor.position))
        return self._anchors(chosen.order_by(Anchor.position.desc()).limit(limit))[::-1]

    def anchor_covering(self, channel_id: bytes, leaf_index: int) -> AnchorView | None:
        """The first anchor whose log has the leaf (counted from 0); None where none has it yet."""
        if leaf_index < 0:
            return None
        # Sizes from 2**63 on are stored as negative numbers: they cover every leaf that a log can have.
        covers = or_(Anchor.size > leaf_index, Anchor.size < 0)
        chosen = select(Anchor).where(Anchor.channel == channel_id, covers).order_by(Anchor.position).limit(1)
        return first(self._anchors(chosen))

    def _channels(self, chosen: Statement) -> tuple[ChannelView, ...]:
        found, refs = self._rows_with_refs(chosen, "position", "anchored")
        return tuple(
            ChannelView(
                id=row.id,
                organisation=row.organisation,
                name=row.name,
                size=row.size,
                root=row.root,
                opened=refs[row.position],
                anchored=None if row.anchored is None else refs[row.anchored],
            )
            for row in found
        )

    def _anchors(self, chosen: Statement) -> tuple[AnchorView, ...]:
        found, refs = self._rows_with_refs(chosen, "position")
        return tuple(
            AnchorView(
                channel_id=row.channel,
                size=row.size,
                previous_size=row.previous_size,
                root=row.root,
                first_time_ns=row.first_time_ns,
                last_time_ns=row.last_time_ns,
                by=checksummed(row.by),
                anchored=refs[row.position],
            )
            for row in found
        )
