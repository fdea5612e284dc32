"""Station keys, designed routes and what was proven of them: `IRouteVerifier` read from its events."""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import delete, tuple_

from chromatrace.index import subjects
from chromatrace.index.models import Route, RouteComponent, RouteProof, RouteStep, StationKey
from chromatrace.index.projections.entities import EntityFold, Key, State, known, table_of
from chromatrace.index.projections.record import EventRecord, address_bytes, clean
from chromatrace.index.queries.base import chunks


class StationKeyFold(EntityFold):
    """Station keys. A revocation takes a key's future; the key and what it signed before stay.

    On a chain that cannot check keys each registration is told to be unverified right after it; should the chain learn
    to, the key is verified for whoever proves to hold it."""

    entity, model = subjects.STATION_KEY, StationKey

    def key_of(self, subject: bytes) -> Key:
        return (subject,)

    def creates(self, event: EventRecord) -> bool:
        return event.name == "StationKeyRegistered"

    def fold(self, key: Key, state: State | None, event: EventRecord) -> State:
        args = event.args
        if event.name == "StationKeyRegistered":
            return {
                "id": key[0],
                "organisation": args["organisation"],
                "name": clean(args["name"]),
                "public_key": b"".join(args["publicKey"]),
                "possession": b"".join(args["proofOfPossession"]),
                "revoked_from": None,
                "unverified": None,
                "position": event.position,
                "changed": event.position,
            }
        state = known(state, event) | {"changed": event.position}
        match event.name:
            case "StationKeyUnverified":
                return state | {"unverified": event.position}
            case "StationKeyVerified":
                possession = b"".join(args["proofOfPossession"])
                return state | {"unverified": None, "organisation": args["organisation"], "possession": possession}
            case _:
                return state | {"revoked_from": args["revokedFrom"]}


class RouteFold(EntityFold):
    """Designed routes with their steps; one event makes each, none changes it."""

    entity, model = subjects.ROUTE, Route
    parts = ((RouteStep, "route"),)

    def key_of(self, subject: bytes) -> Key:
        return (subject,)

    def creates(self, event: EventRecord) -> bool:
        return True

    def fold(self, key: Key, state: State | None, event: EventRecord) -> State:
        args = event.args
        steps = [
            {"route": key[0], "step": step, "key": station, "process": clean(process)}
            for step, (station, process) in enumerate(zip(args["keys"], args["processes"], strict=True), 1)
        ]
        self.add(RouteStep, steps)
        return {
            "id": key[0],
            "organisation": args["organisation"],
            "name": clean(args["name"]),
            "version": args["version"],
            "kind": args["kind"],
            "requires_proof": args["requiresProof"],
            "designed_by": address_bytes(args["by"]),
            "position": event.position,
        }


class RouteProofFold(EntityFold):
    """What stands on the chain of one subject under one route: a proof, an unverified signature, or both."""

    entity, model = subjects.ROUTE_PROOF, RouteProof

    def key_of(self, subject: bytes) -> Key:
        return subject[:32], subject[32:]

    def fold(self, key: Key, state: State | None, event: EventRecord) -> State:
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
                        "place": place,
                        "component_route": part["route"],
                        "component": part["subject"],
                    }
                    for place, part in enumerate(args["components"])
                ]
                self.add(RouteComponent, components)
            case _:
                state |= {
                    "recorded_head": args["head"],
                    "recorded_signature": b"".join(args["signature"]),
                    "recorded_by": address_bytes(args["by"]),
                    "recorded": event.position,
                }
        return state

    def forget(self, subjects: Iterable[bytes]) -> None:
        # Its key has two columns, so `parts` cannot say whose the components are.
        gone = list(subjects)
        super().forget(gone)
        table = table_of(RouteComponent)
        for part in chunks([self.key_of(subject) for subject in gone]):
            self._connection.execute(delete(table).where(tuple_(table.c.route, table.c.subject).in_(part)))
