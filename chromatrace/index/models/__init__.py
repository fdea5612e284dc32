"""SQL tables: *chain tables* are determined by the chain, and a rebuild recreates them exactly; *follower tables*
record how far the follower is.

An event's `position` is `block_number * 2**20 + log_index`, a transaction's `block_number * 2**20 + transaction_index`:
one integer that orders, joins and deletes by range. (A block with 2**20 logs would need 7.8e9 gas.) In tables of
entities, `position` is the event that created the row, `changed` the last event that changed it.

The chain's `uint64` values are stored in two's complement (`Unsigned64`), because no integer type wider than 64 bits
exists in every database; values below 2**63 are stored unchanged.
"""

from __future__ import annotations

from chromatrace.index.models.base import (
    POSITION_BITS,
    ChainTable,
    FollowerTable,
    IndexTable,
    Unsigned64,
    block_of,
    first_position,
    position,
    table_of,
    to_signed,
    to_unsigned,
)
from chromatrace.index.models.batches import BatchInputRow, BatchRow, InspectionRow, NoticeRow, OfferRow
from chromatrace.index.models.chain import BlockRow, CursorRow, DeploymentRow, EventRow, RecentBlockRow, TransactionRow
from chromatrace.index.models.consensus import PanelRow, RoundRow
from chromatrace.index.models.parties import (
    AccreditationRow,
    AnchorRow,
    ChannelRow,
    GrantRow,
    LicenceRow,
    OperatorRow,
    OrganisationRow,
)
from chromatrace.index.models.records import DepartmentRow, RecordBatchRow, RecordRow
from chromatrace.index.models.routes import RouteComponentRow, RouteProofRow, RouteRow, RouteStepRow, StationKeyRow

__all__ = [
    "POSITION_BITS",
    "AccreditationRow",
    "AnchorRow",
    "BatchInputRow",
    "BatchRow",
    "BlockRow",
    "ChainTable",
    "ChannelRow",
    "CursorRow",
    "DepartmentRow",
    "DeploymentRow",
    "EventRow",
    "FollowerTable",
    "GrantRow",
    "IndexTable",
    "InspectionRow",
    "LicenceRow",
    "NoticeRow",
    "OfferRow",
    "OperatorRow",
    "OrganisationRow",
    "PanelRow",
    "RecentBlockRow",
    "RecordBatchRow",
    "RecordRow",
    "RoundRow",
    "RouteComponentRow",
    "RouteProofRow",
    "RouteRow",
    "RouteStepRow",
    "StationKeyRow",
    "TransactionRow",
    "Unsigned64",
    "block_of",
    "first_position",
    "position",
    "table_of",
    "to_signed",
    "to_unsigned",
]
