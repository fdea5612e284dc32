"""Roles, scopes and states, numbered as in the contracts; a test compares the two."""

from __future__ import annotations

from enum import IntEnum, IntFlag

FOREVER = (1 << 64) - 1
"""Unix seconds of a validity without end."""


class Role(IntFlag):
    """Rights of an operator (`Roles` in `contracts/libraries/Rights.sol`)."""

    ADMIN = 1 << 0
    PRODUCER = 1 << 1
    GATEWAY = 1 << 2
    INSPECTOR = 1 << 3
    LOGISTICS = 1 << 4
    FRANCHISEE = 1 << 5
    SUPERVISOR = 1 << 6


class Scope(IntFlag):
    """Read rights on the products of another organisation (`Scopes` in the same file)."""

    PRODUCT = 1 << 0
    LOGISTICS = 1 << 1
    QUALITY = 1 << 2
    PROCESS = 1 << 3
    DOCUMENTS = 1 << 4


ALL_SCOPES = Scope(sum(Scope))
"""Everything about a product line."""

_EVENT_SCOPES = {
    "BatchRegistered": Scope.PRODUCT,
    "BatchAssembled": Scope.PRODUCT,
    "BatchReleased": Scope.PRODUCT,
    "BatchGraded": Scope.QUALITY,
    "BatchRecycled": Scope.QUALITY,
    "InspectionRecorded": Scope.QUALITY,
    "VerdictApplied": Scope.QUALITY,
    "CustodyOffered": Scope.LOGISTICS,
    "CustodyAccepted": Scope.LOGISTICS,
    "CustodyTransferred": Scope.LOGISTICS,
    "CustodyRejected": Scope.LOGISTICS,
    "CustodyOfferWithdrawn": Scope.LOGISTICS,
    "RouteProven": Scope.PROCESS,
    "RouteRecordedUnverified": Scope.PROCESS,
    "AssemblyProven": Scope.PROCESS,
    "LogAnchored": Scope.PROCESS,
    "BatchHeld": Scope(0),
    "BatchHoldReleased": Scope(0),
    "BatchRecalled": Scope(0),
    "SupplierNoticeGiven": Scope(0),
    "RecallSkipped": Scope(0),
    "RegistrationSkipped": Scope.PRODUCT,
    "CustodyReturnOrdered": Scope.LOGISTICS,
}


def scope_of_event(name: str) -> Scope:
    """Return the scope of a chain event about a batch; none for holds and recalls, which warn everyone of a danger."""
    return _EVENT_SCOPES.get(name, Scope.PRODUCT)


class OrganisationKind(IntEnum):
    """`IConsortium.OrganisationKind`."""

    NONE = 0
    MANUFACTURER = 1
    SUPPLIER = 2
    LABORATORY = 3
    CARRIER = 4
    FRANCHISEE = 5
    AUTHORITY = 6


class BatchState(IntEnum):
    """`IBatchRegistry.BatchState`."""

    UNKNOWN = 0
    REGISTERED = 1
    FIRST_PASSED = 2
    STOPPED = 3
    RECYCLED = 4
    ASSEMBLED = 5
    GRADED = 6
    SCRAPPED = 7
    RELEASED = 8


class HoldKind(IntEnum):
    """`IBatchRegistry.HoldKind`: the origin of a hold. The kinds are independent."""

    PRODUCER = 0
    FIRST_INSPECTION = 1
    FINAL_INSPECTION = 2
    SUPPLIER_NOTICE = 3
    AUTHORITY = 4


def holds_of(mask: int) -> frozenset[HoldKind]:
    """Return the kinds of holds in a mask of `IBatchRegistry.Batch.holds`."""
    return frozenset(kind for kind in HoldKind if mask >> kind & 1)


class SalesChannel(IntEnum):
    """`IBatchRegistry.SalesChannel`."""

    STANDARD = 0
    DEFECTIVE = 1


class Stage(IntEnum):
    """The two inspections of a batch."""

    FIRST = 0
    FINAL = 1


ALL_STAGES = frozenset(Stage)
"""Both inspections."""


def stages_of(mask: int) -> frozenset[Stage]:
    """Return the stages in a mask of `IAccreditations.Accreditation.stages`."""
    return frozenset(stage for stage in Stage if mask >> stage & 1)


class Verdict(IntEnum):
    """Result of an inspection."""

    NONE = 0
    PASS = 1
    FAIL = 2


class RouteKind(IntEnum):
    """`IRouteVerifier.RouteKind`, without its zero: a route is of one of the two."""

    PROCESSING = 1
    ASSEMBLY = 2


class RoundPhase(IntEnum):
    """`IQualityConsensus.Phase`."""

    NONE = 0
    REQUESTED = 1
    SEATED = 2
    DECIDED = 3
    LAPSED = 4


class SeatStatus(IntEnum):
    """`IQualityConsensus.SeatStatus`."""

    DRAWN = 0
    COMMITTED = 1
    STALLED = 2
    REVEALED = 3
