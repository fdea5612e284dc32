"""The contracts' transactions as typed calls: `chain.submit(calls.assemble(batch))`.

Each function returns a `Call` for `Chain.submit` or `Chain.send_many`. Times are in Unix seconds unless a name ends in
`_ns`. The contracts' interfaces document who may send each call and how it can fail.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, NamedTuple

from chromatrace.domain.errors import InvalidInput
from chromatrace.domain.genealogy import Input
from chromatrace.domain.identifiers import (
    ZERO_BYTES32,
    BatchId,
    BatchKey,
    ChannelId,
    CompanyPrefix,
    DepartmentId,
    Gln,
    Gtin,
    LaneId,
    OrganisationId,
    RouteId,
    StationKeyId,
)
from chromatrace.domain.ledger_entries import DepartmentRight
from chromatrace.domain.rights import FOREVER, HoldKind, OrganisationKind, Role, RouteKind, SalesChannel, Scope, Stage
from chromatrace.ethereum import abi
from chromatrace.ethereum.errors import AbiError

if TYPE_CHECKING:
    from chromatrace.crypto.eip712 import Inspection
    from chromatrace.crypto.route.onchain import ProofStruct
    from chromatrace.crypto.sealed_answer import SealedAnswer
    from chromatrace.quality.rules import Rule


@dataclass(frozen=True, slots=True)
class Call:
    """A transaction to one of the contracts.

    key  idempotency key: calls with the same key take effect once
    gas  gas limit; None: estimated
    """

    contract: str
    function: str
    args: tuple[object, ...]
    key: str | None = None
    gas: int | None = None

    @property
    def label(self) -> str:
        """Contract and function, such as `BatchRegistry.register`."""
        return f"{self.contract}.{self.function}"

    def encode(self) -> bytes:
        """Return the call data. Raises `AbiError` that names the contract, function and argument."""
        try:
            return abi.contract(self.contract).encode_call(self.function, *self.args)
        except AbiError as error:
            field = f"{self.label}.{error.field}" if error.field else self.label
            raise AbiError(error.message, field=field) from error

    def with_key(self, key: str) -> Call:
        """Return the same call with an idempotency key."""
        return replace(self, key=key)

    def with_gas(self, gas: int) -> Call:
        """Return the same call with a gas limit."""
        return replace(self, gas=gas)


# BatchRegistry


@dataclass(frozen=True, slots=True)
class Registration:
    """A batch to register.

    quantity        units, at least 1
    content_digest  SHA-256 of the content document
    serial_root     root of the tree of unit serials; zeros if the units have none
    route           id of the designed route; zeros if there is none
    inputs          batches that this one is made of, and the units of each
    """

    batch: BatchKey
    quantity: int
    content_digest: bytes
    serial_root: bytes = ZERO_BYTES32
    route: bytes = ZERO_BYTES32
    inputs: tuple[Input, ...] = ()

    def __post_init__(self) -> None:
        if not 1 <= self.quantity < 1 << 32:
            raise InvalidInput(f"quantity is {self.quantity}; it must be 1 to 2^32 - 1", field="quantity")
        for name in ("content_digest", "serial_root", "route"):
            size = len(getattr(self, name))
            if size != 32:
                raise InvalidInput(f"expected 32 bytes, got {size}", field=name)

    def as_struct(self) -> tuple[object, ...]:
        """Return `IBatchRegistry.Registration`."""
        return (
            int(self.batch.gtin),
            str(self.batch.lot),
            self.quantity,
            self.serial_root,
            self.content_digest,
            self.route,
            _inputs(self.inputs),
        )


@dataclass(frozen=True, slots=True)
class Parts:
    """The parts of a batch's commitment, as in its `BatchRegistered` event."""

    serial_root: bytes
    content_digest: bytes
    route: bytes
    inputs: tuple[Input, ...]

    def as_struct(self) -> tuple[object, ...]:
        """Return `IBatchRegistry.Parts`."""
        return self.serial_root, self.content_digest, self.route, _inputs(self.inputs)


def _inputs(inputs: Sequence[Input]) -> list[tuple[bytes, int]]:
    return [(item.batch, item.quantity) for item in inputs]


def register_batch(registration: Registration) -> Call:
    """Register one batch of the signer's organisation."""
    return Call("BatchRegistry", "register", (registration.as_struct(),))


def register_batches(registrations: Iterable[Registration]) -> Call:
    """Register batches in one transaction; those that exist are skipped (`RegistrationSkipped`)."""
    return Call("BatchRegistry", "registerMany", ([registration.as_struct() for registration in registrations],))


def recycle(batch: BatchId) -> Call:
    """Close a stopped batch: its material is recycled."""
    return Call("BatchRegistry", "recycle", (batch,))


def assemble(batch: BatchId) -> Call:
    """Record that the devices of a batch that passed first inspection are assembled."""
    return Call("BatchRegistry", "assemble", (batch,))


def grade(batch: BatchId, standard: int, defective: int, scrap: int) -> Call:
    """Split a batch after final inspection; the units must add up to its quantity."""
    return Call("BatchRegistry", "grade", (batch, standard, defective, scrap))


def release(batch: BatchId, channel: SalesChannel) -> Call:
    """Release the graded units of one sales channel."""
    return Call("BatchRegistry", "release", (batch, channel))


def hold(batch: BatchId, reason: str) -> Call:
    """Put a batch on hold: only inspection, recall and the end of the hold remain possible."""
    return Call("BatchRegistry", "hold", (batch, reason))


def release_hold(batch: BatchId, kind: HoldKind, reason: str) -> Call:
    """End the hold of one kind."""
    return Call("BatchRegistry", "releaseHold", (batch, kind, reason))


def recall(batch: BatchId, reason: str) -> Call:
    """Recall a batch (irreversible)."""
    return Call("BatchRegistry", "recall", (batch, reason))


def recall_descendants(parent: BatchId, children: Sequence[tuple[BatchId, Parts]], reason: str) -> Call:
    """Recall own batches made of a recalled batch, and notify others; each child with the parts of its commitment."""
    batches = [batch for batch, _ in children]
    parts = [part.as_struct() for _, part in children]
    return Call("BatchRegistry", "recallDescendants", (parent, batches, parts, reason))


# InspectionLedger


def record_inspection(inspection: Inspection, signature: bytes) -> Call:
    """Submit a signed inspection."""
    return Call("InspectionLedger", "record", (inspection.as_struct(), signature))


def accredit(
    body: OrganisationId, gtins: Sequence[Gtin], stages: Collection[Stage], valid_until: int = FOREVER
) -> Call:
    """Accredit an organisation for stages of these products of the signer's organisation; of all if none is given."""
    numbers = [int(gtin) for gtin in gtins] or [0]
    return Call("InspectionLedger", "accredit", (body, numbers, sum(1 << stage for stage in stages), valid_until))


def accredit_for_lines(
    body: OrganisationId, gtins: Sequence[Gtin], stages: Collection[Stage], valid_until: int = FOREVER
) -> Call:
    """Accredit an organisation for stages of these products of any producer, as the registrar."""
    mask = sum(1 << stage for stage in stages)
    return Call("InspectionLedger", "accreditForLines", (body, [int(gtin) for gtin in gtins], mask, valid_until))


def withdraw_signature(lane: int) -> Call:
    """Use up the signer's next nonce in a lane, which withdraws its signature with that nonce."""
    return Call("InspectionLedger", "withdrawSignature", (lane,))


def set_policy(stage: Stage, units_per_sample: int, independent: bool) -> Call:
    """Set the sampling and independence policy of a stage."""
    return Call("InspectionLedger", "setPolicy", (stage, units_per_sample, independent))


# CustodyLedger


def offer_custody(batch: BatchId, to: OrganisationId, valid_until: int) -> Call:
    """Offer a released batch to another organisation."""
    return Call("CustodyLedger", "offer", (batch, to, valid_until))


def withdraw_offer(batch: BatchId) -> Call:
    """Withdraw an offer."""
    return Call("CustodyLedger", "withdraw", (batch,))


def accept_custody(batch: BatchId) -> Call:
    """Accept a batch that is offered to the signer's organisation."""
    return Call("CustodyLedger", "accept", (batch,))


def reject_custody(batch: BatchId, reason: str) -> Call:
    """Decline a batch that is offered to the signer's organisation."""
    return Call("CustodyLedger", "reject", (batch, reason))


def order_return(batch: BatchId, reason: str) -> Call:
    """Return a batch to its producer without its custodian, which is suspended, or because the batch is recalled."""
    return Call("CustodyLedger", "orderReturn", (batch, reason))


# ProcessLedger


def open_channel(name: str) -> Call:
    """Open a log channel of the signer's organisation."""
    return Call("ProcessLedger", "openChannel", (name,))


def succeed_channel(predecessor: ChannelId, name: str) -> Call:
    """Close a channel of the signer's organisation and open its successor."""
    return Call("ProcessLedger", "succeedChannel", (predecessor, name))


def anchor(channel: ChannelId, size: int, root: bytes, first_time_ns: int, last_time_ns: int) -> Call:
    """Anchor the tree head of a channel's log; source times in Unix nanoseconds."""
    return Call("ProcessLedger", "anchor", (channel, size, root, first_time_ns, last_time_ns))


def open_department(name: str) -> Call:
    """Open a department of the signer's organisation."""
    return Call("ProcessLedger", "openDepartment", (name,))


def set_member(department: DepartmentId, member: str, rights: DepartmentRight) -> Call:
    """Give an address exactly these rights in a department."""
    return Call("ProcessLedger", "setMember", (department, member, rights))


def append_records(department: DepartmentId, kind: bytes, records: bytes) -> Call:
    """Append packed records (`domain.ledger_entries.pack`) of one kind to a department."""
    return Call("ProcessLedger", "appendRecords", (department, kind, records))


# Consortium


def register_organisation(
    kind: OrganisationKind, gln: Gln, permitted_roles: Role, name: str, valid_until: int = FOREVER
) -> Call:
    """Register an organisation."""
    return Call("Consortium", "registerOrganisation", (kind, int(gln), permitted_roles, valid_until, name))


def change_organisation(organisation: OrganisationId, permitted_roles: Role, valid_until: int = FOREVER) -> Call:
    """Change an organisation's permitted roles and the end of its membership."""
    return Call("Consortium", "changeOrganisation", (organisation, permitted_roles, valid_until))


def suspend_organisation(organisation: OrganisationId) -> Call:
    """Suspend an organisation: all rights of all its operators end at once."""
    return Call("Consortium", "suspendOrganisation", (organisation,))


def reinstate_organisation(organisation: OrganisationId) -> Call:
    """End a suspension."""
    return Call("Consortium", "reinstateOrganisation", (organisation,))


def appoint_operator(operator: str, organisation: OrganisationId, roles: Role, valid_until: int = FOREVER) -> Call:
    """Give an address exactly these roles in an organisation."""
    return Call("Consortium", "appointOperator", (operator, organisation, roles, valid_until))


def dismiss_operator(operator: str) -> Call:
    """Take all rights from an address."""
    return Call("Consortium", "dismissOperator", (operator,))


def license_prefix(organisation: OrganisationId, prefix: CompanyPrefix) -> Call:
    """License a GS1 company prefix to an organisation, as the registrar."""
    return Call("Consortium", "license", (organisation, int(prefix), prefix.digits))


def withdraw_licence(prefix: CompanyPrefix) -> Call:
    """End the licence of a prefix, as the registrar."""
    return Call("Consortium", "withdrawLicence", (int(prefix), prefix.digits))


def grant_read_scopes(reader: OrganisationId, gtins: Sequence[Gtin], scopes: Scope, valid_until: int = FOREVER) -> Call:
    """Let another organisation read these products of the signer's organisation; all its products if none is given."""
    numbers = [int(gtin) for gtin in gtins] or [0]
    return Call("Consortium", "grantReadScopes", (reader, numbers, scopes, valid_until))


def grant_role(role: bytes, account: str) -> Call:
    """Give an account a role of OpenZeppelin's access control, such as `REGISTRAR`."""
    return Call("Consortium", "grantRole", (role, account))


def begin_admin_transfer(account: str) -> Call:
    """Begin the transfer of the default administrator; the account must accept it."""
    return Call("Consortium", "beginDefaultAdminTransfer", (account,))


# RouteVerifier


def register_station_key(name: str, public_key: Sequence[bytes], possession: Sequence[bytes]) -> Call:
    """Register a station's key: G2 words of the key, G1 words of its proof of possession, which the chain checks."""
    return Call("RouteVerifier", "registerStationKey", (name, list(public_key), list(possession)))


def record_station_key(name: str, public_key: Sequence[bytes], possession: Sequence[bytes]) -> Call:
    """Record a station's key unverified, on a chain without EIP-2537."""
    return Call("RouteVerifier", "recordStationKey", (name, list(public_key), list(possession)))


def revoke_station_key(key: StationKeyId, revoked_from: int) -> Call:
    """Revoke a station's key from a Unix second on."""
    return Call("RouteVerifier", "revokeStationKey", (key, revoked_from))


def design_route(
    name: str, kind: RouteKind, requires_proof: bool, keys: Sequence[StationKeyId], processes: Sequence[str]
) -> Call:
    """Design the next version of a route: the station key and the process of each step."""
    return Call("RouteVerifier", "designRoute", (name, kind, requires_proof, list(keys), list(processes)))


def prove_route(route: RouteId, proof: ProofStruct, messages: Sequence[bytes]) -> Call:
    """Prove that one subject passed a route."""
    return Call("RouteVerifier", "proveRoute", (route, proof, list(messages)))


def prove_routes(route: RouteId, proofs: Sequence[ProofStruct], messages: Sequence[bytes]) -> Call:
    """Prove several subjects of one route with one pairing check; `messages` of the first, the second and so on."""
    return Call("RouteVerifier", "proveRoutes", (route, list(proofs), list(messages)))


def prove_assembly(
    route: RouteId, proof: ProofStruct, messages: Sequence[bytes], components: Sequence[tuple[RouteId, bytes]]
) -> Call:
    """Prove an assembly; `components` are the route and subject of each part."""
    return Call("RouteVerifier", "proveAssembly", (route, proof, list(messages), list(components)))


def record_unverified(route: RouteId, proof: ProofStruct, messages: Sequence[bytes]) -> Call:
    """Record a route's signature unverified, on a chain without EIP-2537."""
    return Call("RouteVerifier", "recordUnverified", (route, proof, list(messages)))


# QualityConsensus


class RoundRequest(NamedTuple):
    """`IQualityConsensus.Request`.

    lane   number of a free lane of the signer's panel
    step   process step; 0: the stage as a whole
    first  number of the inspector that is seated first; 0: drawn
    """

    lane: int
    subject: bytes
    step: int
    stage: Stage
    first: int
    sample_size: int


class Commitment(NamedTuple):
    """`IQualityConsensus.Commitment`: a sealed answer and its compact signature (EIP-2098)."""

    seat: int
    answer: bytes
    r: bytes
    vs: bytes


def set_rule(
    rule: Rule,
    *,
    first_wave: int,
    stall_penalty: int = 500,
    commit_s: int = 3600,
    reveal_s: int = 600,
    decides_first: bool = False,
    decides_final: bool = False,
) -> Call:
    """Set the rule of the signer's panel. Its first state is the passing one.

    first_wave     inspectors drawn at once
    stall_penalty  capability deducted for missing a deadline, in 1/10,000
    decides_first  decisions about batches become verdicts of first inspection; `decides_final`: of final inspection
    """
    counts = (len(rule.states), rule.minimum, rule.maximum, first_wave)
    weights = (rule.weighing, rule.threshold, rule.minimum_capability, stall_penalty)
    struct = (*counts, *weights, commit_s, reveal_s, 0, decides_first, decides_final)
    return Call("QualityConsensus", "setRule", (struct, list(rule.states)))


def enrol_inspector(account: str, capability: int, instrument: bytes = ZERO_BYTES32) -> Call:
    """Enrol an inspector in the signer's panel; `capability` in 1/10,000."""
    return Call("QualityConsensus", "enrol", (account, capability, instrument))


def retire_inspector(number: int) -> Call:
    """Retire an inspector of the signer's panel."""
    return Call("QualityConsensus", "retire", (number,))


def open_rounds(requests: Iterable[RoundRequest]) -> Call:
    """Open rounds of the signer's panel."""
    return Call("QualityConsensus", "open", (list(requests),))


def draw_seats(lanes: Iterable[LaneId]) -> Call:
    """Draw the inspectors of the rounds in these lanes."""
    return Call("QualityConsensus", "draw", (list(lanes),))


def commit_answers(rounds: Iterable[tuple[LaneId, Sequence[Commitment]]]) -> Call:
    """Submit sealed answers of the rounds in these lanes."""
    return Call("QualityConsensus", "commit", ([(lane, list(commitments)) for lane, commitments in rounds],))


def reveal_answers(rounds: Iterable[tuple[LaneId, Sequence[tuple[int, SealedAnswer]]]]) -> Call:
    """Open the sealed answers, by seat, of the rounds in these lanes."""
    structs = [
        (lane, [(seat, answer.state, answer.defects, answer.evidence, answer.salt) for seat, answer in answers])
        for lane, answers in rounds
    ]
    return Call("QualityConsensus", "reveal", (structs,))


def close_round(lane: LaneId) -> Call:
    """Close an overdue phase of the round in a lane: stalled seats are replaced, or the round lapses."""
    return Call("QualityConsensus", "close", (lane,))
