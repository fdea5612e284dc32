"""Numbers that people type: ASCII digits with a decimal point or a decimal comma.

Digit groups are rejected. A comma before exactly three digits can be a decimal comma or a separator of thousands, so
the error shows both readings.
"""

from __future__ import annotations

import math
import re

from chromatrace.domain.errors import InvalidInput

_DECIMAL = re.compile(r"[+-]?(?:[0-9]+(?:[.,][0-9]*)?|[.,][0-9]+)(?:[eE][+-]?[0-9]{1,3})?")
_WHOLE = re.compile(r"[+-]?[0-9]+")
_AMBIGUOUS = re.compile(r"(?P<sign>[+-]?)(?P<whole>[1-9][0-9]{0,2}),(?P<rest>[0-9]{3})")
_GROUPED = re.compile(r"[+-]?[0-9]{1,3}(?:[,.'_\u2019\s][0-9]{3})+(?:[.,][0-9]+)?")
_MAX_LENGTH = 100


def parse_decimal(text: str, field: str) -> float:
    """Return the finite number that `text` states. Raises `InvalidInput` naming `field`."""
    number = _unambiguous(text, field)
    if len(number) > _MAX_LENGTH or _DECIMAL.fullmatch(number) is None:
        raise _invalid(number, "number", field)
    value = float(number.replace(",", "."))
    if not math.isfinite(value):
        raise InvalidInput(f"{number!r:.60} is too large", field=field)
    return value


def parse_whole(text: str, field: str) -> int:
    """Return the whole number that `text` states. Raises `InvalidInput` naming `field`."""
    number = _unambiguous(text, field, hint="write it without a comma")
    if len(number) > _MAX_LENGTH or _WHOLE.fullmatch(number) is None:
        raise _invalid(number, "whole number", field)
    return int(number)


def _unambiguous(text: str, field: str, *, hint: str | None = None) -> str:
    number = text.strip()
    ambiguous = _AMBIGUOUS.fullmatch(number)
    if ambiguous is None:
        return number
    sign, whole, rest = ambiguous.group("sign", "whole", "rest")
    readings = f"{sign}{whole}{rest} or {sign}{whole}.{rest}"
    raise InvalidInput(f"{number} is ambiguous: it can mean {readings}", field=field, hint=hint or f"write {readings}")


def _invalid(number: str, kind: str, field: str) -> InvalidInput:
    hint = "write it without separators between groups of digits" if _GROUPED.fullmatch(number) else None
    if not number.isascii():
        hint = "use the digits 0 to 9 and a decimal point"
    return InvalidInput(f"{number!r:.60} is not a valid {kind}", field=field, hint=hint)
