"""Units of OPC UA variables: EUInformation, in which the unit may be a code of UNECE Recommendation 20 only.

Source of the encoding: OPC UA Part 8, 5.6.3.
"""

from __future__ import annotations

from typing import Any

from chromatrace.domain.unece_units import UNECE_SYMBOLS

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
    return UNECE_SYMBOLS.get(code, code if code.isalnum() and code.isascii() else "")
