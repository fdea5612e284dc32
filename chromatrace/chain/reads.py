"""The contracts' views as typed reads: `chain.read(reads.batch(batch_id)).state`.

Each function returns a `Read[T]`; `Chain.read` returns its `T`, `Chain.read_many` a list of them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from chromatrace.domain.identifiers import (
    BatchId,
    ChannelId,
    DepartmentId,
    Gln,
    Gtin,
    LaneId,
    OrganisationId,
    RouteId,
    StationKeyId,
)
from chromatrace.domain.rights import BatchState, OrganisationKind, Role, RoundPhase, Scope, SeatStatus, Stage, Verdict
from chromatrace.domain.stored_batch import StoredBatch
from chromatrace.ethereum import abi

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Read(Generic[T]):
    """A call of a view function. `result` makes a `T` of the decoded values."""

    contract: str
    function: str
    args: tuple[object, ...]
    result: Callable[..., T]

    def encode(self) -> bytes:
        """Return the call data."""
        return abi.contract(self.contract).encode_call(self.function, *self.args)

    def decode(self, data: bytes) -> T:
        """Return the result. Raises `AbiError` if the data is malformed."""
        return self.result(*abi.contract(self.contract).function(self.function).outputs.decode(data))


# Consortium


@dataclass(frozen=True, slots=True)
class OrganisationState:
    """`IConsortium.Organisation`. `valid_until` in Unix seconds; `gln` as a number."""

    kind: OrganisationKind
    active: bool
    permitted_roles: Role
    valid_until: int
    gln: int


@dataclass(frozen=True, slots=True)
class OperatorState:
    """`IConsortium.Operator`. Organisation 0 if the address was never appointed; `valid_until` in Unix seconds.

    appointment  number of times that the address was appointed while it was no operator
    """

    organisation: OrganisationId
    active: bool
    roles: Role
    valid_until: int
    appointment: int


def organisation_count() -> Read[int]:
    """Return the number of organisations; their ids are 1 to this number."""
    return Read("Consortium", "organisationCount", (), int)


def organisation(organisation: OrganisationId) -> Read[OrganisationState]:
    """Return an organisation's state."""

    def result(struct: Any) -> OrganisationState:
        kind, active, permitted_roles, valid_until, gln = struct
        return OrganisationState(OrganisationKind(kind), active, Role(permitted_roles), valid_until, gln)

    return Read("Consortium", "organisation", (organisation,), result)


def organisation_of_gln(gln: Gln) -> Read[OrganisationId]:
    """Return the id of the organisation with this GLN; 0 if there is none."""
    return Read("Consortium", "organisationOfGln", (int(gln),), OrganisationId)


def operator(account: str) -> Read[OperatorState]:
    """Return an operator's state."""

    def result(struct: Any) -> OperatorState:
        organisation, active, roles, valid_until, appointment = struct
        return OperatorState(OrganisationId(organisation), active, Role(roles), valid_until, appointment)

    return Read("Consortium", "operator", (account,), result)


def authorise(account: str, roles: Role) -> Read[OrganisationId]:
    """Return the organisation for which the account may act in one of the roles. Reverts if there is none."""
    return Read("Consortium", "authorise", (account, roles), OrganisationId)


def licensee_of(gtin: Gtin) -> Read[OrganisationId]:
    """Return the organisation to which the prefix of a GTIN is licensed; 0 if there is none."""
    return Read("Consortium", "licenseeOf", (int(gtin),), OrganisationId)


def may_read(account: str, owner: OrganisationId, gtin: Gtin, scopes: Scope) -> Read[bool]:
    """Return whether the account may read all these scopes of the owner's product."""
    return Read("Consortium", "mayRead", (account, owner, int(gtin), scopes), bool)


def has_role(role: bytes, account: str) -> Read[bool]:
    """Return whether an account has a role of OpenZeppelin's access control."""
    return Read("Consortium", "hasRole", (role, account), bool)


def default_admin() -> Read[str]:
    """Return the default administrator; zero while there is none."""
    return Read("Consortium", "defaultAdmin", (), str)


# BatchRegistry


def batch(batch: BatchId) -> Read[StoredBatch]:
    """Return a batch; its state is `UNKNOWN` if it is not registered."""

    def result(struct: Any) -> StoredBatch:
        state, holds, recalled, channels, first, final, *rest = struct
        return StoredBatch(BatchState(state), holds, recalled, channels, Verdict(first), Verdict(final), *rest)

    return Read("BatchRegistry", "batch", (batch,), result)


def units_used(batch: BatchId) -> Read[int]:
    """Return how many units of a batch other batches are made of."""
    return Read("BatchRegistry", "unitsUsedOf", (batch,), int)


# InspectionLedger


def is_accredited(body: OrganisationId, producer: OrganisationId, gtin: Gtin, stage: Stage) -> Read[bool]:
    """Return whether verdicts of another organisation than the producer count in a stage now."""
    return Read("InspectionLedger", "isAccredited", (body, producer, int(gtin), stage), bool)


def inspection_nonce(inspector: str, lane: int) -> Read[int]:
    """Return the next nonce of an inspector in a lane of 192 bits (ERC-4337 keyed nonces)."""
    return Read("InspectionLedger", "nonces(address,uint192)", (inspector, lane), int)


# ProcessLedger


@dataclass(frozen=True, slots=True)
class ChannelState:
    """`IProcessLedger.Channel`. Organisation 0 if the channel is not open; `anchored_at` in Unix seconds.

    closed  whether the channel has a successor
    """

    organisation: OrganisationId
    size: int
    anchored_at: int
    closed: bool
    root: bytes


@dataclass(frozen=True, slots=True)
class DepartmentState:
    """`IDepartmentRecords.Department`. Organisation 0 if the department is not open."""

    organisation: OrganisationId
    count: int
    head: bytes


def channel_id(organisation: OrganisationId, name: str) -> Read[ChannelId]:
    """Return the id of an organisation's channel, open or not."""
    return Read("ProcessLedger", "channelIdOf", (organisation, name), ChannelId)


def channel(channel: ChannelId) -> Read[ChannelState]:
    """Return a channel's state."""
    return Read("ProcessLedger", "channel", (channel,), lambda struct: ChannelState(*struct))


def successor_of(channel: ChannelId) -> Read[ChannelId]:
    """Return the successor of a channel; zeros if it has none."""
    return Read("ProcessLedger", "successorOf", (channel,), ChannelId)


def department_id(organisation: OrganisationId, name: str) -> Read[DepartmentId]:
    """Return the id of an organisation's department, open or not."""
    return Read("ProcessLedger", "departmentIdOf", (organisation, name), DepartmentId)


def department(department: DepartmentId) -> Read[DepartmentState]:
    """Return a department's state."""
    return Read("ProcessLedger", "department", (department,), lambda struct: DepartmentState(*struct))


def may_read_department(department: DepartmentId, account: str) -> Read[bool]:
    """Return whether the account may read a department's records."""
    return Read("ProcessLedger", "mayReadDepartment", (department, account), bool)


# RouteVerifier


@dataclass(frozen=True, slots=True)
class RouteHeader:
    """`IRouteVerifier.Route`. `kind` is a `RouteKind`, or 0 with no steps if the route is not designed."""

    owner: OrganisationId
    kind: int
    requires_proof: bool
    steps: int
    version: int


@dataclass(frozen=True, slots=True)
class StationKeyState:
    """`IRouteVerifier.StationKey`. Owner 0 if the key is not registered; `revoked_from` 0 if it is not revoked."""

    owner: OrganisationId
    revoked_from: int


def route(route: RouteId) -> Read[RouteHeader]:
    """Return a route's header."""
    return Read("RouteVerifier", "route", (route,), lambda struct: RouteHeader(*struct))


def station_key(key: StationKeyId) -> Read[StationKeyState]:
    """Return a station key's state."""
    return Read("RouteVerifier", "stationKey", (key,), lambda struct: StationKeyState(*struct))


def station_key_is_unverified(key: StationKeyId) -> Read[bool]:
    """Return whether a station key was recorded without being verified."""
    return Read("RouteVerifier", "isUnverified", (key,), bool)


def route_is_proven(route: RouteId, subject: bytes) -> Read[bool]:
    """Return whether a subject's route is proven."""
    return Read("RouteVerifier", "isProven", (route, subject), bool)


# QualityConsensus


@dataclass(frozen=True, slots=True)
class SeatState:
    """`IQualityConsensus.Seat`. `state` is an index into the rule's states."""

    inspector: int
    status: SeatStatus
    state: int


@dataclass(frozen=True, slots=True)
class RoundState:
    """The round in a lane. `deadline` in Unix seconds; `state` is an index into the rule's states.

    external_only  whether inspectors of the panel's organisation are excluded
    first          number of the inspector in the first seat; 0: drawn
    draw_block     number of the block whose hash seeds the draw
    """

    id: bytes
    phase: RoundPhase
    state: int
    recorder: int
    external_only: bool
    first: int
    draw_block: int
    deadline: int
    seats: tuple[SeatState, ...]


@dataclass(frozen=True, slots=True)
class InspectorState:
    """The state of an inspector in a panel. `own`: it belonged to the panel's organisation when it was enrolled.

    `capability` in 1/10,000.
    """

    capability: int
    inspections: int
    wins: int
    own: bool


@dataclass(frozen=True, slots=True)
class PanelState:
    """The present rule of a panel: version (0: none), minimum number of answers, seats that are drawn at once."""

    version: int
    minimum: int
    first_wave: int


def panel(panel: OrganisationId) -> Read[PanelState]:
    """Return the present rule of a panel."""

    def result(version: int, struct: Any) -> PanelState:
        _, minimum, _, first_wave, *_ = struct
        return PanelState(version, minimum, first_wave)

    return Read("QualityConsensus", "rule", (panel,), result)


def inspector_number(panel: OrganisationId, account: str) -> Read[int]:
    """Return the number of an account on a panel; 0 if it is not enrolled."""
    return Read("QualityConsensus", "numberOf", (panel, account), int)


def inspector(panel: OrganisationId, number: int) -> Read[InspectorState]:
    """Return an inspector's record on a panel."""

    def result(struct: Any) -> InspectorState:
        _, capability, inspections, wins, _, own, *_ = struct
        return InspectorState(capability, inspections, wins, own)

    return Read("QualityConsensus", "inspector", (panel, number), result)


def round_in(lane: LaneId) -> Read[RoundState]:
    """Return the current or last round in a lane."""

    def result(identity: bytes, current: Any, seats: Any) -> RoundState:
        phase, _, _, external_only, first, _, state, recorder, _, draw_block, deadline, _, _ = current
        return RoundState(
            identity,
            RoundPhase(phase),
            state,
            recorder,
            external_only,
            first,
            draw_block,
            deadline,
            tuple(SeatState(number, SeatStatus(status), answer) for number, status, answer in seats),
        )

    return Read("QualityConsensus", "round", (lane,), result)


def eligible_inspectors(panel: OrganisationId) -> Read[tuple[int, ...]]:
    """Return the numbers of the inspectors that can be drawn now."""

    def result(bits: int) -> tuple[int, ...]:
        return tuple(number for number in range(1, 256) if bits >> number & 1)

    return Read("QualityConsensus", "eligible", (panel,), result)
