"""Which goods an EPCIS event names, and of which product lines they are."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import unquote

from chromatrace.domain.errors import ChromaTraceError
from chromatrace.domain.identifiers import Gtin, check_digit
from chromatrace.identity.digital_link import DigitalLink

_EPCS = ("epcList", "childEPCs", "inputEPCList", "outputEPCList")
_CLASSES = ("quantityList", "childQuantityList", "inputQuantityList", "outputQuantityList")
_SGTIN = re.compile(r"urn:epc:(?:id:sgtin|class:lgtin|idpat:sgtin):(\d{6,12})\.(\d)(\d*)\.", re.ASCII)

_LGTIN = re.compile(r"urn:epc:class:lgtin:\d{6,12}\.\d{1,7}\.(.+)", re.ASCII)


def epcs_of(event: Mapping[str, Any]) -> list[str]:
    """Every identifier of goods in the event, each once: instances, classes, and the parent."""
    found = [epc for name in _EPCS for epc in event.get(name, [])]
    found += [item["epcClass"] for name in _CLASSES for item in event.get(name, [])]
    if "parentID" in event:
        found.append(event["parentID"])
    return list(dict.fromkeys(found))


def gtins_of(epcs: Iterable[str]) -> set[Gtin] | None:
    """The product lines of the goods; None where one of them is not known to be of any."""
    lines: set[Gtin] = set()
    for epc in epcs:
        line = _gtin(epc)
        if line is None:
            return None
        lines.add(line)
    return lines


def product_of(epc: str) -> str:
    """What a department record calls these goods: `GTIN/lot` where the lot is named, else the GTIN, else the EPC."""
    line = _gtin(epc)
    if line is None:
        return epc
    urn = _LGTIN.match(epc)
    if urn is not None:
        return f"{line}/{unquote(urn[1])}"
    try:
        lot = DigitalLink.parse(epc).lot
    except ChromaTraceError:
        return str(line)
    return f"{line}/{lot}" if lot is not None else str(line)


def _gtin(epc: str) -> Gtin | None:
    urn = _SGTIN.match(epc)
    if urn is not None:
        body = urn[2] + urn[1] + urn[3]
        return Gtin(body + check_digit(body)) if len(body) == 13 else None
    try:
        return DigitalLink.parse(epc).gtin
    except ChromaTraceError:
        return None
