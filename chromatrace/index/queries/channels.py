"""Queries about log channels and their anchors."""

from __future__ import annotations

from sqlalchemy import or_, select

from chromatrace.domain.addresses import checksummed
from chromatrace.index.models import AnchorRow, ChannelRow
from chromatrace.index.queries.base import Queries, Statement, first
from chromatrace.index.views import AnchorView, ChannelView


class ChannelQueries(Queries):
    """Queries about log channels."""

    def channel(self, channel_id: bytes) -> ChannelView | None:
        """Return a channel by its identifier on the chain (32 bytes)."""
        return first(self._channels(select(ChannelRow).where(ChannelRow.id == channel_id)))

    def channel_by_name(self, organisation: int, name: str) -> ChannelView | None:
        """Return a channel by its organisation and name."""
        statement = select(ChannelRow).where(ChannelRow.organisation == organisation, ChannelRow.name == name)
        return first(self._channels(statement))

    def succession(self, channel_id: bytes) -> tuple[ChannelView, ...]:
        """Return a channel and its successors, newest first; nothing if there is no such channel."""
        channels: list[ChannelView] = []
        found = self.channel(channel_id)
        while found is not None:
            channels.insert(0, found)
            found = first(self._channels(select(ChannelRow).where(ChannelRow.predecessor == found.id)))
        return tuple(channels)

    def channels_of(self, organisation: int) -> tuple[ChannelView, ...]:
        """Return the channels of an organisation, in the order they were opened."""
        statement = select(ChannelRow).where(ChannelRow.organisation == organisation).order_by(ChannelRow.position)
        return self._channels(statement)

    def anchors(self, channel_id: bytes, *, limit: int | None = None) -> tuple[AnchorView, ...]:
        """Return the anchors of a channel, oldest first; with `limit`, the newest ones only."""
        statement = select(AnchorRow).where(AnchorRow.channel == channel_id)
        if limit is None:
            return self._anchors(statement.order_by(AnchorRow.position))
        return self._anchors(statement.order_by(AnchorRow.position.desc()).limit(limit))[::-1]

    def anchor_covering(self, channel_id: bytes, leaf_index: int) -> AnchorView | None:
        """Return the first anchor whose log contains the leaf (counted from 0), or None."""
        if leaf_index < 0:
            return None
        # Sizes from 2**63 on are stored as negative numbers; they cover every leaf that a log can have.
        covers = or_(AnchorRow.size > leaf_index, AnchorRow.size < 0)
        statement = select(AnchorRow).where(AnchorRow.channel == channel_id, covers)
        return first(self._anchors(statement.order_by(AnchorRow.position).limit(1)))

    def anchor_at(self, channel_id: bytes, size: int, root: bytes | None = None) -> AnchorView | None:
        """Return the anchor of exactly `size` entries, and `root` if given, in a channel or its newest successor."""
        for channel in self.succession(channel_id):
            anchor = self.anchor_covering(channel.id, size - 1)
            if anchor is not None and anchor.size == size and root in (None, anchor.root):
                return anchor
        return None

    def _channels(self, statement: Statement) -> tuple[ChannelView, ...]:
        rows, refs = self._rows_with_refs(statement, "position", "anchored")
        return tuple(
            ChannelView(
                id=row.id,
                organisation=row.organisation,
                name=row.name,
                predecessor=row.predecessor,
                size=row.size,
                root=row.root,
                opened=refs[row.position],
                anchored=None if row.anchored is None else refs[row.anchored],
            )
            for row in rows
        )

    def _anchors(self, statement: Statement) -> tuple[AnchorView, ...]:
        rows, refs = self._rows_with_refs(statement, "position")
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
            for row in rows
        )
