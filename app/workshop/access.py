"""Access to the workshop."""

from __future__ import annotations

from flask import g

from app.context import current_operator, current_portal
from app.errors import InsufficientRightsError
from app.rights import CONSOLE_ROLES, ActingOperator
from app.twin import Workshop
from chromatrace.domain.errors import NotFound


def current_workshop() -> Workshop:
    """Return the workshop of this portal. Raises `NotFound` if the portal shows no plant."""
    workshop = current_portal().workshop
    if workshop is None:
        raise NotFound("this portal shows no plant", hint="set plant_organisation and the plant file")
    return workshop


def require_member() -> None:
    """Raise unless the operator has a console role in the organisation whose plant this portal shows.

    Raises `NotFound` if the portal shows no plant.
    """
    workshop, operator = current_workshop(), current_operator()
    operator.require(CONSOLE_ROLES, "the workshop")
    if operator.organisation != workshop.organisation:
        raise InsufficientRightsError(
            "the workshop is for the organisation that runs this plant",
            field="organisation",
            hint="log in as its operator",
        )


def is_member(owner: int | None = None) -> bool:
    """Return whether the operator of the request may see the workshop. False without an operator.

    owner  the organisation that data belongs to; False if the workshop shows another organisation's plant
    """
    operator: ActingOperator | None = g.get("operator")
    workshop = current_portal().workshop
    if operator is None or workshop is None or owner not in (None, workshop.organisation):
        return False
    return operator.organisation == workshop.organisation and operator.has(CONSOLE_ROLES)
