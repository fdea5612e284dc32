"""Panels of inspectors and their rounds, from the events of `IQualityConsensus`."""

from __future__ import annotations

import json
from typing import Any

from chromatrace.index import entities
from chromatrace.index.models import PanelRow, RoundRow
from chromatrace.index.projections.base import (
    EntityProjection,
    EventRecord,
    Key,
    State,
    existing,
    to_number,
    without_nul,
)

REQUESTED, SEATED, DECIDED, LAPSED = range(1, 5)
"""`IQualityConsensus.Phase`."""
_SEAT_STATUSES = ("drawn", "committed", "stalled")
_SEAT_BITS = 12


class PanelProjection(EntityProjection):
    """Panels, by the number of their organisation. Rule and inspectors are JSON: no query filters by their parts."""

    entity, model = entities.PANEL, PanelRow

    def key_of(self, entity_key: bytes) -> Key:
        return (to_number(entity_key),)

    def apply_event(self, key: Key, state: State | None, event: EventRecord) -> State:
        args = event.args
        state = state or {"panel": key[0], "rule": None, "inspectors": "{}"}
        inspectors: dict[str, dict[str, Any]] = json.loads(state["inspectors"])
        match event.name:
            case "RuleSet":
                rule = {
                    "version": args["version"],
                    "names": [without_nul(name) for name in args["states"]],
                    **args["rule"],
                }
                state["rule"] = _text(rule)
            case "InspectorEnrolled":
                inspectors[str(args["inspector"])] = {
                    "account": args["account"],
                    "capability": args["capability"],
                    "active": True,
                    "own": args["own"],
                    "instrument": args["instrument"].hex(),
                }
            case "InspectorRetired":
                inspectors[str(args["inspector"])]["active"] = False
            case "InstrumentChanged":
                inspectors[str(args["inspector"])]["instrument"] = args["instrument"].hex()
        return state | {"inspectors": _text(inspectors), "changed": event.position}


class RoundProjection(EntityProjection):
    """Rounds with their seats: inspector, answer, evidence and new capability."""

    entity, model = entities.ROUND, RoundRow
    created_by = "RoundOpened"

    def apply_event(self, key: Key, state: State | None, event: EventRecord) -> State:
        args = event.args
        if event.name == self.created_by:
            return {
                "id": key[0],
                **{name: args[name] for name in ("panel", "subject", "step", "stage", "lane", "rule")},
                "decides_verdict": args["decidesVerdict"],
                "phase": REQUESTED,
                "deadline": args["deadline"],
                "seats": "[]",
                **dict.fromkeys(("state", "score", "recorder", "threshold_reached")),
                "verdict_rejected": False,
                "position": event.position,
                "changed": event.position,
            }
        state = existing(state, event)
        seats: list[dict[str, Any]] = json.loads(state["seats"])
        match event.name:
            case "SeatsDrawn":
                state |= {"phase": SEATED, "deadline": args["deadline"]}
                seats += [_seat(args["seats"], number) for number in range(len(seats), args["count"])]
            case "AnswersCommitted":
                for number, seat in enumerate(seats):
                    if seat["status"] == "drawn":
                        seat["status"] = _seat(args["seats"], number)["status"]
            case "AnswerRevealed":
                seats[args["seat"]] |= {
                    "status": "revealed",
                    "state": args["state"],
                    "defects": args["defects"],
                    "evidence": args["evidence"].hex(),
                }
            case "SeatStalled":
                seats[args["seat"]] |= {"status": "stalled", "capability": args["capability"]}
            case "MoreSeatsRequested":
                state |= {"phase": REQUESTED, "deadline": args["deadline"]}
            case "RoundDecided":
                state |= {"phase": DECIDED, **{name: args[name] for name in ("state", "score", "recorder")}}
                state["threshold_reached"] = args["thresholdReached"]
                for seat, capability in zip(seats, args["capabilities"], strict=True):
                    if seat["status"] == "revealed":
                        seat["capability"] = capability
            case "RoundLapsed":
                state["phase"] = LAPSED
            case "VerdictRejected":
                state["verdict_rejected"] = True
        return state | {"seats": _text(seats), "changed": event.position}


def _seat(packed: int, number: int) -> dict[str, Any]:
    """Return a seat of the contract's packed word: 8 bits inspector, 4 bits status."""
    bits = packed >> (_SEAT_BITS * number)
    status = bits >> 8 & 0xF
    return {"inspector": bits & 0xFF, "status": _SEAT_STATUSES[status] if status < len(_SEAT_STATUSES) else "revealed"}


def _text(value: object) -> str:
    return json.dumps(value, sort_keys=True, separators=(",", ":"))
