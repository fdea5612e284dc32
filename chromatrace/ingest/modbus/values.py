"""Convert registers to readings."""

from __future__ import annotations

import math
import struct
from collections.abc import Sequence
from decimal import Decimal, localcontext

from chromatrace.domain.reading import ReadingValue, normalised
from chromatrace.ingest.modbus.register_map import BIT_TABLES, ModbusTag

_MIN_INTEGER, _MAX_INTEGER = -(2**63), 2**63 - 1
_PRECISION = 2500
"""Digits of the decimal arithmetic: enough for the exact product and sum of a 64-bit float and the limits of a map."""


def decode(tag: ModbusTag, words: Sequence[int]) -> ReadingValue:
    """Return the value of the tag's registers, or of its bit. Raises `ValueError` if it is not a valid reading."""
    if tag.table in BIT_TABLES:
        return "true" if words[0] else "false"
    if tag.type == "bool":
        # A byte order of little swaps the two bytes of the register.
        word = int.from_bytes(words[0].to_bytes(2, tag.byte_order), "big")
        return "true" if word >> (tag.bit or 0) & 1 else "false"
    if tag.type == "string":
        return _text(b"".join(word.to_bytes(2, tag.byte_order) for word in words))
    ordered = words if tag.word_order == "big" else list(reversed(words))
    data = b"".join(word.to_bytes(2, tag.byte_order) for word in ordered)
    if tag.type in ("float32", "float64"):
        number: float = struct.unpack(">f" if tag.type == "float32" else ">d", data)[0]
        if not math.isfinite(number):
            raise ValueError(f"not a finite number: {number}")
        return _scaled(tag, number)
    return _scaled(tag, int.from_bytes(data, "big", signed=tag.type.startswith("int")))


def _scaled(tag: ModbusTag, raw: int | float) -> ReadingValue:
    """Return raw * scale + offset, rounded once: an integer exactly, otherwise the nearest 64-bit float."""
    if tag.scale is None:
        if isinstance(raw, int) and not _MIN_INTEGER <= raw <= _MAX_INTEGER:
            raise ValueError(f"{raw} is outside the range of a 64-bit integer")
        return normalised(raw)
    with localcontext() as context:
        context.prec = _PRECISION
        exact = Decimal(raw) * tag.scale + tag.offset
        if isinstance(raw, int) and exact == exact.to_integral_value():
            if _MIN_INTEGER <= exact <= _MAX_INTEGER:
                return normalised(int(exact))
            raise ValueError(f"{raw} scaled is outside the range of a 64-bit integer")
        number = float(exact)
    if not math.isfinite(number):
        raise ValueError(f"{raw} scaled is not a finite number")
    return number


def _text(data: bytes) -> str:
    """Return the text before the first NUL, without trailing spaces."""
    try:
        return data.split(b"\0", 1)[0].decode("utf-8").rstrip(" ")
    except UnicodeDecodeError:
        raise ValueError(f"not UTF-8 text: {data[:20].hex()}") from None
