"""Units of measured values: UCUM, the texts that devices use, and codes of UNECE Recommendation 20.

pint knows the units. Its import takes a part of a second, so it is imported when the first unit is read.

Departures from pint: rpm is 1/min, not an angle per time; an angle is never converted to a number without one.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal
from difflib import get_close_matches
from functools import cache
from typing import Any

from chromatrace.domain.errors import InvalidInput
from chromatrace.domain.unece_units import UNECE_SYMBOLS

MAX_LENGTH = 120
_ALIASES = {
    **{"1": "", "Cel": "degC", "[degF]": "degF", "℃": "degC", "℉": "degF", "Torr": "torr", "mTorr": "mtorr"},
    **{"rpm": "1/min", "r/min": "1/min", "rev/min": "1/min", "U/min": "1/min", "r/s": "1/s", "deg": "degree"},
    **{"Nm": "N*m", "kNm": "kN*m", "mNm": "mN*m", "Ncm": "N*cm", "mm[Hg]": "mmHg", "[psi]": "psi"},
    **{"pcs": "count", "pc": "count", "piece": "count", "pieces": "count", "cfm": "ft**3/min", "kVA": "kV*A"},
    **{"[pH]": "pH", "[ppb]": "ppb", "[ppm]": "ppm", "VAr": "var", "kVAr": "kvar", "sec": "s", "hr": "h"},
    **{"Ohm": "ohm", "mOhm": "mohm", "kOhm": "kohm", "MOhm": "Mohm", "GOhm": "Gohm"},
}
_DEFINITIONS = (
    "sccm = 44.6158e-6 mol / min",
    "slm = 44.6158e-3 mol / min = slpm",
    "pH = [acidity]",
    "NTU = [turbidity]",
    "ppb = 1e-9",
    "volt_ampere_reactive = volt * ampere = var",
)
"""1 cm³ of an ideal gas at 0 °C and 101.325 kPa is 44.6158 µmol (SEMI E12)."""
_SUGGESTIONS = sorted(
    {*UNECE_SYMBOLS.values(), *_ALIASES, "degC", "degF", "mm2", "cm2", "cm3", "kg/m3", "g/cm3", "C/cm2", "cm2/C"}
    | {"nm/min", "kWh", "Wh", "Ah", "mAh", "N.m", "mPa", "ug", "um", "g/l", "mg/l", "sccm", "slm", "NTU", "var"}
)
_POWER = re.compile(r"(?<![A-Za-z0-9])([A-Za-zµμΩ°]+)(-?[1-9])(?![0-9A-Za-z])")
_COUNTED = re.compile(r"(?<![\w*.^])(\d+)([A-Za-z]+)")
_OPERATOR = re.compile(r"([/.*·⋅^() ])")
_ANGLES = ("radian", "degree", "turn", "arcminute", "arcsecond", "grade")
"""Ends of the names of angles in pint."""
_UNSAFE = re.compile(r"\d{5}|\d\s*(?:\*\*|\^)\s*-?\s*\d|[_\\]|__")


class UnitError(InvalidInput):
    """A unit is unknown, or a value cannot be converted to another unit."""


@dataclass(frozen=True, slots=True)
class Conversion:
    """A value in one unit is factor · value + offset in another. The result is rounded once."""

    factor: Decimal
    offset: Decimal

    def __call__(self, value: float) -> float:
        """Return the converted value. A value that is not finite stays as it is."""
        if value != value or value in (float("inf"), float("-inf")):
            return value
        return float(Decimal(value) * self.factor + self.offset)


def check_unit(text: str) -> None:
    """Raise `UnitError` with the nearest known units unless the unit is known. "" is a number without a unit."""
    _unit(text)


def compatible(first: str, second: str) -> bool:
    """Return whether values of one unit can be converted to the other. Raises `UnitError` for an unknown unit."""
    a, b = _unit(first), _unit(second)
    return bool(a.dimensionality == b.dimensionality) and _has_angle(a) == _has_angle(b)


@cache
def conversion(source: str, target: str) -> Conversion:
    """Return the conversion from one unit to another. Raises `UnitError`."""
    if not compatible(source, target):
        raise UnitError(f"{source or 'a number'} cannot be converted to {target or 'a number'}", field="unit")
    zero, one = (_converted(Decimal(value), _unit(source), _unit(target)) for value in (0, 1))
    return Conversion(one - zero, zero)


def convert(value: float, source: str, target: str) -> float:
    """Return a value of one unit in another. Raises `UnitError`."""
    return value if source == target else conversion(source, target)(value)


def _converted(value: Decimal, source: Any, target: Any) -> Decimal:
    """Convert a value; a unit is a quantity such as 1 Pa, or 1/24 %/h."""
    registry = _registry()
    result = registry.Quantity(value * source.magnitude, source.units).to(target.units).magnitude
    return Decimal(result) / Decimal(target.magnitude)


@cache
def _unit(text: str) -> Any:
    stripped = text.strip()
    unit = _parse(_rewritten(stripped)) if len(text) <= MAX_LENGTH and not _UNSAFE.search(text) else None
    if unit is not None:
        return unit
    near = get_close_matches(stripped, _SUGGESTIONS, 3, 0.5)
    near = [known for known in _SUGGESTIONS if known.lower() == stripped.lower()] or near
    raise UnitError(
        f"unknown unit {text!r:.60}", field="unit", hint=f"nearest known units: {', '.join(near)}" if near else None
    )


def _rewritten(text: str) -> str:
    """Return the unit as pint writes it: powers such as cm2, numbers such as 24h, and aliases."""
    text = UNECE_SYMBOLS.get(text, text)
    if text in _ALIASES:
        return _ALIASES[text]
    parts = [_ALIASES.get(part, part) if part.isalpha() else part for part in _OPERATOR.split(text)]
    text = "".join(f"({part})" if "/" in part and part != "/" else part for part in parts)
    text = _COUNTED.sub(r"(\1*\2)", _POWER.sub(r"\1**\2", text))
    return f"1{text}" if text.startswith("/") else text


def _parse(text: str) -> Any:
    """Return 1 unit as a quantity, or None if pint does not know it."""
    import pint

    registry = _registry()
    try:
        return registry.Quantity(Decimal(1), registry.parse_units(text))
    except (pint.PintError, ValueError, TypeError, ArithmeticError, AttributeError, RecursionError, SyntaxError):
        pass
    try:
        quantity = registry.Quantity(registry.parse_expression(text))
        magnitude = Decimal(quantity.magnitude)
    except (pint.PintError, ValueError, TypeError, ArithmeticError, AttributeError, RecursionError, SyntaxError):
        return None
    return registry.Quantity(magnitude, quantity.units) if magnitude > 0 else None


def _has_angle(unit: Any) -> bool:
    return any(name.endswith(_ANGLES) for name, _ in unit.unit_items())


@cache
def _registry() -> Any:
    import pint

    registry: Any = pint.UnitRegistry(non_int_type=Decimal, on_redefinition="ignore")
    for definition in _DEFINITIONS:
        registry.define(definition)
    return registry
