"""Confirm proposals of the twin, carry out holds, and record every action on the chain.

A person confirms with a role that the chain grants, in the organisation of the plant. Machines are written to by
`chromatrace twin run` (see `chromatrace.twin.actions`); a hold is signed by the person who confirms it. Its call has an
idempotency key, so a repeated confirmation sends it once.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from chromatrace.chain import calls, reads
from chromatrace.chain.calls import Call
from chromatrace.chain.client import Chain
from chromatrace.chain.outbox import Outbox
from chromatrace.chain.outbox_entries import CallState
from chromatrace.domain.errors import InvalidInput, NotAuthorised
from chromatrace.domain.identifiers import BatchKey, DepartmentId
from chromatrace.domain.rights import Role
from chromatrace.plant.twin_options import ACTION_KIND, TWIN
from chromatrace.records.catalogue import Catalogue
from chromatrace.records.department_records import DepartmentRecords
from chromatrace.records.document import RecordDocument
from chromatrace.records.errors import RecordExistsError
from chromatrace.services.records import ChainWriter, key_ring, vault_of
from chromatrace.services.rights import rights_of
from chromatrace.services.workspace import Workspace
from chromatrace.twin.actions.execute import MACHINE_ACTIONS
from chromatrace.twin.plan import TwinPlan
from chromatrace.twin.store.database import TwinStore
from chromatrace.twin.store.proposals import (
    ProposalState,
    ProposalView,
    begin_execution,
    confirm,
    finish,
    proposal,
    proposals,
    reject,
    store_record,
    unrecorded,
)

if TYPE_CHECKING:
    from chromatrace.plant.records import Plant

_MAX_KEY = 60
_logger = logging.getLogger(__name__)

Submit = Callable[[Call], str]
"""Signs a call as the person who confirms, stores it in the outbox, and returns the transaction."""


def require_decider(chain: Chain, plan: TwinPlan, address: str, view: ProposalView) -> None:
    """Raise `NotAuthorised` unless the operator has the proposal's role in the plant's organisation.

    Raises the contract's error if the address is not an active operator.
    """
    rights = rights_of(chain, address)
    role = Role[view.parameters["role"]]
    if not rights.roles & role:
        raise NotAuthorised(
            f"{address} does not have the role {role.name.lower() if role.name else role}, which the rule "
            f"{view.rule!r} requires",
            field="signer",
        )
    if plan.gln is None:
        if view.action in MACHINE_ACTIONS:
            raise NotAuthorised("the plant file does not state the plant's organisation", hint="set gln in [twin]")
        return
    organisation = chain.read(reads.organisation_of_gln(plan.gln))
    if rights.organisation != organisation:
        raise NotAuthorised(
            f"{address} acts for organisation {rights.organisation}; the plant belongs to organisation {organisation}",
            field="signer",
        )


def confirm_proposal(
    store: TwinStore,
    chain: Chain,
    plan: TwinPlan,
    address: str,
    proposal_id: int,
    now_ns: int,
    submit: Submit,
    *,
    value: float | None = None,
) -> ProposalView:
    """Confirm a proposal as the operator `address`. A hold is sent to the chain at once.

    value  set point to write instead of the proposed one, within the rule's limits

    A hold that was interrupted is continued if the same person confirms again. Raises `ProposalStateError` if another
    person decided first, `NotAuthorised`, and the contract's error if the chain would reject the hold.
    """
    view = proposal(store, proposal_id, now_ns)
    require_decider(chain, plan, address, view)
    begun = (ProposalState.CONFIRMED, ProposalState.EXECUTING)
    if not (view.action == "hold" and view.state in begun and view.decided_by == address):
        if view.action == "hold" and view.state is ProposalState.OPEN:
            chain.simulate(_hold(view), address)
        view = confirm(store, proposal_id, address, now_ns, _changed(view, value))
    if view.action == "inspect":
        begin_execution(store, proposal_id)
        return finish(store, proposal_id, ProposalState.DONE, {"samples": view.parameters["samples"]}, now_ns)
    if view.action == "hold":
        begin_execution(store, proposal_id)
        submit(_hold(view))
        if chain.outbox is not None:
            settle_holds(store, chain.outbox, now_ns)
        return proposal(store, proposal_id, now_ns)
    return view


def reject_proposal(
    store: TwinStore, chain: Chain, plan: TwinPlan, address: str, proposal_id: int, now_ns: int, reason: str
) -> ProposalView:
    """Reject a proposal as the operator `address`. Raises as `confirm_proposal`."""
    require_decider(chain, plan, address, proposal(store, proposal_id, now_ns))
    return reject(store, proposal_id, address, now_ns, reason)


def settle_holds(store: TwinStore, outbox: Outbox, now_ns: int) -> list[ProposalView]:
    """Store the outcome of the holds that are in a block, or failed there."""
    settled = []
    for view in proposals(store, now_ns, (ProposalState.EXECUTING,), limit=1000):
        entry = outbox.by_key(_hold_key(view)) if view.action == "hold" else None
        if entry is None:
            continue
        transaction = f"0x{(entry.tx_hash or b'').hex()}"
        if entry.state in (CallState.INCLUDED, CallState.FINAL):
            result: dict[str, Any] = {"transaction": transaction, "block": entry.block_number}
            settled.append(finish(store, view.id, ProposalState.DONE, result, now_ns))
        elif entry.state is CallState.FAILED:
            result = {"transaction": transaction, "message": entry.error or "the chain rejected the hold"}
            settled.append(finish(store, view.id, ProposalState.FAILED, result, now_ns))
    return settled


def _changed(view: ProposalView, value: float | None) -> Mapping[str, Any] | None:
    """Return the parameters with another set point. Raises `InvalidInput` if it is outside the limits."""
    if value is None:
        return None
    if view.action != "set-point":
        raise InvalidInput(f"the action {view.action} has no value to change", field="value")
    write = dict(view.parameters["write"])
    if not write["low"] <= value <= write["high"]:
        raise InvalidInput(
            f"{value:g} is outside the limits {write['low']:g} to {write['high']:g} of the rule", field="value"
        )
    return {"write": write | {"value": value}}


def batch_of(view: ProposalView) -> BatchKey:
    """Return the batch of a proposal: GTIN/LOT, or a lot of the rule's product. Raises `InvalidInput`."""
    text = view.batch or ""
    if "/" in text:
        gtin, _, lot = text.partition("/")
        return BatchKey.parse(gtin, lot)
    if view.parameters.get("product") is None:
        raise InvalidInput(f"{text!r} is a lot without a product", field="batch", hint="name the product in the rule")
    return BatchKey.parse(view.parameters["product"], text)


def _hold(view: ProposalView) -> Call:
    return calls.hold(batch_of(view).batch_id, view.reason[:300]).with_key(_hold_key(view))


def _hold_key(view: ProposalView) -> str:
    return f"twin.hold:{view.key}"


class ActionRecorder:
    """Appends a department record for every ended action, once each, with the workspace's signer.

    The signer needs the role gateway and the right to append in the department that [twin] names.
    """

    def __init__(self, workspace: Workspace, store: TwinStore, plant: Plant) -> None:
        self._workspace, self._store, self._plant = workspace, store, plant
        self.enabled = plant.section(TWIN).department is not None and workspace.has_signer

    def run(self, now_ns: int) -> int:
        """Record the actions that have no record yet. Return their number."""
        if not self.enabled:
            return 0
        waiting = unrecorded(self._store, now_ns)
        for view in waiting:
            self._record(view)
        return len(waiting)

    def _record(self, view: ProposalView) -> None:
        records = self._records()
        kind = records.catalogue.newest(ACTION_KIND)
        document = RecordDocument.new(kind, action_document(view), view.parameters["salt"])
        try:
            transaction = records.add([records.prepare(document)], (), {})
        except RecordExistsError:
            entry = records.find(document.record, kind)
            transaction = "0x" + entry.appended.tx_hash.hex()
        facts = {"key": document.key, "digest": "0x" + document.digest.hex(), "transaction": transaction}
        store_record(self._store, view.id, facts)

    def _records(self) -> DepartmentRecords:
        workspace = self._workspace
        chain = workspace.chain
        workspace.catch_up(workspace.index)
        organisation = chain.read(reads.operator(chain.sender)).organisation
        return DepartmentRecords(
            Catalogue(self._plant.record_kinds),
            workspace.index,
            _KeyedWriter(chain),
            vault_of(workspace),
            key_ring(workspace),
            organisation or None,
        )


class _KeyedWriter(ChainWriter):
    """Appends with an idempotency key: a repeated append returns the transaction of the first."""

    def check(self, department: bytes, kind: bytes, packed: bytes) -> None:
        """Simulate `append`, unless it was sent before."""
        outbox = self._chain.outbox
        if outbox is None or outbox.by_key(_record_key(packed)) is None:
            super().check(department, kind, packed)

    def append(self, department: bytes, kind: bytes, packed: bytes) -> str:
        """Append packed entries and return the transaction."""
        call = calls.append_records(DepartmentId(department), kind, packed)
        return self._chain.submit(call.with_key(_record_key(packed))).tx


def _record_key(packed: bytes) -> str:
    return f"{ACTION_KIND}:{hashlib.sha256(packed).hexdigest()}"


def action_document(view: ProposalView) -> dict[str, Any]:
    """Return the members of the record of an action."""
    result = view.result or {}
    members = {
        "action_id": hashlib.sha256(view.key.encode()).hexdigest()[:_MAX_KEY],
        "product_id": _subject(view),
        "action": view.action,
        "machine": view.machine,
        "rule": view.rule,
        "reason": view.reason,
        "channel": view.channel,
        "log_size": view.log_size,
        "decided_by": view.decided_by,
        "decided_at": _time(view.decided_ns or 0),
        "state": view.state.value,
        "value": _text(result.get("value", result.get("samples"))),
        "read_back": _text(result.get("read_back")),
        "message": _text(result.get("message")),
        "transaction": result.get("transaction"),
    }
    return {name: value for name, value in members.items() if value not in (None, "")}


def _subject(view: ProposalView) -> str:
    if view.batch is None:
        return f"machine {view.machine}"[:_MAX_KEY]
    try:
        key = batch_of(view)
    except InvalidInput:
        return view.batch[:_MAX_KEY]
    return f"{key.gtin}/{key.lot}"


def _text(value: object) -> str | None:
    return None if value is None else str(value)[:300]


def _time(time_ns: int) -> str:
    return f"{datetime.fromtimestamp(time_ns // 10**9, UTC):%Y-%m-%dT%H:%M:%SZ}"
