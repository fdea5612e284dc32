"""The product identifiers (EPCs) in an EPCIS event, in one canonical form for URNs and Digital Links."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, unquote

from chromatrace.domain.errors import ChromaTraceError, InvalidInput
from chromatrace.domain.identifiers import BatchId, BatchKey, Gtin, check_digit
from chromatrace.identity.digital_link import DigitalLink

_EPC_LISTS = ("epcList", "childEPCs", "inputEPCList", "outputEPCList")
_CLASS_LISTS = ("quantityList", "childQuantityList", "inputQuantityList", "outputQuantityList")

_URN = re.compile(r"urn:epc:(?:id|class|idpat):([a-z]+):(.+)", re.ASCII | re.IGNORECASE)
_PRODUCT_LINK = re.compile(r"https?://[^?#]*/(?:01|gtin)/[0-9]{8,14}(?:[/?#].*)?", re.ASCII | re.IGNORECASE)
_LOGISTIC_KEYS = frozenset({"00", "8003", "8004", "401", "402"})
"""SSCC, GRAI, GIAI, GINC, GSIN: they identify what carries products, not a product line."""
_WHOLE_GTIN = re.compile(r"urn:epc:(?:idpat:(?:sgtin|lgtin)|class:lgtin):(\d{6,12})\.(\d{1,7})\.\*", re.ASCII)
_COMPANY = re.compile(r"urn:epc:idpat:(sgtin|lgtin|sscc):(\d{6,12}|\*)((?:\.\*)+)", re.ASCII)
_GTIN_DIGITS, _SSCC_DIGITS = 14, 18


@dataclass(frozen=True, slots=True)
class Identifier:
    """An identifier of an event.

    key   canonical text: the path of its Digital Link, such as `01/09521234543213/10/L1`; else the URI itself
    gtin  product, if it identifies a trade item; `lot` and `serial` are parts of such an identifier
    """

    key: str
    gtin: Gtin | None = None
    lot: str | None = None
    serial: str | None = None

    @property
    def is_logistic(self) -> bool:
        """Whether it identifies a carrier of products, such as an SSCC, which has no product line."""
        return self.gtin is None and self.key.partition("/")[0] in _LOGISTIC_KEYS

    @property
    def batch(self) -> BatchId | None:
        """The batch that it names, alone or with a serial."""
        if self.gtin is None or self.lot is None:
            return None
        try:
            return BatchKey.parse(self.gtin.value, self.lot).batch_id
        except ChromaTraceError:
            return None

    @property
    def subject(self) -> str:
        """Subject of a department record: `GTIN/lot` if it names a lot, otherwise the GTIN or the key."""
        if self.gtin is None:
            return self.key
        return str(self.gtin) if self.lot is None else f"{self.gtin}/{self.lot}"


@dataclass(frozen=True, slots=True)
class Selection:
    """The identifiers that one value of a `MATCH_` parameter selects.

    keys    first and last key, for identifiers that are not trade items
    gtins   first and last GTIN as numbers; `lot` and `serial` restrict them further

    A GTIN selects its lots and units, a lot only the lot as a whole. A unit is the same with and without its lot: an
    SGTIN has none.
    """

    keys: tuple[str, str] | None = None
    gtins: tuple[int, int] | None = None
    lot: str | None = None
    serial: str | None = None

    @property
    def batch(self) -> BatchId | None:
        """The batch that it names, alone or with a serial."""
        if self.gtins is None or self.lot is None:
            return None
        return Identifier("", Gtin.from_number(self.gtins[0]), self.lot).batch


def event_epcs(event: Mapping[str, Any]) -> list[str]:
    """Return every product identifier in the event once: instances, classes and the parent."""
    epcs = [epc for name in _EPC_LISTS for epc in event.get(name, [])]
    epcs += [item["epcClass"] for name in _CLASS_LISTS for item in event.get(name, [])]
    if "parentID" in event:
        epcs.append(event["parentID"])
    return list(dict.fromkeys(epcs))


def identifiers_of(event: Mapping[str, Any]) -> list[Identifier]:
    """Return the distinct identifiers in an event."""
    return list(dict.fromkeys(map(identify, event_epcs(event))))


def identify(epc: str) -> Identifier:
    """Return the canonical form of an EPC. Text that is not a GS1 identifier is its own key."""
    urn = _URN.fullmatch(epc)
    try:
        if urn is not None:
            return _identify_urn(urn[1].lower(), urn[2].split(".", 2)) or Identifier(epc)
        link = DigitalLink.parse(epc)
    except ChromaTraceError:
        return Identifier(epc)
    if link.gtin is None:
        return Identifier("/".join(f"{ai}/{quote(value, safe='')}" for ai, value in link.path))
    qualifiers = dict(link.path[1:])
    return _trade_item(link.gtin, qualifiers.get("10"), qualifiers.get("21"), qualifiers.get("235"))


def check_product_link(epc: str) -> None:
    """Reject a URI that names a product in the form of a Digital Link, but is not a valid one. Raises `InvalidInput`.

    Readers would take it for the product, but its events would not be found by the product.
    """
    if _PRODUCT_LINK.fullmatch(epc) is not None and identify(epc).gtin is None:
        raise InvalidInput(
            f"{epc!r:.200} is not a valid GS1 Digital Link",
            field="epc",
            hint="write https://id.gs1.org/01/GTIN/10/LOT with a GTIN of 14 digits",
        )


def select(text: str, parameter: str) -> tuple[Selection, ...]:
    """Return what a value of a `MATCH_` parameter selects: a URI, or a pattern `urn:epc:idpat:…`.

    Patterns: GTINs and lots (`sgtin`, `lgtin`) and SSCCs with `*` for trailing parts. Raises `InvalidInput`.
    """
    whole = _WHOLE_GTIN.fullmatch(text)
    if whole is not None:
        gtin = _gtin(whole[1], whole[2])
        if gtin is not None:
            return (Selection(gtins=(int(gtin), int(gtin))),)
    company = _COMPANY.fullmatch(text)
    if company is not None and company[3].count("*") == (1 if company[1] == "sscc" else 2):
        return tuple(_company_selections(company[1], company[2]))
    if "*" in text:
        raise InvalidInput(
            f"unsupported pattern {text!r:.100}",
            field=parameter,
            hint="use urn:epc:idpat:sgtin:PREFIX.ITEM.*, urn:epc:idpat:sgtin:PREFIX.*.*, the same with lgtin, "
            "urn:epc:idpat:sscc:PREFIX.*, or the URI of a GTIN or lot; %2A is a literal asterisk in a Digital Link",
        )
    found = identify(text)
    if found.gtin is None:
        return (Selection(keys=(found.key, found.key)),)
    return (Selection(gtins=(int(found.gtin), int(found.gtin)), lot=found.lot, serial=found.serial),)


def _company_selections(scheme: str, prefix: str) -> Iterable[Selection]:
    digits = _SSCC_DIGITS if scheme == "sscc" else _GTIN_DIGITS
    prefixes = [""] if prefix == "*" else [f"{first}{prefix}" for first in range(10)]
    for start in prefixes:
        first, last = start.ljust(digits, "0"), start.ljust(digits, "9")
        if scheme == "sscc":
            yield Selection(keys=(f"00/{first}", f"00/{last}"))
        else:
            yield Selection(gtins=(int(first), int(last)))


def _identify_urn(scheme: str, parts: list[str]) -> Identifier | None:
    """Return the identifier of an EPC URN (GS1 EPC Tag Data Standard, section 6), or None if it is not known."""
    if len(parts) < 2 or not all(parts):
        return None
    prefix, reference, *rest = parts
    if not re.fullmatch(r"\d{6,12}", prefix, re.ASCII):
        return None
    match scheme:
        case "sgtin" | "lgtin" if rest:
            gtin = _gtin(prefix, reference)
            value = unquote(rest[0])
            if gtin is None:
                return None
            if value == "*":
                return _trade_item(gtin)
            return _trade_item(gtin, lot=value) if scheme == "lgtin" else _trade_item(gtin, serial=value)
        case "sscc" if not rest and re.fullmatch(r"\d+", reference, re.ASCII):
            body = reference[0] + prefix + reference[1:]
            return Identifier(f"00/{body}{check_digit(body)}") if len(body) == _SSCC_DIGITS - 1 else None
        case "grai" if rest and re.fullmatch(r"\d*", reference, re.ASCII):
            body = prefix + reference
            serial = quote(unquote(rest[0]), safe="")
            return Identifier(f"8003/0{body}{check_digit(body)}{serial}") if len(body) == 12 else None
        case "giai":
            reference = unquote(".".join(parts[1:]))
            return Identifier(f"8004/{prefix}{quote(reference, safe='')}")
    return None


def _gtin(prefix: str, reference: str) -> Gtin | None:
    body = reference[0] + prefix + reference[1:]
    if len(body) != _GTIN_DIGITS - 1 or not reference.isdigit():
        return None
    return Gtin(body + check_digit(body))


def _trade_item(
    gtin: Gtin, lot: str | None = None, serial: str | None = None, third_party: str | None = None
) -> Identifier:
    parts = [("01", gtin.value), ("10", lot), ("21", serial), ("235", third_party)]
    key = "/".join(f"{ai}/{quote(value, safe='')}" for ai, value in parts if value is not None)
    return Identifier(key, gtin, lot, serial)
