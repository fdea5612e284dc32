"""Results of index queries: frozen records with references to the events behind them.

Addresses are EIP-55 strings; digests and identifiers are bytes; times are Unix seconds unless the name ends in `_ns`.
Organisations are their numbers on the chain, from 1. `None` stands for the chain's zero.
"""

from __future__ import annotations

from chromatrace.index.views.batches import BatchView, HoldView, InspectionView, OfferState, OfferView
from chromatrace.index.views.chain import EventRef, EventView, HeadView, SyncProgress, TransactionView
from chromatrace.index.views.consensus import InspectorView, PanelView, RoundView, SeatView
from chromatrace.index.views.orders import OrderStatus, ProductStatus, StepStatus
from chromatrace.index.views.parties import (
    AccreditationView,
    AnchorView,
    ChannelView,
    GrantView,
    LicenceView,
    OperatorView,
    OrganisationView,
    Reader,
)
from chromatrace.index.views.records import DepartmentView, RecordView
from chromatrace.index.views.routes import ComponentView, RouteProofState, RouteProofView, RouteStepView, RouteView
from chromatrace.index.views.search import KeyMatches
from chromatrace.index.views.trace import Direction, Link, TraceStep, TraceView

__all__ = [
    "AccreditationView",
    "AnchorView",
    "BatchView",
    "ChannelView",
    "ComponentView",
    "DepartmentView",
    "Direction",
    "EventRef",
    "EventView",
    "GrantView",
    "HeadView",
    "HoldView",
    "InspectionView",
    "InspectorView",
    "KeyMatches",
    "LicenceView",
    "Link",
    "OfferState",
    "OfferView",
    "OperatorView",
    "OrderStatus",
    "OrganisationView",
    "PanelView",
    "ProductStatus",
    "Reader",
    "RecordView",
    "RoundView",
    "RouteProofState",
    "RouteProofView",
    "RouteStepView",
    "RouteView",
    "SeatView",
    "StepStatus",
    "SyncProgress",
    "TraceStep",
    "TraceView",
    "TransactionView",
]
