"""GS1 application identifiers (AIs): their formats, and their use in a Digital Link.

Formats: GS1 General Specifications, section 3. A format is a sequence of components, each with a character set (N
digits, X set 82, Y set 39, Z base64url), a length ("6": exactly six, "..20": one to twenty; in brackets: optional and
last) and checks. Keys and their qualifiers: GS1 Digital Link Standard: URI Syntax, section 4.

Not checked, because a URI parser does not need it: whether a company prefix was issued, country and currency codes,
and which AIs require or exclude each other (General Specifications 4.13).
"""

from __future__ import annotations

import datetime
import re
from collections.abc import Callable
from dataclasses import dataclass

from chromatrace.domain.identifiers import SET_82, check_digit

_SET_39 = frozenset("#-/0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ")
_SET_64 = frozenset("-0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ_abcdefghijklmnopqrstuvwxyz=")
_DIGITS = frozenset("0123456789")
_CHARACTER_SETS = {"N": _DIGITS, "X": SET_82, "Y": _SET_39, "Z": _SET_64}
_SET_NAMES = {"N": "a digit", "X": "in GS1 character set 82", "Y": "in GS1 character set 39", "Z": "base64url"}

_FORMATS = """
00 N18,csum | 01,02 N14,csum | 10 X..20 | 11-13,15-17 N6,date | 20 N2 | 21,22 X..20 | 235 X..28 | 240,241 X..30
242 N..6 | 243 X..20 | 250,251 X..30 | 253 N13,csum [X..17] | 254 X..20 | 255 N13,csum [N..12] | 30 N..8
3100-3105,3110-3115,3120-3125,3130-3135,3140-3145,3150-3155,3160-3165 N6
3200-3205,3210-3215,3220-3225,3230-3235,3240-3245,3250-3255,3260-3265,3270-3275,3280-3285,3290-3295 N6
3300-3305,3310-3315,3320-3325,3330-3335,3340-3345,3350-3355,3360-3365,3370-3375 N6
3400-3405,3410-3415,3420-3425,3430-3435,3440-3445,3450-3455,3460-3465,3470-3475,3480-3485,3490-3495 N6
3500-3505,3510-3515,3520-3525,3530-3535,3540-3545,3550-3555,3560-3565,3570-3575 N6
3600-3605,3610-3615,3620-3625,3630-3635,3640-3645,3650-3655,3660-3665,3670-3675,3680-3685,3690-3695 N6
37 N..8 | 3900-3909 N..15 | 3910-3919 N3 N..15 | 3920-3929 N..15 | 3930-3939 N3 N..15 | 3940-3943 N4 | 3950-3955 N6
400,401,403 X..30 | 402 N17,csum | 410-417 N13,csum | 420 X..20 | 421 N3 X..9 | 422,424,426 N3 | 423,425 N..15
427 X..3 | 4300,4301,4310,4311,4320 X..35 | 4302-4306,4312-4316 X..70 | 4307,4317 X2 | 4308,4319 X..30 | 4309 N20
4318 X..20 | 4321-4323 N1,yesno | 4324,4325 N6,date N4,hour | 4326 N6,day | 4330-4333 N6 [X1]
7001 N13 | 7002 X..30 | 7003 N6,day N4,hour | 7004 N..4 | 7005 X..12 | 7006 N6,day | 7007 N6,day [N6,day] | 7008 X..3
7009 X..10 | 7010 X..2 | 7011 N6,day [N4,hour] | 7020-7022 X..20 | 7023 X..30 | 7030-7039 N3 X..27 | 7040 N1 X3
710-715 X..20 | 7230-7239 X2 X..28 | 7240 X..20 | 7241 N2 | 7242 X..25
8001 N14 | 8002 X..20 | 8003 N1,zero N13,csum [X..16] | 8004 X..30 | 8005 N6 | 8006,8026 N14,csum N4,pieces
8007 X..34 | 8008 N6,day N2 [N..4] | 8009 X..50 | 8010 Y..30 | 8011 N..12,plain | 8012 X..20 | 8013 X..25,csumalpha
8017,8018 N18,csum | 8019 N..10 | 8020 X..25 | 8030 Z..90 | 8110,8112 X..70 | 8111 N4 | 8200 X..70
90 X..30 | 91-99 X..90
"""

_COMPONENT = re.compile(r"(\[?)([NXYZ])(\.\.)?(\d+)((?:,\w+)*)(\]?)")

KEY_QUALIFIERS: dict[str, tuple[tuple[str, ...], ...]] = {
    "00": ((),),
    "01": (("22", "10", "21"), ("235",)),
    "253": ((),),
    "255": ((),),
    "401": ((),),
    "402": ((),),
    "414": (("254",), ("7040",)),
    "415": (("8020",),),
    "417": (("7040",),),
    "8003": ((),),
    "8004": (("7040",),),
    "8006": (("22", "10", "21"),),
    "8010": (("8011",),),
    "8013": ((),),
    "8017": (("8019",),),
    "8018": (("8019",),),
}
"""Primary keys with their alternative sequences of qualifiers. A link uses one sequence, in order, with gaps."""

NEVER_ATTRIBUTES = frozenset({"21", "22", "235", "254", "8011", "8019", "8020"})
"""AIs that are only valid as qualifiers in the path."""

SHORT_NAMES = {
    **{"sscc": "00", "gtin": "01", "gdti": "253", "gcn": "255", "ginc": "401", "gsin": "402", "gln": "414"},
    **{"payTo": "415", "party": "417", "grai": "8003", "giai": "8004", "itip": "8006"},
    **{"cpid": "8010", "gmn": "8013", "gsrnp": "8017", "gsrn": "8018", "cpv": "22", "lot": "10", "ser": "21"},
    **{"tpx": "235", "glnx": "254", "cpsn": "8011", "srin": "8019", "refno": "8020"},
}
"""Alphabetic names of version 1.1 of the standard, now deprecated."""

_PREDEFINED_LENGTH = frozenset(f"{number:02d}" for number in (*range(5), *range(11, 21), *range(31, 37), 41))


@dataclass(frozen=True, slots=True)
class _Component:
    characters: str
    minimum: int
    maximum: int
    checks: tuple[str, ...]
    optional: bool


@dataclass(frozen=True, slots=True)
class ApplicationIdentifier:
    """An AI and the format of its value."""

    code: str
    components: tuple[_Component, ...]

    @property
    def predefined_length(self) -> bool:
        """Whether an element string needs no separator after this AI (General Specifications, figure 7.8.5-2)."""
        return self.code[:2] in _PREDEFINED_LENGTH

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


def _date(part: str) -> str | None:
    """Check a date whose day may be 00, for the whole month."""
    return _day(part[:4] + "01" if part[4:] == "00" else part)


def _hour(part: str) -> str | None:
    return None if int(part[:2]) < 24 and int(part[2:]) < 60 else f"{part} is not a valid time HHMM"


def _pieces(part: str) -> str | None:
    piece, total = int(part[:2]), int(part[2:])
    return None if 1 <= piece <= total else f"piece {piece} of {total} is not valid"


def _yesno(part: str) -> str | None:
    return None if part in "01" else f"expected 0 or 1, got {part}"


def _zero(part: str) -> str | None:
    return None if part == "0" else f"expected 0, got {part}"


def _plain(part: str) -> str | None:
    return f"{part} has a leading zero" if part.startswith("0") and part != "0" else None


_CHECKS: dict[str, Callable[[str], str | None]] = {
    **{"csum": _csum, "csumalpha": _csumalpha, "date": _date, "day": _day, "hour": _hour, "pieces": _pieces},
    **{"yesno": _yesno, "zero": _zero, "plain": _plain},
}


def _component(text: str) -> _Component:
    match = _COMPONENT.fullmatch(text)
    if match is None:
        raise ValueError(f"invalid format component {text!r}")
    optional, characters, variable, length, checks, _ = match.groups()
    maximum = int(length)
    return _Component(characters, 1 if variable else maximum, maximum, tuple(checks.split(",")[1:]), bool(optional))


def _table() -> dict[str, ApplicationIdentifier]:
    table: dict[str, ApplicationIdentifier] = {}
    for row in re.split(r"[|\n]", _FORMATS.strip()):
        codes, *parts = row.split()
        components = tuple(_component(part) for part in parts)
        for span in codes.split(","):
            first, _, last = span.partition("-")
            for number in range(int(first), int(last or first) + 1):
                code = str(number).zfill(len(first))
                table[code] = ApplicationIdentifier(code, components)
    return table


APPLICATION_IDENTIFIERS: dict[str, ApplicationIdentifier] = _table()
"""All supported AIs by code."""
