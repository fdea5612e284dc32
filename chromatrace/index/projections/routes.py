"""Station keys, designed routes and their proofs, from the events of `IRouteVerifier`."""

from __future__ import annotations

from chromatrace.index import entities
from chromatrace.index.models import RouteComponentRow, RouteProofRow, RouteRow, RouteStepRow, StationKeyRow
from chromatrace.index.projections.base import (
    EntityProjection,
    EventRecord,
    Key,
    State,
    address_bytes,
    existing,
    without_nul,
)


class StationKeyProjection(EntityProjection):
    """Station keys. A revoked key remains valid for what it signed before the revocation.

    A chain without the precompiles emits `StationKeyUnverified` after each registration. If it gains them later, any
    holder of the key can have it verified.
    """

    entity, model = entities.STATION_KEY, StationKeyRow
    created_by = "StationKeyRegistered"

    def apply_event(self, key: Key, state: State | None, event: EventRecord) -> State:
        args = event.args
        if event.name == self.created_by:
            return {
                "id": key[0],
                "organisation": args["organisation"],
                "name": without_nul(args["name"]),
                "public_key": b"".join(args["publicKey"]),
                "possession": b"".join(args["proofOfPossession"]),
                "revoked_from": None,
                "unverified": None,
                "position": event.position,
                "changed": event.position,
            }
        state = existing(state, event) | {"changed": event.position}
        match event.name:
            case "StationKeyUnverified":
                return state | {"unverified": event.position}
            case "StationKeyVerified":
                possession = b"".join(args["proofOfPossession"])
                return state | {"unverified": None, "organisation": args["organisation"], "possession": possession}
            case _:
                return state | {"revoked_from": args["revokedFrom"]}


class RouteProjection(EntityProjection):
    """Designed routes and their steps. One event creates a route, and none changes it."""

    entity, model = entities.ROUTE, RouteRow
    created_by = "RouteDesigned"
    part_tables = ((RouteStepRow, ("route",)),)

    def apply_event(self, key: Key, state: State | None, event: EventRecord) -> State:
        args = event.args
        steps = [
            {"route": key[0], "step": step, "key": station, "process": without_nul(process)}
            for step, (station, process) in enumerate(zip(args["keys"], args["processes"], strict=True), 1)
        ]
        self.add_parts(RouteStepRow, steps)
        return {
            "id": key[0],
            "organisation": args["organisation"],
            "name": without_nul(args["name"]),
            "version": args["version"],
            "kind": args["kind"],
            "requires_proof": args["requiresProof"],
            "designed_by": address_bytes(args["by"]),
            "position": event.position,
        }


class RouteProofProjection(EntityProjection):
    """The proof of a subject under a route, its unverified record, or both."""

    entity, model = entities.ROUTE_PROOF, RouteProofRow
    part_tables = ((RouteComponentRow, ("route", "subject")),)

    def key_of(self, entity_key: bytes) -> Key:
        return entity_key[:32], entity_key[32:]

    def apply_event(self, key: Key, state: State | None, event: EventRecord) -> State:
        args = event.args
        state = state or dict.fromkeys(column.name for column in self.table.columns) | {
            "route": key[0],
            "subject": key[1],
        }
        match event.name:
            case "RouteProven":
                state |= {"head": args["head"], "proven_by": address_bytes(args["by"]), "proven": event.position}
            case "AssemblyProven":
                state["assembled"] = event.position
                components = [
                    {
                        "route": key[0],
                        "subject": key[1],
                        "number": number,
                        "component_route": part["route"],
                        "component": part["subject"],
                    }
                    for number, part in enumerate(args["components"])
                ]
                self.add_parts(RouteComponentRow, components)
            case _:
                state |= {
                    "recorded_head": args["head"],
                    "recorded_signature": b"".join(args["signature"]),
                    "recorded_by": address_bytes(args["by"]),
                    "recorded": event.position,
                }
        return state
