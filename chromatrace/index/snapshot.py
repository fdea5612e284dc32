"""A consistent view of the index: the only way to query it."""

from __future__ import annotations

from chromatrace.index.digest import digest_of
from chromatrace.index.queries.channels import ChannelQueries
from chromatrace.index.queries.consensus import ConsensusQueries
from chromatrace.index.queries.events import EventQueries
from chromatrace.index.queries.find import FindQueries
from chromatrace.index.queries.orders import OrderQueries
from chromatrace.index.queries.parties import PartyQueries
from chromatrace.index.queries.routes import RouteQueries
from chromatrace.index.queries.trace import TraceQueries


class Snapshot(
    TraceQueries,
    FindQueries,
    OrderQueries,
    RouteQueries,
    ConsensusQueries,
    ChannelQueries,
    PartyQueries,
    EventQueries,
):
    """The index as of one block, for the duration of one read transaction. Open one with `Index.snapshot`.

    Every query raises `IndexUnavailableError` if the database fails.
    """

    def digest(self) -> bytes:
        """Return the content digest, see `digest.digest_of`."""
        return digest_of(self._connection)
