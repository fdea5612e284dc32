"""The product identifiers (EPCs) in an EPCIS event, and the GTINs and lots that they belong to."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import unquote

from chromatrace.domain.errors import ChromaTraceError
from chromatrace.domain.identifiers import Gtin, check_digit
from chromatrace.identity.digital_link import DigitalLink

_EPC_LISTS = ("epcList", "childEPCs", "inputEPCList", "outputEPCList")
_CLASS_LISTS = ("quantityList", "childQuantityList", "inputQuantityList", "outputQuantityList")
_GTIN_URN = re.compile(r"urn:epc:(?:id:sgtin|class:lgtin|idpat:sgtin):(\d{6,12})\.(\d)(\d*)\.", re.ASCII)
_LOT_URN = re.compile(r"urn:epc:class:lgtin:\d{6,12}\.\d{1,7}\.(.+)", re.ASCII)


def event_epcs(event: Mapping[str, Any]) -> list[str]:
    """Return every product identifier in the event once: instances, classes and the parent."""
    epcs = [epc for name in _EPC_LISTS for epc in event.get(name, [])]
    epcs += [item["epcClass"] for name in _CLASS_LISTS for item in event.get(name, [])]
    if "parentID" in event:
        epcs.append(event["parentID"])
    return list(dict.fromkeys(epcs))


def gtins_of(epcs: Iterable[str]) -> set[Gtin] | None:
    """Return the GTINs of the identifiers; None if one of them has no GTIN."""
    gtins: set[Gtin] = set()
    for epc in epcs:
        gtin = _gtin(epc)
        if gtin is None:
            return None
        gtins.add(gtin)
    return gtins


def product_of(epc: str) -> str:
    """Return the subject of a department record: `GTIN/lot` if the EPC has a lot, otherwise the GTIN or the EPC."""
    gtin = _gtin(epc)
    if gtin is None:
        return epc
    urn = _LOT_URN.match(epc)
    if urn is not None:
        return f"{gtin}/{unquote(urn[1])}"
    try:
        lot = DigitalLink.parse(epc).lot
    except ChromaTraceError:
        return str(gtin)
    return f"{gtin}/{lot}" if lot is not None else str(gtin)


def _gtin(epc: str) -> Gtin | None:
    urn = _GTIN_URN.match(epc)
    if urn is not None:
        body = urn[2] + urn[1] + urn[3]
        return Gtin(body + check_digit(body)) if len(body) == 13 else None
    try:
        return DigitalLink.parse(epc).gtin
    except ChromaTraceError:
        return None
