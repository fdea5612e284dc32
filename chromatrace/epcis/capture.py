"""Select the valid events of a captured document by the error behaviour that the caller requests."""

from __future__ import annotations

from typing import Any

from chromatrace.domain.errors import InvalidInput
from chromatrace.epcis.check import check_document, check_envelope, check_event, declared_prefixes

ROLLBACK, PROCEED = "rollback", "proceed"


def select_events(document: Any, behaviour: str) -> tuple[list[tuple[int, Any]], list[dict[str, str]]]:
    """Return the events to store with their indexes, and the errors of the rejected events.

    `rollback` accepts all events or none; `proceed` accepts the valid ones. Raises `InvalidInput` with a JSON pointer
    if the document, or with `rollback` any event, is invalid.
    """
    if behaviour == ROLLBACK:
        check_document(document)
        return list(enumerate(document["epcisBody"]["eventList"])), []
    check_envelope(document)
    prefixes = declared_prefixes(document["@context"])
    events, errors = [], []
    for index, event in enumerate(document["epcisBody"]["eventList"]):
        try:
            check_event(event, f"/epcisBody/eventList/{index}", prefixes)
            events.append((index, event))
        except InvalidInput as error:
            errors.append(error.as_dict())
    return events, errors
