"""The tables. What the chain says lies in *content* tables, which a rebuild must make again exactly; how far the
follower is lies in *bookkeeping* tables.

Positions: an event's `position` is `block_number * 2**20 + log_index`, a transaction's `block_number * 2**20 +
index in the block`: one integer that orders, joins and is undone by a range. (A block would need 7.8e9 gas for 2**20
logs.) `uint64` values of the chain are stored in two's complement (`Unsigned64`), since SQL has no wider integer
on every database; every value below 2**63 reads as itself. In the tables of what the events amount to, `position` is
the event that made the row, `changed` the last one that touched it.
"""

from __future__ import annotations

from chromatrace.index.models.base import (
    POSITION_BITS,
    Base,
    Bookkeeping,
    Content,
    Unsigned64,
    block_of,
    first_position,
    position,
    to_signed,
    to_unsigned,
)
from chromatrace.index.models.batches import Batch, BatchInput, Inspection, Offer, Policy
from chromatrace.index.models.chain import Block, Cursor, Deployment, Event, RecentBlock, Transaction
from chromatrace.index.models.consensus import ConsensusPanel, ConsensusRound
from chromatrace.index.models.parties import Anchor, Channel, Grant, Operator, Organisation
from chromatrace.index.models.records import Department, DepartmentMember, Record, RecordBatch
from chromatrace.index.models.routes import Route, RouteComponent, RouteProof, RouteStep, StationKey

__all__ = [
    "POSITION_BITS",
    "Anchor",
    "Base",
    "Batch",
    "BatchInput",
    "Block",
    "Bookkeeping",
    "Channel",
    "ConsensusPanel",
    "ConsensusRound",
    "Content",
    "Cursor",
    "Department",
    "DepartmentMember",
    "Deployment",
    "Event",
    "Grant",
    "Inspection",
    "Offer",
    "Operator",
    "Organisation",
    "Policy",
    "RecentBlock",
    "Record",
    "RecordBatch",
    "Route",
    "RouteComponent",
    "RouteProof",
    "RouteStep",
    "StationKey",
    "Transaction",
    "Unsigned64",
    "block_of",
    "first_position",
    "position",
    "to_signed",
    "to_unsigned",
]
