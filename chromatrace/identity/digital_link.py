"""Build and parse GS1 Digital Link URIs strictly.

    https://{host}[/stem]/01/{GTIN-14}[/22/{variant}][/10/{lot}][/21/{serial}][?17=…&other=…][#…]

Source: GS1 Digital Link Standard: URI Syntax, and the test cases of GS1's syntax engine. Values are checked as well:
check digits, dates, character sets and lengths.
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
"""Default resolver of a link."""

MAX_LENGTH = 2_000

_URI_CHARACTERS = re.compile(r"[A-Za-z0-9\-._~:/?#\[\]@!$&'()*+,;=%]*", re.ASCII)
_BASE = re.compile(r"([^:/?#]*)://([^/?#]*)((?:/[^?#]*)?)", re.ASCII)
_HOST = re.compile(r"(?:\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9.\-]+)(?::[0-9]{1,5})?", re.ASCII)
_BAD_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2})")
_NUMERIC = re.compile(r"[0-9]+", re.ASCII)
_BRACKETED = re.compile(r"\((\d{2,4})\)((?:[^(\\]|\\.)*)", re.ASCII)
_UNKNOWN_AI = re.compile(r"[0-9]{2,4}", re.ASCII)


_SYMBOLOGY = re.compile(r"\][A-Za-z][0-9A-Za-z]")
_GS1_SYMBOLOGIES = frozenset({"]C1", "]e0", "]d2", "]Q3", "]J1"})
"""GS1-128, GS1 DataBar, GS1 DataMatrix, GS1 QR Code, GS1 DotCode."""
_SEPARATOR = re.compile("[\x1d\u241d^]")
_ELEMENT_STRING = re.compile(r"[\x1d\u241d^]|01[0-9]{14}|00[0-9]{18}", re.ASCII)


class Element(NamedTuple):
    """An AI and its decoded value."""

    ai: str
    value: str


@dataclass(frozen=True, slots=True)
class DigitalLink:
    """A GS1 Digital Link, validated on construction. Raises `DigitalLinkError` naming a part or an AI.

    base        scheme, host and stem without a trailing slash, such as "https://example.org/products"
    path        primary key and its qualifiers, in the order of the standard
    attributes  AIs of the query, in order
    parameters  other query parameters (`linkType=…`), name and value; None if there is no "="
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
                raise DigitalLinkError(
                    f"{name!r} is not a valid parameter name; names of digits are reserved for AIs", field="query"
                )

    # -- elements

    def __getitem__(self, ai: str) -> str:
        for element in self.elements():
            if element.ai == ai:
                return element.value
        raise KeyError(ai)

    def get(self, ai: str) -> str | None:
        """Return the value of an AI in path or query, or None."""
        return next((element.value for element in self.elements() if element.ai == ai), None)

    def elements(self) -> Iterator[Element]:
        """Yield key, qualifiers and attributes in the order of the URI."""
        yield from self.path
        yield from self.attributes

    @property
    def key(self) -> Element:
        """Primary key."""
        return self.path[0]

    @property
    def gtin(self) -> Gtin | None:
        """Product, if the primary key is a GTIN."""
        return Gtin(self.key.value) if self.key.ai == "01" else None

    @property
    def lot(self) -> Lot | None:
        """Lot, if it qualifies the key."""
        return next((Lot(element.value) for element in self.path if element.ai == "10"), None)

    @property
    def serial(self) -> Serial | None:
        """Serial of the unit, if it qualifies the key."""
        return next((Serial(element.value) for element in self.path if element.ai == "21"), None)

    @property
    def batch_key(self) -> BatchKey | None:
        """GTIN and lot, if the link has both."""
        gtin, lot = self.gtin, self.lot
        return BatchKey(gtin, lot) if gtin and lot else None

    @property
    def gln(self) -> Gln | None:
        """Location, if the primary key is a GLN."""
        return Gln(self.key.value) if self.key.ai == "414" else None

    @property
    def sscc(self) -> Sscc | None:
        """Logistic unit, if the primary key is an SSCC."""
        return Sscc(self.key.value) if self.key.ai == "00" else None

    # -- forms

    @property
    def uri(self) -> str:
        """The URI, as encoded in a QR code."""
        path = "".join(f"/{element.ai}/{_quoted(element.value)}" for element in self.path)
        query = [f"{element.ai}={_quoted(element.value)}" for element in self.attributes]
        query += [
            _quoted(name) if value is None else f"{_quoted(name)}={_quoted(value)}" for name, value in self.parameters
        ]
        return self.base + path + ("?" + "&".join(query) if query else "")

    def bracketed(self) -> str:
        """Return the human-readable form, such as "(01)09521234543213(10)L2410A"."""
        return "".join(f"({ai}){value}" for ai, value in self.elements())

    def __str__(self) -> str:
        return self.uri

    # -- constructors

    @classmethod
    def build(cls, elements: Iterable[tuple[str, str]], base: str = GS1_RESOLVER) -> Self:
        """Build a link from AIs and values in any order.

        The path has the first primary key and its qualifiers; the other AIs go into the query. Repeated elements with
        equal values are merged. Raises `DigitalLinkError`.
        """
        values: dict[str, str] = {}
        for ai, value in elements:
            if values.setdefault(ai, value) != value:
                raise DigitalLinkError(f"conflicting values {values[ai]!r} and {value!r}", field=f"({ai})")
        key = next((ai for ai in values if ai in KEY_QUALIFIERS), None)
        if key is None:
            raise DigitalLinkError(
                "no primary key among the AIs", field="path", hint="add a GTIN (01), an SSCC (00), a GLN (414) …"
            )
        sequence = max(KEY_QUALIFIERS[key], key=lambda qualifiers: sum(ai in values for ai in qualifiers))
        in_path = [key, *(ai for ai in sequence if ai in values)]
        attributes = [Element(ai, value) for ai, value in values.items() if ai not in in_path]
        # Values of predefined length go first, which saves separators in an element string.
        attributes.sort(key=lambda element: not _application_identifier(element.ai).predefined_length)
        return cls(base, tuple(Element(ai, values[ai]) for ai in in_path), tuple(attributes))

    @classmethod
    def from_bracketed(cls, text: str, base: str = GS1_RESOLVER) -> Self:
        """Parse "(01)09521234543213(10)L2410A". A backslash escapes a bracket in a value."""
        position, elements = 0, []
        for match in _BRACKETED.finditer(text):
            if match.start() != position:
                break
            elements.append((match[1], re.sub(r"\\(.)", r"\1", match[2])))
            position = match.end()
        if position != len(text) or not elements:
            raise DigitalLinkError(
                f"no element at position {position + 1} of {text!r}",
                field="elements",
                hint="for example (01)09521234543213(10)L1",
            )
        return cls.build(elements, base)

    @classmethod
    def from_element_string(cls, text: str, base: str = GS1_RESOLVER) -> Self:
        """Parse the content of a GS1 code, such as 01, GTIN, 10, lot, separator, 21, serial.

        Separators: GS (U+001D), its symbol U+241D, or ^. AIs that have no place in a link are left out.
        """
        elements = list(_read_elements(text))
        keys = [ai for ai, _ in elements if ai in KEY_QUALIFIERS]
        qualifiers = {ai for key in keys[:1] for sequence in KEY_QUALIFIERS[key] for ai in sequence}
        return cls.build(
            ((ai, value) for ai, value in elements if ai in qualifiers or ai not in NEVER_ATTRIBUTES), base
        )

    @classmethod
    def parse(
        cls,
        uri: str,
        *,
        allow_zero_suppressed_gtin: bool = False,
        allow_unknown_ais: bool = False,
        allow_short_names: bool = False,
    ) -> Self:
        """Parse a URI. Raises `DigitalLinkError` naming `uri`, `scheme`, `host`, `path`, `query` or an AI.

        allow_zero_suppressed_gtin  pad GTIN-8, GTIN-12 and GTIN-13 with zeros
        allow_unknown_ais           accept unsupported AIs in the query
        allow_short_names           accept deprecated names such as /gtin/…/lot/…
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


def read_code(text: str, base: str = GS1_RESOLVER) -> DigitalLink:
    """Parse the content of a code in any notation: a URI, an element string, or an element string with brackets.

    A symbology identifier (ISO/IEC 15424), such as `]d2`, may precede it. `base` is that of a link without a URI.
    Raises `DigitalLinkError`.
    """
    identifier = _SYMBOLOGY.match(text)
    content = text[identifier.end() :] if identifier else text
    if content.startswith("("):
        return DigitalLink.from_bracketed(content, base)
    if (identifier and identifier[0] in _GS1_SYMBOLOGIES) or _ELEMENT_STRING.match(content):
        return DigitalLink.from_element_string(content, base)
    return DigitalLink.parse(content)


def uri_for_batch(base_url: str, key: BatchKey) -> str:
    """Return the URI of a batch below `base_url` (scheme, host and stem)."""
    return DigitalLink(base_url, (Element("01", key.gtin.value), Element("10", key.lot.value))).uri


def uri_for_unit(base_url: str, key: BatchKey, serial: Serial) -> str:
    """Return the URI of a unit below `base_url`."""
    path = (Element("01", key.gtin.value), Element("10", key.lot.value), Element("21", serial.value))
    return DigitalLink(base_url, path).uri


def _read_elements(text: str) -> Iterator[Element]:
    """Yield the elements of an element string (General Specifications, 7.8). Raises `DigitalLinkError`."""
    for group in _SEPARATOR.split(text):
        rest = group
        while rest:
            codes = (rest[:length] for length in (2, 3, 4))
            found = next((APPLICATION_IDENTIFIERS[code] for code in codes if code in APPLICATION_IDENTIFIERS), None)
            if found is None:
                raise DigitalLinkError(
                    f"no application identifier at the start of {_shown(rest)}",
                    field="elements",
                    hint="a separator (FNC1) must follow a value of variable length",
                )
            rest = rest[len(found.code) :]
            length = found.length if found.predefined_length else len(rest)
            value, rest = rest[:length], rest[length:]
            if error := found.format_error(value):
                raise DigitalLinkError(error, field=f"({found.code})")
            yield Element(found.code, value)


def _application_identifier(ai: str) -> ApplicationIdentifier:
    known = APPLICATION_IDENTIFIERS.get(ai)
    if known is None:
        raise DigitalLinkError(
            f"{ai!r} is not a supported GS1 application identifier",
            field=f"({ai})",
            hint="parameter names of digits are reserved for AIs",
        )
    return known


def _check_rules(path: tuple[Element, ...], attributes: tuple[Element, ...], allow_unknown_ais: bool) -> None:
    if not path or path[0].ai not in KEY_QUALIFIERS:
        raise DigitalLinkError("the path does not start with a primary key", field="path")
    key, *qualifiers = (element.ai for element in path)
    sequences = KEY_QUALIFIERS[key]
    possible = [sequence for sequence in sequences if _in_order(qualifiers, sequence)]
    if not possible:
        allowed = " or ".join("/".join(sequence) or "none" for sequence in sequences)
        raise DigitalLinkError(
            f"/{'/'.join(qualifiers)} does not qualify ({key})", field="path", hint=f"allowed, in this order: {allowed}"
        )
    seen = {element.ai for element in path}
    for ai, _ in attributes:
        field = f"({ai})"
        if ai in seen:
            raise DigitalLinkError("duplicate AI", field=field)
        if any(ai in sequence for sequence in possible):
            raise DigitalLinkError(f"qualifies ({key}) and must be in the path", field=field)
        if ai in NEVER_ATTRIBUTES:
            raise DigitalLinkError("is not permitted as a query attribute", field=field)
        seen.add(ai)
    for ai, value in (*path, *attributes):
        if not value:
            raise DigitalLinkError("the value is empty", field=f"({ai})")
        if allow_unknown_ais and ai not in APPLICATION_IDENTIFIERS:
            error = _unknown_ai_error(ai, value)
        else:
            error = _application_identifier(ai).format_error(value)
        if error:
            raise DigitalLinkError(error, field=f"({ai})")


def _unknown_ai_error(ai: str, value: str) -> str | None:
    if not _UNKNOWN_AI.fullmatch(ai):
        return f"expected an AI of two to four digits, got {ai!r}"
    return APPLICATION_IDENTIFIERS["99"].format_error(value)


def _in_order(qualifiers: list[str], sequence: tuple[str, ...]) -> bool:
    remaining = iter(sequence)
    return all(ai in remaining for ai in qualifiers)


def _split(uri: str) -> tuple[str, str, str]:
    """Split a URI into scheme with host, path and query."""
    if len(uri) > MAX_LENGTH:
        raise DigitalLinkError(f"the URI has {len(uri)} characters; the maximum is {MAX_LENGTH}", field="uri")
    valid = _URI_CHARACTERS.match(uri)
    if valid is None or valid.end() != len(uri):
        position = valid.end() if valid else 0
        raise DigitalLinkError(f"{uri[position]!r} at position {position + 1} is not allowed in a URI", field="uri")
    without_fragment = uri.partition("#")[0]
    before_query, _, query = without_fragment.partition("?")
    match = _BASE.fullmatch(before_query)
    if match is None:
        raise DigitalLinkError(f"{_shown(uri)} is not a web address", field="uri", hint="it must start with https://")
    scheme, host, path = match.groups()
    return f"{scheme}://{host}", path, query


def _checked_base(base: str) -> str:
    match = _BASE.fullmatch(base)
    if match is None:
        raise DigitalLinkError(f"{_shown(base)} is not a web address", field="uri", hint="it must start with https://")
    scheme, host, stem = match.groups()
    if scheme not in ("https", "http", "HTTPS", "HTTP"):
        raise DigitalLinkError(f"expected 'https' or 'http', got {scheme!r}", field="scheme")
    if not _HOST.fullmatch(host):
        raise DigitalLinkError(f"{host!r} is not a valid host name", field="host")
    valid = _URI_CHARACTERS.match(stem)
    if valid is None or valid.end() != len(stem):
        raise DigitalLinkError(f"{stem!r} has characters that are not allowed in a URI", field="path")
    return f"{scheme}://{host}{stem.rstrip('/')}"


def _find_key(path: str, *, short_names: bool) -> tuple[str, list[str]]:
    """Split a path into its stem and the segments from the primary key on. The rightmost key is used."""
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
        f"no GS1 primary key in {_shown(path)}", field="path", hint="expected for example /01/09521234543213/10/L2410A"
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
        # In a query, unlike in a path, a plus sign is a space.
        attributes.append(Element(name, _decoded(value.replace("+", " "), f"({name})")))
    return attributes, parameters


def _decoded(raw: str, field: str) -> str:
    invalid = _BAD_ESCAPE.search(raw)
    if invalid:
        start = invalid.start()
        raise DigitalLinkError(f"{raw[start : start + 3]!r} is not a valid percent-encoding", field=field)
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
