"""Batches with their inputs, inspections and custody offers, from the events of `IBatchRegistry` and its ledgers."""

from __future__ import annotations

import json
from collections.abc import Callable

from sqlalchemy import Connection, select

from chromatrace.domain.rights import BatchState, Stage
from chromatrace.index import bulk, entities
from chromatrace.index.errors import InconsistentEventsError
from chromatrace.index.models import BatchInputRow, BatchRow, InspectionRow, NoticeRow, OfferRow, table_of
from chromatrace.index.projections.base import (
    EntityProjection,
    EventRecord,
    Key,
    State,
    address_bytes,
    existing,
    without_nul,
)
from chromatrace.index.views import OfferState

_NEW: State = {
    "state": BatchState.REGISTERED.value,
    **{"holds": 0, "hold_reasons": "{}", "recalled": False},
    **dict.fromkeys(("recall_cause", "recall_reason", "open_offer")),
    **dict.fromkeys(("standard", "defective", "scrap", "channels"), 0),
    **dict.fromkeys(("first_verdict", "final_verdict", "first_revision", "final_revision"), 0),
}
"""Columns that the registration event does not determine."""


class BatchProjection(EntityProjection):
    """Batches."""

    entity, model, key_columns = entities.BATCH, BatchRow, ("id",)
    created_by = "BatchRegistered"
    part_tables = (
        (BatchInputRow, ("batch",)),
        (InspectionRow, ("batch",)),
        (OfferRow, ("batch",)),
        (NoticeRow, ("batch",)),
    )

    def __init__(self, connection: Connection) -> None:
        super().__init__(connection)
        self._offers: dict[int, State] = {}
        self._rules: dict[str, Callable[[State, EventRecord], None]] = {
            "VerdictApplied": _verdict_applied,
            "BatchRecycled": lambda state, event: state.update(state=BatchState.RECYCLED.value),
            "BatchAssembled": lambda state, event: state.update(state=BatchState.ASSEMBLED.value),
            "BatchGraded": _graded,
            "BatchReleased": _released,
            "BatchHeld": _held,
            "BatchHoldReleased": _hold_released,
            "SupplierNoticeGiven": self._noticed,
            **dict.fromkeys(("RecallSkipped", "RegistrationSkipped", "CustodyReturnOrdered"), _unchanged),
            "BatchRecalled": _recalled,
            "CustodyTransferred": lambda state, event: state.update(custodian=event.args["to"]),
            "InspectionRecorded": self._inspected,
            "CustodyOffered": self._offered,
            "CustodyAccepted": self._closing(OfferState.ACCEPTED),
            "CustodyRejected": self._closing(OfferState.REJECTED),
            "CustodyOfferWithdrawn": self._closing(OfferState.WITHDRAWN),
        }

    def apply_event(self, key: Key, state: State | None, event: EventRecord) -> State:
        if event.name == self.created_by:
            return self._registered(key[0], event)
        state = existing(state, event)
        self._rules[event.name](state, event)
        state["changed"] = event.position
        return state

    def write(self) -> None:
        super().write()
        bulk.replace(self._connection, table_of(OfferRow), list(self._offers.values()))
        self._offers.clear()

    def _registered(self, batch: bytes, event: EventRecord) -> State:
        args = event.args
        inputs = [
            {
                "position": event.position,
                "number": number,
                "batch": batch,
                "input": used["batch"],
                "quantity": used["quantity"],
            }
            for number, used in enumerate(args["inputs"])
        ]
        self.add_parts(BatchInputRow, inputs)
        return _NEW | {
            "id": batch,
            "gtin": args["gtin"],
            "lot": without_nul(args["lot"]),
            "producer": args["producer"],
            "custodian": args["producer"],
            "quantity": args["quantity"],
            "serial_root": args["serialRoot"],
            "content_digest": args["contentDigest"],
            "route": args["route"],
            "position": event.position,
            "changed": event.position,
        }

    def _noticed(self, state: State, event: EventRecord) -> None:
        notice = {
            "position": event.position,
            "batch": state["id"],
            "parent": event.args["parent"],
            "reason": without_nul(event.args["reason"]),
        }
        self.add_parts(NoticeRow, [notice])

    def _inspected(self, state: State, event: EventRecord) -> None:
        args = event.args
        inspection = {
            "position": event.position,
            "batch": state["id"],
            "stage": args["stage"],
            "verdict": args["verdict"],
            "revision": args["revision"],
            "sample_size": args["sampleSize"],
            "defects": args["defects"],
            "instrument": args["instrument"],
            "evidence": args["evidence"],
            "inspected_at": args["inspectedAt"],
            "inspector": address_bytes(args["inspector"]),
            "organisation": args["organisation"],
        }
        self.add_parts(InspectionRow, [inspection])

    def _offered(self, state: State, event: EventRecord) -> None:
        if state["open_offer"] is not None:
            # The contract replaces an expired offer without emitting an event for it.
            self._offer(state, event).update(state=OfferState.REPLACED.value, closed=event.position)
        args = event.args
        self._offers[event.position] = {
            "position": event.position,
            "batch": state["id"],
            "from_organisation": args["from"],
            "to_organisation": args["to"],
            "offered_by": address_bytes(args["by"]),
            "valid_until": args["validUntil"],
            "state": OfferState.OPEN.value,
            "closed": None,
            "closed_by": None,
            "reason": None,
        }
        state["open_offer"] = event.position

    def _closing(self, outcome: OfferState) -> Callable[[State, EventRecord], None]:
        def close(state: State, event: EventRecord) -> None:
            reason = event.args.get("reason")
            self._offer(state, event).update(
                state=outcome.value,
                closed=event.position,
                closed_by=address_bytes(event.args["by"]),
                reason=None if reason is None else without_nul(reason),
            )
            state["open_offer"] = None

        return close

    def _offer(self, state: State, event: EventRecord) -> State:
        """Return the row of the open offer, to be changed."""
        position = state["open_offer"]
        if position not in self._offers:
            table = table_of(OfferRow)
            row = self._connection.execute(select(table).where(table.c.position == position)).mappings().first()
            if row is None:
                raise InconsistentEventsError(
                    f"{event.name} closes an offer of batch 0x{state['id'].hex()}, but no event opened one",
                    field="offer",
                )
            self._offers[position] = dict(row)
        return self._offers[position]


def _unchanged(state: State, event: EventRecord) -> None:
    """Do nothing: the event only reports, or other events of its transaction change the batch."""


def _held(state: State, event: EventRecord) -> None:
    reasons = json.loads(state["hold_reasons"]) | {str(event.args["kind"]): without_nul(event.args["reason"])}
    state.update(holds=state["holds"] | 1 << event.args["kind"], hold_reasons=json.dumps(reasons, sort_keys=True))


def _hold_released(state: State, event: EventRecord) -> None:
    reasons = json.loads(state["hold_reasons"])
    reasons.pop(str(event.args["kind"]), None)
    state.update(holds=state["holds"] & ~(1 << event.args["kind"]), hold_reasons=json.dumps(reasons, sort_keys=True))


def _verdict_applied(state: State, event: EventRecord) -> None:
    args = event.args
    stage = Stage(args["stage"])
    name = "first" if stage is Stage.FIRST else "final"
    state[f"{name}_verdict"], state[f"{name}_revision"] = args["verdict"], args["revision"]
    state["state"] = args["state"]


def _graded(state: State, event: EventRecord) -> None:
    args = event.args
    state.update(standard=args["standard"], defective=args["defective"], scrap=args["scrap"])
    scrapped = args["scrap"] == state["quantity"]
    state["state"] = (BatchState.SCRAPPED if scrapped else BatchState.GRADED).value


def _released(state: State, event: EventRecord) -> None:
    state["state"] = BatchState.RELEASED.value
    state["channels"] |= 1 << event.args["channel"]


def _recalled(state: State, event: EventRecord) -> None:
    state.update(recalled=True, recall_cause=event.args["cause"], recall_reason=without_nul(event.args["reason"]))
