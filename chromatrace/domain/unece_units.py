"""Codes of units. Source: UNECE Recommendation 20, revision 17, annex III."""

from __future__ import annotations

UNECE_SYMBOLS = {
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
"""Symbol by code."""
