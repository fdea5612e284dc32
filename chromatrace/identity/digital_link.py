"""GS1 Digital Link URIs: strict build and parse.

    https://{host}[/stem]/01/{GTIN-14}[/22/{variant}][/10/{lot}][/21/{serial}][?17=…&other=…][#…]

Source: GS1 Digital Link Standard: URI Syntax, and the test cases of GS1's own syntax engine. A value that is
right in the URI is right in its format too: check digits, dates, character sets and lengths are checked.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import InitVar, dataclass
from typing import NamedTuple, Self
from urllib.parse import quote, unquote_to_bytes

from chromatrace.domain.identifiers import BatchKey, Gln, Gtin, Lot, Serial, Sscc
from chromatrace.identity.application_identifiers import (
    APPLICATION_IDENTIFIERS,
    KEY_QUALIFIERS,
    NEVER_ATTRIBUTES,
    SHORT_NAMES,
    ApplicationIdentifier,
)
from chromatrace.identity.errors import DigitalLinkError

GS1_RESOLVER = "https://id.gs1.org"
"""Where a link points that names no resolver of its own; also the stem of the canonical form."""

MAX_LENGTH = 2_000

_URI_CHARACTERS = re.compile(r"[A-Za-z0-9\-._~:/?#\[\]@!$&'()*+,;=%]*", re.ASCII)
_BASE = re.compile(r"([^:/?#]*)://([^/?#]*)((?:/[^?#]*)?)", re.ASCII)
_HOST = re.compile(r"(?:\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9.\-]+)(?::[0-9]{1,5})?", re.ASCII)
_BAD_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2})")
_NUMERIC = re.compile(r"[0-9]+", re.ASCII)
_BRACKETED = re.compile(r"\((\d{2,4})\)((?:[^(\\]|\\.)*)", re.ASCII)
_UNKNOWN_AI = re.compile(r"[0-9]{2,4}", re.ASCII)


class Element(NamedTuple):
    """One AI and its value, decoded."""

    ai: str
    value: str


@dataclass(frozen=True, slots=True)
class DigitalLink:
    """A GS1 Digital Link, valid from the moment it is built. Raises `DigitalLinkError` naming a part or an AI.

    base        scheme, host and stem, without a trailing slash: "https://example.org/products"
    path        the primary key and its qualifiers, in the order of the standard
    attributes  further AIs, from the query, in their order there
    parameters  what else stands in the query (`linkType=…`), name and value; a value of None has no "="
    """

    base: str
    path: tuple[Element, ...]
    attributes: tuple[Element, ...] = ()
    parameters: tuple[tuple[str, str | None], ...] = ()
    allow_unknown_ais: InitVar[bool] = False

    def __post_init__(self, allow_unknown_ais: bool) -> None:
        object.__setattr__(self, "base", _checked_base(self.base))
        _check_rules(self.path, self.attributes, allow_unknown_ais)
        for name, _ in self.parameters:
            if not name or _NUMERIC.fullmatch(name):
                raise DigitalLinkError(f"{name!r} cannot name a parameter: digits name AIs", field="query")

    # -- what it says

    def __getitem__(self, ai: str) -> str:
        for element in self.elements():
            if element.ai == ai:
                return element.value
        raise KeyError(ai)

    def get(self, ai: str) -> str | None:
        """The value of an AI, from path or query; None where it is absent."""
        return next((element.value for element in self.elements() if element.ai == ai), None)

    def elements(self) -> Iterator[Element]:
        """Key, qualifiers and attributes, in their order in the URI."""
        yield from self.path
        yield from self.attributes

    @property
    def key(self) -> Element:
        """The primary key."""
        return self.path[0]

    @property
    def gtin(self) -> Gtin | None:
        """The product, where the primary key is a GTIN."""
        return Gtin(self.key.value) if self.key.ai == "01" else None

    @property
    def lot(self) -> Lot | None:
        """The lot, where it qualifies the key."""
        return next((Lot(element.value) for element in self.path if element.ai == "10"), None)

    @property
    def serial(self) -> Serial | None:
        """The unit's serial, where it qualifies the key."""
        return next((Serial(element.value) for element in self.path if element.ai == "21"), None)

    @property
    def batch_key(self) -> BatchKey | None:
        """GTIN and lot; None where the link names no batch."""
        gtin, lot = self.gtin, self.lot
        return BatchKey(gtin, lot) if gtin and lot else None

    @property
    def gln(self) -> Gln | None:
        """The place, where the primary key is one."""
        return Gln(self.key.value) if self.key.ai == "414" else None

    @property
    def sscc(self) -> Sscc | None:
        """The shipment, where the primary key is one."""
        return Sscc(self.key.value) if self.key.ai == "00" else None

    # -- how it is written

    @property
    def uri(self) -> str:
        """The URI; what stands in the QR code."""
        path = "".join(f"/{element.ai}/{_quoted(element.value)}" for element in self.path)
        query = [f"{element.ai}={_quoted(element.value)}" for element in self.attributes]
        query += [
            _quoted(name) if value is None else f"{_quoted(name)}={_quoted(value)}" for name, value in self.parameters
        ]
        return self.base + path + ("?" + "&".join(query) if query else "")

    @property
    def canonical_uri(self) -> str:
        """The one form that every resolver would agree on: GS1's host, attributes by AI, nothing else."""
        return DigitalLink(GS1_RESOLVER, self.path, tuple(sorted(self.attributes)), allow_unknown_ais=True).uri

    def element_string(self, separator: str = "\x1d") -> str:
        """The same data as a GS1 element string, from FNC1 on; `separator` stands for FNC1."""
        text, open_ended = "", True
        for ai, value in self.elements():
            text += (separator if open_ended else "") + ai + value
            known = APPLICATION_IDENTIFIERS.get(ai)
            open_ended = known is None or not known.predefined_length
        return text

    def bracketed(self) -> str:
        """For people: "(01)09521234543213(10)L2410A"."""
        return "".join(f"({ai}){value}" for ai, value in self.elements())

    def __str__(self) -> str:
        return self.uri

    # -- how it is made

    @classmethod
    def build(cls, elements: Iterable[tuple[str, str]], base: str = GS1_RESOLVER) -> Self:
        """From AIs and values in any order: the first primary key leads, its qualifiers follow, the rest is query.

        An element that stands there twice with one value is taken once. Raises `DigitalLinkError`.
        """
        found: dict[str, str] = {}
        for ai, value in elements:
            if found.setdefault(ai, value) != value:
                raise DigitalLinkError(f"two values: {found[ai]!r} and {value!r}", field=f"({ai})")
        key = next((ai for ai in found if ai in KEY_QUALIFIERS), None)
        if key is None:
            raise DigitalLinkError(
                "there is no primary key among the AIs", field="path", hint="a GTIN (01), an SSCC (00), a GLN (414) …"
            )
        sequence = max(KEY_QUALIFIERS[key], key=lambda qualifiers: sum(ai in found for ai in qualifiers))
        in_path = [key, *(ai for ai in sequence if ai in found)]
        rest = [Element(ai, value) for ai, value in found.items() if ai not in in_path]
        # Values of predefined length first, as in an element string, where that saves separators.
        rest.sort(key=lambda element: not _known(element.ai).predefined_length)
        return cls(base, tuple(Element(ai, found[ai]) for ai in in_path), tuple(rest))

    @classmethod
    def from_bracketed(cls, text: str, base: str = GS1_RESOLVER) -> Self:
        """From "(01)09521234543213(10)L2410A"; a bracket that belongs to a value is written as a backslash and it."""
        place, elements = 0, []
        for match in _BRACKETED.finditer(text):
            if match.start() != place:
                break
            elements.append((match[1], re.sub(r"\\(.)", r"\1", match[2])))
            place = match.end()
        if place != len(text) or not elements:
            raise DigitalLinkError(
                f"no element at position {place + 1} of {text!r}",
                field="elements",
                hint="write (01)09521234543213(10)L1",
            )
        return cls.build(elements, base)

    @classmethod
    def parse(
        cls,
        uri: str,
        *,
        allow_zero_suppressed_gtin: bool = False,
        allow_unknown_ais: bool = False,
        allow_short_names: bool = False,
    ) -> Self:
        """Reads a URI. Raises `DigitalLinkError` naming `uri`, `scheme`, `host`, `path`, `query` or an AI.

        allow_zero_suppressed_gtin  GTIN-8, -12 and -13 are filled up with zeros
        allow_unknown_ais           AIs that we do not know may stand in the query
        allow_short_names           the deprecated names: /gtin/…/lot/…
        """
        scheme_and_host, path, query = _split(uri)
        base, segments = _find_key(path, short_names=allow_short_names)
        elements = []
        for name, raw in zip(segments[::2], segments[1::2], strict=True):
            ai = SHORT_NAMES.get(name, name) if allow_short_names else name
            elements.append(Element(ai, _decoded(raw, f"({ai})")))
        attributes, parameters = _read_query(query)
        if allow_zero_suppressed_gtin:
            elements, attributes = _with_full_gtins(elements), _with_full_gtins(attributes)
        return cls(
            scheme_and_host + base,
            tuple(elements),
            tuple(attributes),
            tuple(parameters),
            allow_unknown_ais=allow_unknown_ais,
        )


def uri_for_batch(base_url: str, key: BatchKey) -> str:
    """The URI of a batch below `base_url` (scheme, host and stem)."""
    return DigitalLink(base_url, (Element("01", key.gtin.value), Element("10", key.lot.value))).uri


def uri_for_unit(base_url: str, key: BatchKey, serial: Serial) -> str:
    """The URI of one unit of a batch below `base_url`."""
    path = (Element("01", key.gtin.value), Element("10", key.lot.value), Element("21", serial.value))
    return DigitalLink(base_url, path).uri


def _known(ai: str) -> ApplicationIdentifier:
    known = APPLICATION_IDENTIFIERS.get(ai)
    if known is None:
        raise DigitalLinkError(
            f"{ai!r} is no GS1 application identifier that we know",
            field=f"({ai})",
            hint="names of digits only are reserved for them",
        )
    return known


def _check_rules(path: tuple[Element, ...], attributes: tuple[Element, ...], allow_unknown_ais: bool) -> None:
    if not path or path[0].ai not in KEY_QUALIFIERS:
        raise DigitalLinkError("the path does not begin with a primary key", field="path")
    key, *qualifiers = (element.ai for element in path)
    sequences = KEY_QUALIFIERS[key]
    if not any(_in_order(qualifiers, sequence) for sequence in sequences):
        allowed = " or ".join("/".join(sequence) or "none" for sequence in sequences)
        raise DigitalLinkError(
            f"/{'/'.join(qualifiers)} cannot qualify ({key})", field="path", hint=f"allowed, in this order: {allowed}"
        )
    seen = {element.ai for element in path}
    for ai, _ in attributes:
        field = f"({ai})"
        if ai in seen:
            raise DigitalLinkError("stands there twice", field=field)
        if any(ai in sequence for sequence in sequences):
            raise DigitalLinkError(f"qualifies ({key}) and belongs in the path", field=field)
        if ai in NEVER_ATTRIBUTES:
            raise DigitalLinkError("never stands in the query", field=field)
        seen.add(ai)
    for ai, value in (*path, *attributes):
        if not value:
            raise DigitalLinkError("has no value", field=f"({ai})")
        if allow_unknown_ais and ai not in APPLICATION_IDENTIFIERS:
            fault = _fault_of_unknown(ai, value)
        else:
            fault = _known(ai).fault(value)
        if fault:
            raise DigitalLinkError(fault, field=f"({ai})")


def _fault_of_unknown(ai: str, value: str) -> str | None:
    if not _UNKNOWN_AI.fullmatch(ai):
        return f"an AI has two to four digits, got {ai!r}"
    return APPLICATION_IDENTIFIERS["99"].fault(value)


def _in_order(qualifiers: list[str], sequence: tuple[str, ...]) -> bool:
    remaining = iter(sequence)
    return all(ai in remaining for ai in qualifiers)


def _split(uri: str) -> tuple[str, str, str]:
    """Scheme with host, path, query."""
    if len(uri) > MAX_LENGTH:
        raise DigitalLinkError(f"at most {MAX_LENGTH} characters, got {len(uri)}", field="uri")
    good = _URI_CHARACTERS.match(uri)
    if good is None or good.end() != len(uri):
        place = good.end() if good else 0
        raise DigitalLinkError(f"{uri[place]!r} at position {place + 1} cannot stand in a URI", field="uri")
    without_fragment = uri.partition("#")[0]
    before_query, _, query = without_fragment.partition("?")
    match = _BASE.fullmatch(before_query)
    if match is None:
        raise DigitalLinkError(f"{_shown(uri)} is no web address", field="uri", hint="it begins with https://")
    scheme, host, path = match.groups()
    return f"{scheme}://{host}", path, query


def _checked_base(base: str) -> str:
    match = _BASE.fullmatch(base)
    if match is None:
        raise DigitalLinkError(f"{_shown(base)} is no web address", field="uri", hint="it begins with https://")
    scheme, host, stem = match.groups()
    if scheme not in ("https", "http", "HTTPS", "HTTP"):
        raise DigitalLinkError(f"'https' or 'http' is needed, got {scheme!r}", field="scheme")
    if not _HOST.fullmatch(host):
        raise DigitalLinkError(f"{host!r} is no host name", field="host")
    good = _URI_CHARACTERS.match(stem)
    if good is None or good.end() != len(stem):
        raise DigitalLinkError(f"{stem!r} cannot stand in a URI", field="path")
    return f"{scheme}://{host}{stem.rstrip('/')}"


def _find_key(path: str, *, short_names: bool) -> tuple[str, list[str]]:
    """Splits a path into the stem and the segments from the primary key on: the rightmost key counts."""
    segments = path.split("/")[1:]
    if segments and segments[-1] == "":
        raise DigitalLinkError("the path ends with a slash or an empty value", field="path")
    for start in range(len(segments) - 2, -1, -2):
        name = segments[start]
        ai = SHORT_NAMES.get(name, name) if short_names else name
        if ai in KEY_QUALIFIERS:
            stem = "".join(f"/{segment}" for segment in segments[:start])
            return stem, segments[start:]
        if ai not in APPLICATION_IDENTIFIERS:
            break
    raise DigitalLinkError(
        f"no GS1 primary key in {_shown(path)}", field="path", hint="such as /01/09521234543213/10/L2410A"
    )


def _read_query(query: str) -> tuple[list[Element], list[tuple[str, str | None]]]:
    attributes: list[Element] = []
    parameters: list[tuple[str, str | None]] = []
    for part in query.split("&"):
        if not part:
            continue
        name, equals, value = part.partition("=")
        if not _NUMERIC.fullmatch(name):
            decoded = _decoded(value.replace("+", " "), name) if equals else None
            parameters.append((_decoded(name.replace("+", " "), "query"), decoded))
            continue
        # In a query, unlike in a path, a plus is a space.
        attributes.append(Element(name, _decoded(value.replace("+", " "), f"({name})")))
    return attributes, parameters


def _decoded(raw: str, field: str) -> str:
    bad = _BAD_ESCAPE.search(raw)
    if bad:
        raise DigitalLinkError(f"{raw[bad.start() : bad.start() + 3]!r} is no percent-encoding", field=field)
    try:
        return unquote_to_bytes(raw).decode("utf-8")
    except UnicodeDecodeError as error:
        raise DigitalLinkError(f"{raw!r} does not decode to UTF-8", field=field) from error


def _shown(text: str) -> str:
    return repr(text if len(text) <= 80 else f"{text[:77]}…")


def _quoted(value: str) -> str:
    return quote(value, safe="")


def _with_full_gtins(elements: list[Element]) -> list[Element]:
    return [
        Element(ai, value.zfill(14)) if ai == "01" and len(value) in (8, 12, 13) else Element(ai, value)
        for ai, value in elements
    ]
