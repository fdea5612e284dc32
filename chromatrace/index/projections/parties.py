"""Organisations, operators, grants, policies, channels."""

from __future__ import annotations

from sqlalchemy import Connection

from chromatrace.index import bulk, subjects
from chromatrace.index.models import Anchor, Channel, Grant, Operator, Organisation, Policy
from chromatrace.index.projections.entities import EntityFold, Key, State, known, table_of
from chromatrace.index.projections.record import EventRecord, address_bytes, clean


def _number(word: bytes) -> int:
    return int.from_bytes(word, "big")


class OrganisationFold(EntityFold):
    """Organisations."""

    entity, model = subjects.ORGANISATION, Organisation

    def key_of(self, subject: bytes) -> Key:
        return (_number(subject),)

    def fold(self, key: Key, state: State | None, event: EventRecord) -> State:
        args = event.args
        if event.name == "OrganisationRegistered":
            return {
                "id": key[0],
                "kind": args["kind"],
                "gln": args["gln"],
                "name": clean(args["name"]),
                "permitted_roles": args["permittedRoles"],
                "valid_until": args["validUntil"],
                "active": True,
                "position": event.position,
                "changed": event.position,
            }
        state = known(state, event)
        if event.name == "OrganisationChanged":
            state["permitted_roles"], state["valid_until"] = args["permittedRoles"], args["validUntil"]
        else:
            state["active"] = event.name == "OrganisationReinstated"
        state["changed"] = event.position
        return state


class OperatorFold(EntityFold):
    """Operators. A dismissal takes the operator's standing and leaves what was given."""

    entity, model = subjects.OPERATOR, Operator

    def key_of(self, subject: bytes) -> Key:
        return (subject[12:],)

    def fold(self, key: Key, state: State | None, event: EventRecord) -> State:
        args = event.args
        by = address_bytes(args["by"])
        if event.name == "OperatorAppointed":
            return {
                "address": key[0],
                "organisation": args["organisation"],
                "roles": args["roles"],
                "valid_until": args["validUntil"],
                "active": True,
                "changed_by": by,
                "changed": event.position,
            }
        return known(state, event) | {"active": False, "changed_by": by, "changed": event.position}


class GrantFold(EntityFold):
    """Read scopes, by owner, reader and line."""

    entity, model = subjects.GRANT, Grant

    def key_of(self, subject: bytes) -> Key:
        return _number(subject[:32]), _number(subject[32:64]), _number(subject[64:])

    def fold(self, key: Key, state: State | None, event: EventRecord) -> State:
        return {
            "owner": key[0],
            "reader": key[1],
            "gtin": key[2],
            "scopes": event.args["scopes"],
            "valid_until": event.args["validUntil"],
            "changed": event.position,
        }


class PolicyFold(EntityFold):
    """Inspection policies, by stage."""

    entity, model = subjects.POLICY, Policy

    def key_of(self, subject: bytes) -> Key:
        return (_number(subject),)

    def fold(self, key: Key, state: State | None, event: EventRecord) -> State:
        return {
            "stage": key[0],
            "units_per_sample": event.args["unitsPerSample"],
            "independent": event.args["independent"],
            "changed": event.position,
        }


class ChannelFold(EntityFold):
    """Channels and their anchors."""

    entity, model = subjects.CHANNEL, Channel
    parts = ((Anchor, "channel"),)

    def __init__(self, connection: Connection) -> None:
        super().__init__(connection)
        self._anchors: list[State] = []

    def key_of(self, subject: bytes) -> Key:
        return (subject,)

    def creates(self, event: EventRecord) -> bool:
        return event.name == "ChannelOpened"

    def fold(self, key: Key, state: State | None, event: EventRecord) -> State:
        args = event.args
        if event.name == "ChannelOpened":
            return {
                "id": key[0],
                "organisation": args["organisation"],
                "name": clean(args["name"]),
                "size": 0,
                "root": None,
                "anchored": None,
                "position": event.position,
            }
        state = known(state, event)
        self._anchors.append(
            {
                "position": event.position,
                "channel": key[0],
                "size": args["size"],
                "previous_size": state["size"],
                "root": args["root"],
                "first_time_ns": args["firstTimeNs"],
                "last_time_ns": args["lastTimeNs"],
                "by": address_bytes(args["by"]),
            }
        )
        state["size"], state["root"], state["anchored"] = args["size"], args["root"], event.position
        return state

    def write(self) -> None:
        super().write()
        bulk.insert(self._connection, table_of(Anchor), self._anchors)
        self._anchors.clear()
