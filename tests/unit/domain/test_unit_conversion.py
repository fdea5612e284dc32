"""Units: texts of devices, UCUM and UNECE codes; exact conversion."""

from __future__ import annotations

import math

import pytest

from chromatrace.domain.unece_units import UNECE_SYMBOLS
from chromatrace.domain.units import UnitError, check_unit, compatible, convert

KNOWN = [
    *("", "1", "Pa", "mbar", "Cel", "degC", "°C", "[degF]", "K", "%", "ppm", "ppb", "sccm", "slm", "nm/min", "/min"),
    *("1/min", "rpm", "N.m", "N·m", "Nm", "cm2/C", "C/cm2", "g/cm3", "m³/h", "m/s²", "m/s2", "kW.h", "kWh", "A.h"),
    *("%/24h", "Ohm", "Ω", "kΩ", "pH", "NTU", "dB", "mm[Hg]", "Torr", "kvar", "µS/cm", "um", "W/m2", "J/(kg.K)", "pcs"),
    *("Cel/min", "kg.m/s2", "S/m", "lx", "Mbyte", "°", "mrad", "m-1", "m^2", "1/s", "h", "d", "l/min"),
]


@pytest.mark.parametrize("unit", KNOWN, ids=[f"{n}-{unit}" for n, unit in enumerate(KNOWN)])
def test_units_of_plants_are_known(unit):
    check_unit(unit)


@pytest.mark.parametrize("code", sorted(UNECE_SYMBOLS))
def test_a_code_and_its_symbol_are_the_same_unit(code):
    assert convert(3.0, code, UNECE_SYMBOLS[code]) == pytest.approx(3.0, rel=1e-12)


@pytest.mark.parametrize(
    ("unit", "near"),
    [("Cell", "Cel"), ("mBarr", "mbar"), ("kWhh", "kWh"), ("nm/mim", "nm/min"), ("RPM1", None), ("hektoPascals", None)],
)
def test_an_unknown_unit_names_the_nearest(unit, near):
    with pytest.raises(UnitError, match="unknown unit") as raised:
        check_unit(unit)
    assert near is None or near in raised.value.hint


@pytest.mark.parametrize(
    "unit", ["9**9**9", "10^99", "m\\n", "__import__('os')", "(" * 500, "2m", "-m", "0*m", "x" * 200]
)
def test_a_text_that_is_no_unit_is_rejected(unit):
    if unit == "2m":
        assert convert(1.0, unit, "m") == 2.0
        return
    with pytest.raises(UnitError):
        check_unit(unit)


@pytest.mark.parametrize(
    ("value", "source", "target", "expected"),
    [
        (1234.0, "N", "kN", 1.234),
        (0.1, "kN", "N", 100.0),
        (25.0, "Cel", "K", 298.15),
        (212.0, "[degF]", "Cel", 100.0),
        (10.0, "Cel/min", "K/s", 1 / 6),
        (3000.0, "r/min", "Hz", 50.0),
        (24.0, "%/24h", "%/h", 1.0),
        (1.0, "%", "ppm", 10_000.0),
        (1.0, "sccm", "slm", 0.001),
        (180.0, "°", "rad", math.pi),
        (1.0, "Torr", "Pa", 133.32236842105263),
        (math.inf, "N", "kN", math.inf),
    ],
)
def test_values_are_converted(value, source, target, expected):
    assert convert(value, source, target) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize(("first", "second"), [("rpm", "rad/s"), ("Pa", "m"), ("%", "°"), ("pH", "%"), ("", "Cel")])
def test_other_quantities_are_not_compatible(first, second):
    assert not compatible(first, second)
    with pytest.raises(UnitError, match="cannot be converted"):
        convert(1.0, first, second)
