"""GS1 application identifiers (AIs): their formats, and their use in a Digital Link.

Source: the GS1 Barcode Syntax Dictionary, a file of GS1 under the Apache License 2.0, which this package includes
unchanged. It has for each AI the format, the flags (`*` predefined length, `?` permitted as a query attribute of a
Digital Link) and, for a primary key, the sequences of its qualifiers. To update it, replace the file.

A format is a sequence of components, each with a character set (N digits, X set 82, Y set 39, Z base64url), a length
("6": exactly six, "..20": one to twenty; in brackets: optional and last) and checks.

Not checked, because a URI parser does not need it: whether a company prefix was issued, lists of countries, currencies
and package types, the format of coupons, and which AIs require or exclude each other.
"""

from __future__ import annotations

import datetime
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from chromatrace.domain.identifiers import SET_82, check_digit

DICTIONARY = Path(__file__).parent / "gs1-syntax-dictionary.txt"

_SET_39 = frozenset("#-/0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ")
_SET_64 = frozenset("-0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ_abcdefghijklmnopqrstuvwxyz=")
_DIGITS = frozenset("0123456789")
_CHARACTER_SETS = {"N": _DIGITS, "X": SET_82, "Y": _SET_39, "Z": _SET_64}
_SET_NAMES = {"N": "a digit", "X": "in GS1 character set 82", "Y": "in GS1 character set 39", "Z": "base64url"}

_RELEASE = re.compile(r"^# Release: (\d{4}-\d\d-\d\d)$", re.MULTILINE)
_ENTRY = re.compile(r"(\d{2,4})(?:-(\d{2,4}))?\s+([*?]*)\s+([^#]*?)\s*(?:#.*)?", re.ASCII)
_COMPONENT = re.compile(r"(\[?)([NXYZ])(\.\.)?(\d+)\]?((?:,\w+)*)", re.ASCII)

SHORT_NAMES = {
    **{"sscc": "00", "gtin": "01", "gdti": "253", "gcn": "255", "ginc": "401", "gsin": "402", "gln": "414"},
    **{"payTo": "415", "party": "417", "grai": "8003", "giai": "8004", "itip": "8006"},
    **{"cpid": "8010", "gmn": "8013", "gsrnp": "8017", "gsrn": "8018", "cpv": "22", "lot": "10", "ser": "21"},
    **{"tpx": "235", "glnx": "254", "cpsn": "8011", "srin": "8019", "refno": "8020"},
}
"""Alphabetic names of version 1.1 of the standard, now deprecated."""


@dataclass(frozen=True, slots=True)
class _Component:
    characters: str
    minimum: int
    maximum: int
    checks: tuple[str, ...]
    optional: bool


@dataclass(frozen=True, slots=True)
class ApplicationIdentifier:
    """An AI and the format of its value.

    predefined_length  whether an element string needs no separator after the value
    is_attribute       whether it may be in the query of a Digital Link
    qualifiers         of a primary key: alternative sequences of its qualifiers; otherwise empty
    """

    code: str
    components: tuple[_Component, ...]
    predefined_length: bool = False
    is_attribute: bool = False
    qualifiers: tuple[tuple[str, ...], ...] = ()

    @property
    def length(self) -> int:
        """The number of characters of a value of predefined length."""
        return sum(component.maximum for component in self.components)

    def format_error(self, value: str) -> str | None:
        """Return why `value` is invalid, or None if it is valid."""
        rest = value
        for component in self.components:
            if component.optional and not rest:
                break
            part, rest = rest[: component.maximum], rest[component.maximum :]
            if len(part) < component.minimum:
                return f"{value!r} is too short: {self.describe()}"
            allowed = _CHARACTER_SETS[component.characters]
            for character in part:
                if character not in allowed:
                    return f"{character!r} is not {_SET_NAMES[component.characters]}"
            for check in component.checks:
                error = _CHECKS[check](part)
                if error:
                    return error
        return f"{value!r} is too long: {self.describe()}" if rest else None

    def describe(self) -> str:
        """Return the format as text for messages."""
        kinds = {"N": "digits", "X": "characters", "Y": "characters", "Z": "characters"}
        words = []
        for part in self.components:
            length = str(part.maximum) if part.minimum == part.maximum else f"{part.minimum} to {part.maximum}"
            words.append(f"{length} {kinds[part.characters]}" + (" (optional)" if part.optional else ""))
        return "expected " + ", then ".join(words)


def _csum(part: str) -> str | None:
    expected = check_digit(part[:-1])
    return None if part[-1] == expected else f"check digit of {part} is {part[-1]}, expected {expected}"


_CSUM_ALPHA_SET = "!\"%&'()*+,-./0123456789:;<=>?ABCDEFGHIJKLMNOPQRSTUVWXYZ_abcdefghijklmnopqrstuvwxyz"
_CSUM_ALPHA_CHECK = "23456789ABCDEFGHJKLMNPQRSTUVWXYZ"
_PRIMES = (2, 3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53, 59, 61, 67, 71, 73, 79, 83)


def _csumalpha(part: str) -> str | None:
    """Check the character pair of General Specifications 7.9.5: set-82 values weighted by primes from the right."""
    if len(part) < 3:
        return f"{part!r} is too short for two check characters"
    total = sum(_CSUM_ALPHA_SET.index(c) * prime for c, prime in zip(reversed(part[:-2]), _PRIMES, strict=False)) % 1021
    expected = _CSUM_ALPHA_CHECK[total >> 5] + _CSUM_ALPHA_CHECK[total & 31]
    return None if part[-2:] == expected else f"check characters of {part} are {part[-2:]}, expected {expected}"


def _day(part: str) -> str | None:
    # Every year divisible by four from 2000 to 2096 is a leap year, so the century does not matter.
    try:
        datetime.date(2000 + int(part[:2]), int(part[2:4]), int(part[4:]))
    except ValueError:
        return f"{part} is not a valid date YYMMDD"
    return None


def _day_or_month(part: str) -> str | None:
    """Check a date whose day may be 00, for the whole month."""
    return _day(part[:4] + "01" if part[4:] == "00" else part)


def _long_day(part: str) -> str | None:
    try:
        datetime.date(int(part[:4]), int(part[4:6]), int(part[6:]))
    except ValueError:
        return f"{part} is not a valid date YYYYMMDD"
    return None


def _time(part: str) -> str | None:
    return None if int(part[:2]) < 24 and int(part[2:]) < 60 else f"{part} is not a valid time HHMM"


def _piece_of_total(part: str) -> str | None:
    piece, total = int(part[:2]), int(part[2:])
    return None if 1 <= piece <= total else f"piece {piece} of {total} is not valid"


def _position_in_sequence(part: str) -> str | None:
    match = re.fullmatch(r"([1-9])/([1-9])", part, re.ASCII)
    return None if match and match[1] <= match[2] else f"expected a position such as 1/2, got {part}"


def _iban(part: str) -> str | None:
    digits = re.fullmatch(r"[A-Z]{2}[0-9]{2}[0-9A-Z]+", part, re.ASCII) and part[4:] + part[:4]
    if digits and int("".join(str(int(character, 36)) for character in digits)) % 97 == 1:
        return None
    return f"{part} is not a valid IBAN"


def _matching(pattern: str, expected: str) -> Callable[[str], str | None]:
    compiled = re.compile(pattern, re.ASCII)
    return lambda part: None if compiled.fullmatch(part) else f"expected {expected}, got {part}"


def _at_most(maximum: int) -> Callable[[str], str | None]:
    return lambda part: None if int(part) <= maximum else f"{part} exceeds {maximum}"


_CHECKS: dict[str, Callable[[str], str | None]] = {
    "csum": _csum,
    "csumalpha": _csumalpha,
    "yymmdd": _day,
    "yymmd0": _day_or_month,
    "yyyymmdd": _long_day,
    "hhmi": _time,
    "hh": _at_most(23),
    "mi": _at_most(59),
    "ss": _at_most(59),
    "latitude": _at_most(1_800_000_000),
    "longitude": _at_most(3_600_000_000),
    "pieceoftotal": _piece_of_total,
    "posinseqslash": _position_in_sequence,
    "iban": _iban,
    "yesno": _matching("[01]", "0 or 1"),
    "zero": _matching("0", "0"),
    "nonzero": _matching(r"\d*[1-9]\d*", "a number above zero"),
    "nozeroprefix": _matching(r"0|[1-9]\d*", "a number without a leading zero"),
    "winding": _matching("[019]", "0, 1 or 9"),
    "iso5218": _matching("[0129]", "0, 1, 2 or 9"),
    "mediatype": _matching("0[1-9]|10|[89][0-9]", "an assigned media type"),
    "importeridx": _matching(r"[-\w]", "a letter, a digit, - or _"),
    "hyphen": _matching("-+", "a hyphen"),
    "hasnondigit": _matching(r".*\D.*", "at least one character that is not a digit"),
    "pcenc": _matching("(?:[^%]|%[0-9A-Fa-f]{2})*", "a valid percent-encoding"),
}
_UNCHECKED = frozenset(
    {"gcppos1", "gcppos2", "iso3166", "iso3166999", "iso3166alpha2", "iso4217", "packagetype"}
    | {"couponcode", "couponposoffer"}
)
"""Checks that need lists, see the module's docstring."""


def _component(text: str) -> _Component:
    match = _COMPONENT.fullmatch(text)
    if match is None:
        raise ValueError(f"invalid format component {text!r}")
    optional, characters, variable, length, named = match.groups()
    checks = tuple(name for name in named.split(",")[1:] if name not in _UNCHECKED)
    if unknown := set(checks) - _CHECKS.keys():
        raise ValueError(f"unknown checks {sorted(unknown)}")
    return _Component(characters, 1 if variable else int(length), int(length), checks, bool(optional))


def _entries(dictionary: str) -> Iterator[ApplicationIdentifier]:
    for line in dictionary.splitlines():
        if not line or line.startswith("#"):
            continue
        match = _ENTRY.fullmatch(line)
        if match is None:
            raise ValueError(f"invalid entry {line!r}")
        first, last, flags, rest = match.groups()
        words = rest.split()
        attributes = {
            word.partition("=")[0]: word.partition("=")[2] for word in words if not _COMPONENT.fullmatch(word)
        }
        components = tuple(_component(word) for word in words if _COMPONENT.fullmatch(word))
        sequences: tuple[tuple[str, ...], ...] = ()
        if "dlpkey" in attributes:
            listed = attributes["dlpkey"].split("|")
            sequences = tuple(tuple(sequence.split(",")) if sequence else () for sequence in listed)
        for number in range(int(first), int(last or first) + 1):
            code = str(number).zfill(len(first))
            yield ApplicationIdentifier(code, components, "*" in flags, "?" in flags, sequences)


def _release(dictionary: str) -> str:
    match = _RELEASE.search(dictionary)
    if match is None:
        raise ValueError("the dictionary has no release")
    return match[1]


_TEXT = DICTIONARY.read_text(encoding="utf-8")

EDITION = _release(_TEXT)
"""Release date of the dictionary."""

APPLICATION_IDENTIFIERS: dict[str, ApplicationIdentifier] = {entry.code: entry for entry in _entries(_TEXT)}
"""All AIs by code."""

KEY_QUALIFIERS: dict[str, tuple[tuple[str, ...], ...]] = {
    code: entry.qualifiers for code, entry in APPLICATION_IDENTIFIERS.items() if entry.qualifiers
}
"""Primary keys with their alternative sequences of qualifiers. A link uses one sequence, in order, with gaps."""

NEVER_ATTRIBUTES = frozenset(code for code, entry in APPLICATION_IDENTIFIERS.items() if not entry.is_attribute)
"""AIs that must not be in the query of a link."""
