"""Values of Sparkplug B metrics (Sparkplug 3.0.0, section 6.4)."""

from __future__ import annotations

import math
from typing import Any

from chromatrace.domain.reading import BAD, GOOD, MAX_VALUE_TEXT, UNCERTAIN, ReadingValue, normalised
from chromatrace.ingest.times import rfc3339

BAD_NO_COMMUNICATION = 0x8031_0000
"""OPC UA status code of a tag whose node or device is dead."""
_UNCERTAIN_LAST_USABLE = 0x4090_0000

_SIGNED_BITS = {1: 8, 2: 16, 3: 32, 4: 64}
_UNSIGNED_BITS = {5: 8, 6: 16, 7: 32, 8: 64}
_FLOATS = (9, 10)
_BOOLEAN, _DATE_TIME = 11, 13
_TEXTS = (12, 14, 15)
_LEFT_OUT = {16: "data set", 17: "bytes", 18: "file", 19: "template", **dict.fromkeys(range(22, 35), "array")}
_FIELD_BITS = {"int_value": 32, "long_value": 64}
_STALE = 500
_SEVERITY = {0: BAD, 1: UNCERTAIN, 3: GOOD}


def left_out_reason(datatype: int) -> str | None:
    """Return why metrics of this data type are not read, or None if they are."""
    if datatype in _LEFT_OUT:
        return _LEFT_OUT[datatype]
    return None if 1 <= datatype <= 15 else f"unknown data type {datatype}"


def metric_value(metric: Any, datatype: int) -> ReadingValue:
    """Return the value as a number or text: a Boolean as true or false, a time in RFC 3339. Raises `ValueError`."""
    field = metric.WhichOneof("value")
    if field is None:
        raise ValueError("no value, but is_null is not set")
    value = getattr(metric, field)
    if datatype in _FLOATS and field in ("float_value", "double_value"):
        if not math.isfinite(value):
            raise ValueError(f"not a finite number: {value}")
        return float(value)
    if datatype in _SIGNED_BITS and field in _FIELD_BITS:
        return normalised(_in_range(_signed(value, _SIGNED_BITS[datatype], _FIELD_BITS[field]), datatype))
    if datatype in _UNSIGNED_BITS and field in _FIELD_BITS:
        return normalised(_in_range(value, datatype))
    if datatype == _BOOLEAN and field == "boolean_value":
        return "true" if value else "false"
    if datatype == _DATE_TIME and field == "long_value":
        try:
            return rfc3339(value * 10**6)
        except OverflowError as error:
            raise ValueError(f"{value} ms is not a valid time") from error
    if datatype in _TEXTS and field == "string_value":
        if not isinstance(value, str):  # protobuf returns bytes
            raise ValueError("a text that is not UTF-8")
        if len(value) > MAX_VALUE_TEXT:
            raise ValueError(f"a text of {len(value)} characters; the maximum is {MAX_VALUE_TEXT}")
        return value
    raise ValueError(f"data type {datatype} does not fit the field {field}")


def _signed(value: int, bits: int, field_bits: int) -> int:
    """Return a signed integer. Encoders extend the sign to the width of the type or to that of the field."""
    if value >= 1 << field_bits - 1:
        return value - (1 << field_bits)
    if 1 << bits - 1 <= value < 1 << bits:
        return value - (1 << bits)
    return value


def _in_range(value: int, datatype: int) -> int:
    if datatype in _SIGNED_BITS:
        limit = 1 << _SIGNED_BITS[datatype] - 1
        minimum, maximum = -limit, limit - 1
    else:
        minimum, maximum = 0, (1 << _UNSIGNED_BITS[datatype]) - 1
    if not minimum <= value <= maximum:
        raise ValueError(f"{value} is outside the range of data type {datatype}")
    if value >= 2**63:
        raise ValueError(f"{value} is outside the range of a 64-bit integer")
    return value


def metric_properties(metric: Any) -> dict[str, Any]:
    """Return the properties of a metric that have a value."""
    if not metric.HasField("properties"):
        return {}
    found = {}
    for key, value in zip(metric.properties.keys, metric.properties.values, strict=False):
        field = value.WhichOneof("value")
        if field is not None and not value.is_null:
            found[key] = getattr(value, field)
    return found


def metric_quality(properties: dict[str, Any], *, is_null: bool) -> int:
    """Return the OPC UA status code: from the property Quality, and bad for a null value."""
    number = properties.get("Quality")
    if number == _STALE:
        code = BAD_NO_COMMUNICATION if is_null else _UNCERTAIN_LAST_USABLE
    elif type(number) is int:
        code = _SEVERITY.get(number >> 6, BAD) if number <= 255 else BAD
    else:
        code = GOOD
    return BAD if is_null and not code & BAD else code
