"""What the index answers: frozen records, each naming the events that it was made of.

Addresses are EIP-55 text, digests and identifiers raw bytes, times Unix seconds unless the name says `_ns`.
Organisations are their numbers on the chain (from 1). `None` stands for the chain's zero.
"""

from __future__ import annotations

from chromatrace.index.views.batches import BatchView, InspectionView, OfferState, OfferView, PolicyView
from chromatrace.index.views.chain import EventRef, EventView, HeadView, SyncProgress, TransactionView
from chromatrace.index.views.consensus import InspectorView, PanelView, RoundView, SeatView
from chromatrace.index.views.parties import AnchorView, ChannelView, GrantView, OperatorView, OrganisationView
from chromatrace.index.views.records import DepartmentView, MemberView, RecordView
from chromatrace.index.views.routes import ComponentView, RouteProofState, RouteProofView, RouteStepView, RouteView

__all__ = [
    "AnchorView",
    "BatchView",
    "ChannelView",
    "ComponentView",
    "DepartmentView",
    "EventRef",
    "EventView",
    "GrantView",
    "HeadView",
    "InspectionView",
    "InspectorView",
    "MemberView",
    "OfferState",
    "OfferView",
    "OperatorView",
    "OrganisationView",
    "PanelView",
    "PolicyView",
    "RecordView",
    "RoundView",
    "RouteProofState",
    "RouteProofView",
    "RouteStepView",
    "RouteView",
    "SeatView",
    "SyncProgress",
    "TransactionView",
]
