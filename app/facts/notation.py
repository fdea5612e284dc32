"""Units and formulas as people write them. For pages alone: documents, hashes and JSON keep what was recorded."""

from __future__ import annotations

import re

_RAISED = str.maketrans("0123456789+-", "⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻")
_LOWERED = str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉")

_SYMBOLS = {"Cel": "°C", "Ohm": "Ω", "um": "µm", "us": "µs", "uA": "µA", "uL": "µL"}
"""UCUM codes that differ from the symbols of the SI in letters."""
_PER = re.compile(r"\.([A-Za-z]+)-1(?!\w)")
_FACTOR = re.compile(r"(?<![\w\[{])([A-Za-z]+)(-?[1-9])?(?![\w\]}*])")

_ELEMENT = (
    "(?:A[cglmrstu]|B[aehikr]?|C[adeflmnorsu]?|D[bsy]|E[rsu]|F[elmr]?|G[ade]|H[efgos]?|I[nr]?|Kr?|L[airuv]|M[cdgnot]|"
    "N[abdeiop]?|O[gs]?|P[abdmortu]?|R[abefghnu]|S[bcegimnr]?|T[abcehilms]|U|V|W|Xe|Yb?|Z[nr])"
)
_OXIDE = re.compile(rf"(?<!\w)(?=\w*\d)(?:{_ELEMENT}[2-9]?)+O(?:[2-9]|1[0-9])?(?!\w)")
_ION = re.compile(rf"(?<!\w)({_ELEMENT})([1-8][+-]|(?<=[a-z])\+)(?![\w+-])")


def unit_words(unit: str) -> str:
    """A UCUM unit: "cm2/C" is "cm²/C", "K.s-1" is "K/s", "1" is nothing; what is not of that form stays as it is."""
    if unit == "1":
        return ""
    return _FACTOR.sub(_factor, _PER.sub(r"/\1", unit)).replace(".", "·")


def _factor(found: re.Match[str]) -> str:
    symbol, exponent = found.group(1), found.group(2) or ""
    return _SYMBOLS.get(symbol, symbol) + exponent.translate(_RAISED)


def formula_words(text: str) -> str:
    """Oxides and ions in a text: "WO3" is "WO₃", "W5+" is "W⁵⁺". Names of other things with digits stay as they are."""
    lowered = _OXIDE.sub(lambda found: found.group().translate(_LOWERED), text)
    return _ION.sub(lambda found: found.group(1) + found.group(2).translate(_RAISED), lowered)
