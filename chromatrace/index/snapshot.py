"""A consistent view of the index: the only way to query it."""

from __future__ import annotations

from contextlib import AbstractContextManager

from chromatrace.index.digest import digest_of
from chromatrace.index.queries.channels import ChannelQueries
from chromatrace.index.queries.consensus import ConsensusQueries
from chromatrace.index.queries.find import FindQueries
from chromatrace.index.queries.orders import OrderQueries
from chromatrace.index.queries.parties import PartyQueries
from chromatrace.index.queries.relations import RelationQueries
from chromatrace.index.queries.routes import RouteQueries
from chromatrace.index.queries.selection import SelectionQueries
from chromatrace.index.queries.trace import TraceQueries
from chromatrace.storage.sql_time_limit import time_limit


class Snapshot(
    TraceQueries,
    FindQueries,
    OrderQueries,
    RouteQueries,
    ConsensusQueries,
    ChannelQueries,
    PartyQueries,
    RelationQueries,
    SelectionQueries,
):
    """The index as of one block, for the duration of one read transaction. Open one with `Index.snapshot`.

    Every query raises `IndexUnavailableError` if the database fails.
    """

    def time_limit(self, seconds: float) -> AbstractContextManager[None]:
        """Limit the time of the statements in a block, see `chromatrace.storage.sql_time_limit`."""
        return time_limit(self._connection, seconds)

    def digest(self) -> bytes:
        """Return the content digest, see `digest.digest_of`."""
        return digest_of(self._connection)
