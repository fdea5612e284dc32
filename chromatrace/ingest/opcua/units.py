"""Units of OPC UA variables: EUInformation, in which the unit may be a code of UNECE Recommendation 20 only.

Source of the codes: UNECE Recommendation 20, revision 17, annex III. Of the encoding: OPC UA Part 8, 5.6.3.
"""

from __future__ import annotations

from typing import Any

_SYMBOLS = {
    **{"CEL": "°C", "FAH": "°F", "KEL": "K", "PAL": "Pa", "HPA": "hPa", "KPA": "kPa", "MPA": "MPa", "BAR": "bar"},
    **{"MBR": "mbar", "D91": "mrad", "C65": "rad", "DD": "°", "P1": "%", "59": "ppm", "61": "ppb", "C62": "1"},
    **{"SEC": "s", "C26": "ms", "B98": "µs", "C47": "ns", "MIN": "min", "HUR": "h", "DAY": "d", "HTZ": "Hz"},
    **{"KHZ": "kHz", "MHZ": "MHz", "A86": "GHz", "RPM": "r/min", "M46": "r/min", "AMP": "A", "4K": "mA", "B84": "µA"},
    **{"VLT": "V", "2Z": "mV", "KVT": "kV", "D82": "µV", "OHM": "Ω", "B49": "kΩ", "E45": "mΩ", "B75": "MΩ"},
    **{"WTT": "W", "KWT": "kW", "C31": "mW", "MAW": "MW", "JOU": "J", "KJO": "kJ", "WHR": "W·h", "KWH": "kW·h"},
    **{"COU": "C", "AMH": "A·h", "E09": "mA·h", "FAR": "F", "4O": "µF", "NEW": "N", "B47": "kN", "NU": "N·m"},
    **{"MTR": "m", "CMT": "cm", "MMT": "mm", "4H": "µm", "C45": "nm", "KMT": "km", "MTK": "m²", "MTQ": "m³"},
    **{"LTR": "l", "MLT": "ml", "KGM": "kg", "GRM": "g", "MGM": "mg", "TNE": "t", "MTS": "m/s", "KMH": "km/h"},
    **{"MSK": "m/s²", "L2": "l/min", "MQH": "m³/h", "41": "ml/min", "KGS": "kg/s", "LUX": "lx", "LUM": "lm"},
    **{"CDL": "cd", "D10": "S/m", "2N": "dB", "C34": "mol", "4L": "Mbyte", "Q30": "pH"},
}
_UNIT_ID_BYTES = 4


def unit_of(value: Any) -> str:
    """Return the unit in the value of a property EngineeringUnits; "" if it has none."""
    if isinstance(value, str):
        return value.strip()
    name = getattr(getattr(value, "DisplayName", None), "Text", None)
    if name:
        return str(name)
    identifier = getattr(value, "UnitId", None)
    return unit_of_code(identifier) if isinstance(identifier, int) and identifier > 0 else ""


def unit_of_code(unit_id: int) -> str:
    """Return the symbol of a UnitId: the characters of the UNECE code in its bytes. An unknown code is returned."""
    code = unit_id.to_bytes(_UNIT_ID_BYTES, "big").lstrip(b"\0").decode("ascii", "replace")
    return _SYMBOLS.get(code, code if code.isalnum() and code.isascii() else "")
