"""Who may see the workshop."""

from __future__ import annotations

from flask import g

from app.context import current_operator, current_portal
from app.errors import InsufficientRightsError
from app.rights import CONSOLE_ROLES, ActingOperator
from chromatrace.domain.errors import NotFound


def require_member() -> None:
    """Raise unless the operator has a console role in the organisation whose plant this portal shows.

    Raises `NotFound` if the portal shows no plant.
    """
    organisation = current_portal().config.plant_organisation
    if organisation is None:
        raise NotFound("this portal shows no plant", hint="set plant_organisation to show the readings of the spool")
    operator = current_operator()
    operator.require(CONSOLE_ROLES, "the workshop")
    if operator.organisation != organisation:
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
    organisation = current_portal().config.plant_organisation
    if operator is None or (owner is not None and owner != organisation):
        return False
    return operator.organisation == organisation and operator.has(CONSOLE_ROLES)
