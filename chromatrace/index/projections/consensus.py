"""Panels of inspectors, and the rounds in which they answer."""

from __future__ import annotations

import json
from typing import Any

from chromatrace.index import subjects
from chromatrace.index.models import ConsensusPanel, ConsensusRound
from chromatrace.index.projections.entities import EntityFold, Key, State, known
from chromatrace.index.projections.record import EventRecord, clean

REQUESTED, SEATED, DECIDED, LAPSED = range(1, 5)
"""`IQualityConsensus.Phase`."""
_MARKS = ("drawn", "committed", "stalled")
_SEAT_BITS = 12


class PanelFold(EntityFold):
    """A panel's rule and inspectors, by the organisation's number; as JSON, since nobody asks for parts of them."""

    entity, model = subjects.PANEL, ConsensusPanel

    def key_of(self, subject: bytes) -> Key:
        return (int.from_bytes(subject, "big"),)

    def fold(self, key: Key, state: State | None, event: EventRecord) -> State:
        args = event.args
        state = state or {"panel": key[0], "rule": None, "inspectors": "{}"}
        inspectors: dict[str, dict[str, Any]] = json.loads(state["inspectors"])
        match event.name:
            case "RuleSet":
                rule = {"version": args["version"], "names": [clean(name) for name in args["states"]], **args["rule"]}
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


class RoundFold(EntityFold):
    """Rounds, with every seat: who sat, what it answered on which evidence, what it learned."""

    entity, model = subjects.ROUND, ConsensusRound

    def key_of(self, subject: bytes) -> Key:
        return (subject,)

    def creates(self, event: EventRecord) -> bool:
        return event.name == "RoundOpened"

    def fold(self, key: Key, state: State | None, event: EventRecord) -> State:
        args = event.args
        if event.name == "RoundOpened":
            return {
                "id": key[0],
                **{name: args[name] for name in ("panel", "subject", "step", "stage", "desk", "rule", "feeds")},
                "phase": REQUESTED,
                "deadline": args["deadline"],
                "seats": "[]",
                **dict.fromkeys(("state", "score", "recorder", "reached")),
                "verdict_refused": False,
                "position": event.position,
                "changed": event.position,
            }
        state = known(state, event)
        seats: list[dict[str, Any]] = json.loads(state["seats"])
        match event.name:
            case "SeatsDrawn":
                state |= {"phase": SEATED, "deadline": args["deadline"]}
                seats += [_seat(args["seats"], place) for place in range(len(seats), args["count"])]
            case "AnswersCommitted":
                for place, seat in enumerate(seats):
                    if seat["mark"] == "drawn":
                        seat["mark"] = _seat(args["seats"], place)["mark"]
            case "AnswerRevealed":
                seats[args["seat"]] |= {
                    "mark": "revealed",
                    "state": args["state"],
                    "defects": args["defects"],
                    "evidence": args["evidence"].hex(),
                }
            case "SeatStalled":
                seats[args["seat"]] |= {"mark": "stalled", "capability": args["capability"]}
            case "MoreSeatsRequested":
                state |= {"phase": REQUESTED, "deadline": args["deadline"]}
            case "RoundDecided":
                state |= {"phase": DECIDED, **{name: args[name] for name in ("state", "score", "recorder", "reached")}}
                for seat, capability in zip(seats, args["capabilities"], strict=True):
                    if seat["mark"] == "revealed":
                        seat["capability"] = capability
            case "RoundLapsed":
                state["phase"] = LAPSED
            case "VerdictRefused":
                state["verdict_refused"] = True
        return state | {"seats": _text(seats), "changed": event.position}


def _seat(packed: int, place: int) -> dict[str, Any]:
    """One seat out of the contract's word: inspector (8 bits), then mark (4)."""
    bits = packed >> (_SEAT_BITS * place)
    mark = bits >> 8 & 0xF
    return {"inspector": bits & 0xFF, "mark": _MARKS[mark] if mark < len(_MARKS) else "revealed"}


def _text(value: object) -> str:
    return json.dumps(value, sort_keys=True, separators=(",", ":"))
