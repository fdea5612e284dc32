"""Units and chemical formulas in typographic notation. For pages only: documents, hashes and JSON stay as recorded."""

from __future__ import annotations

import re

_SUPERSCRIPT = str.maketrans("0123456789+-", "⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻")
_SUBSCRIPT = str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉")

_SYMBOLS = {"Cel": "°C", "Ohm": "Ω", "um": "µm", "us": "µs", "uA": "µA", "uL": "µL"}
"""UCUM codes that differ from the SI symbol."""
_PER = re.compile(r"\.([A-Za-z]+)-1(?!\w)")
_FACTOR = re.compile(r"(?<![\w\[{])([A-Za-z]+)(-?[1-9])?(?![\w\]}*])")

_ELEMENT = (
    "(?:A[cglmrstu]|B[aehikr]?|C[adeflmnorsu]?|D[bsy]|E[rsu]|F[elmr]?|G[ade]|H[efgos]?|I[nr]?|Kr?|L[airuv]|M[cdgnot]|"
    "N[abdeiop]?|O[gs]?|P[abdmortu]?|R[abefghnu]|S[bcegimnr]?|T[abcehilms]|U|V|W|Xe|Yb?|Z[nr])"
)
_OXIDE = re.compile(rf"(?<!\w)(?=\w*\d)(?:{_ELEMENT}[2-9]?)+O(?:[2-9]|1[0-9])?(?!\w)")
_ION = re.compile(rf"(?<!\w)({_ELEMENT})([1-8][+-]|(?<=[a-z])\+)(?![\w+-])")


def format_unit(unit: str) -> str:
    """Format a UCUM unit: "cm2/C" as "cm²/C", "K.s-1" as "K/s", "1" as "". Return other forms unchanged."""
    if unit == "1":
        return ""
    return _FACTOR.sub(_format_factor, _PER.sub(r"/\1", unit)).replace(".", "·")


def _format_factor(match: re.Match[str]) -> str:
    symbol, exponent = match.group(1), match.group(2) or ""
    return _SYMBOLS.get(symbol, symbol) + exponent.translate(_SUPERSCRIPT)


def format_formula(text: str) -> str:
    """Format the oxides and ions in a text: "WO3" as "WO₃", "W5+" as "W⁵⁺". Other names with digits are unchanged."""
    with_oxides = _OXIDE.sub(lambda match: match.group().translate(_SUBSCRIPT), text)
    return _ION.sub(lambda match: match.group(1) + match.group(2).translate(_SUPERSCRIPT), with_oxides)
