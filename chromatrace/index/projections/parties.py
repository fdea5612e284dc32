"""Organisations, operators, read grants and log channels."""

from __future__ import annotations

from chromatrace.domain.names import skeletons, visible_name
from chromatrace.index import entities
from chromatrace.index.models import (
    AccreditationRow,
    AnchorRow,
    ChannelRow,
    GrantRow,
    LicenceRow,
    OperatorRow,
    OrganisationRow,
)
from chromatrace.index.projections.base import (
    EntityProjection,
    EventRecord,
    Key,
    State,
    address_bytes,
    existing,
    to_number,
    without_nul,
)


class OrganisationProjection(EntityProjection):
    """Organisations."""

    entity, model = entities.ORGANISATION, OrganisationRow

    def key_of(self, entity_key: bytes) -> Key:
        return (to_number(entity_key),)

    def apply_event(self, key: Key, state: State | None, event: EventRecord) -> State:
        args = event.args
        if event.name == "OrganisationRegistered":
            name = visible_name(args["name"])
            skeleton, upper = skeletons(name)
            return {
                "id": key[0],
                "kind": args["kind"],
                "gln": args["gln"],
                "name": name,
                "valid_name": name == args["name"],
                "skeleton": skeleton,
                "upper_skeleton": upper,
                "permitted_roles": args["permittedRoles"],
                "valid_until": args["validUntil"],
                "active": True,
                "position": event.position,
                "changed": event.position,
            }
        state = existing(state, event)
        if event.name == "OrganisationChanged":
            state["permitted_roles"], state["valid_until"] = args["permittedRoles"], args["validUntil"]
        else:
            state["active"] = event.name == "OrganisationReinstated"
        state["changed"] = event.position
        return state


class OperatorProjection(EntityProjection):
    """Operators. A dismissal only clears `active`; the appointment stays on record."""

    entity, model = entities.OPERATOR, OperatorRow

    def key_of(self, entity_key: bytes) -> Key:
        return (entity_key[12:],)

    def apply_event(self, key: Key, state: State | None, event: EventRecord) -> State:
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
        return existing(state, event) | {"active": False, "changed_by": by, "changed": event.position}


class GrantProjection(EntityProjection):
    """Read grants, by owner, reader and GTIN."""

    entity, model = entities.GRANT, GrantRow

    def key_of(self, entity_key: bytes) -> Key:
        return to_number(entity_key[:32]), to_number(entity_key[32:64]), to_number(entity_key[64:])

    def apply_event(self, key: Key, state: State | None, event: EventRecord) -> State:
        return {
            "owner": key[0],
            "reader": key[1],
            "gtin": key[2],
            "scopes": event.args["scopes"],
            "valid_until": event.args["validUntil"],
            "changed": event.position,
        }


class LicenceProjection(EntityProjection):
    """Licences of company prefixes, by organisation, prefix and number of digits."""

    entity, model = entities.LICENCE, LicenceRow

    def key_of(self, entity_key: bytes) -> Key:
        return to_number(entity_key[:32]), to_number(entity_key[32:64]), to_number(entity_key[64:])

    def apply_event(self, key: Key, state: State | None, event: EventRecord) -> State:
        return {
            "organisation": key[0],
            "prefix": key[1],
            "digits": key[2],
            "active": event.name == "PrefixLicensed",
            "changed": event.position,
        }


class AccreditationProjection(EntityProjection):
    """Accreditations, by accreditor, body and GTIN."""

    entity, model = entities.ACCREDITATION, AccreditationRow

    def key_of(self, entity_key: bytes) -> Key:
        return to_number(entity_key[:32]), to_number(entity_key[32:64]), to_number(entity_key[64:])

    def apply_event(self, key: Key, state: State | None, event: EventRecord) -> State:
        return {
            "accreditor": key[0],
            "body": key[1],
            "gtin": key[2],
            "stages": event.args["stages"],
            "valid_until": event.args["validUntil"],
            "changed": event.position,
        }


class ChannelProjection(EntityProjection):
    """Log channels and their anchors."""

    entity, model = entities.CHANNEL, ChannelRow
    created_by = "ChannelOpened"
    part_tables = ((AnchorRow, ("channel",)),)

    def apply_event(self, key: Key, state: State | None, event: EventRecord) -> State:
        args = event.args
        if event.name == self.created_by:
            return {
                "id": key[0],
                "organisation": args["organisation"],
                "name": without_nul(args["name"]),
                "predecessor": None,
                "size": 0,
                "root": None,
                "anchored": None,
                "position": event.position,
            }
        state = existing(state, event)
        if event.name == "ChannelSucceeded":
            return state | {"predecessor": args["predecessor"]}
        anchor = {
            "position": event.position,
            "channel": key[0],
            "size": args["size"],
            "previous_size": state["size"],
            "root": args["root"],
            "first_time_ns": args["firstTimeNs"],
            "last_time_ns": args["lastTimeNs"],
            "by": address_bytes(args["by"]),
        }
        self.add_parts(AnchorRow, [anchor])
        return state | {"size": args["size"], "root": args["root"], "anchored": event.position}
