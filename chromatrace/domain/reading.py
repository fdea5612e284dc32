"""A reading of one tag, from any machine or protocol."""

from __future__ import annotations

import math
from dataclasses import dataclass

from chromatrace.domain.errors import InvalidInput

GOOD = 0
"""OPC UA status code `Good`."""

_MAX_TIME_NS = 2**63 - 1
_MAX_TEXT = 120


@dataclass(frozen=True, slots=True)
class Reading:
    """One reading. Raises `InvalidInput` naming the field.

    source         machine or recorded file, 1 to 120 characters
    tag            measured quantity, 1 to 120 characters
    source_time_ns time of measurement, Unix nanoseconds, > 0
    received_ns    time of receipt, Unix nanoseconds, > 0
    value          finite number, in `unit`; an integer must be exactly representable as a double
    unit           UCUM or plant unit; "" for a dimensionless quantity
    quality        OPC UA status code (Part 4, 7.39), 0 = Good
    sequence       consecutive number within the source, from 0
    replayed       read from history after an interruption
    """

    source: str
    tag: str
    source_time_ns: int
    received_ns: int
    value: float
    unit: str = ""
    quality: int = GOOD
    sequence: int = 0
    replayed: bool = False

    def __post_init__(self) -> None:
        # One expression for the common case: this runs tens of thousands of times a second.
        if not (
            type(self.source) is type(self.tag) is type(self.unit) is str
            and 0 < len(self.source) <= _MAX_TEXT
            and 0 < len(self.tag) <= _MAX_TEXT
            and len(self.unit) <= _MAX_TEXT
            and (self.source + self.tag + self.unit).isascii()
            and type(self.source_time_ns) is type(self.received_ns) is type(self.sequence) is int
            and 0 < self.source_time_ns <= _MAX_TIME_NS
            and 0 < self.received_ns <= _MAX_TIME_NS
            and 0 <= self.sequence <= _MAX_TIME_NS
            and type(self.value) is float
            and math.isfinite(self.value)
            and type(self.quality) is int
            and 0 <= self.quality < 2**32
            and type(self.replayed) is bool
        ):
            self._find_fault()

    def _find_fault(self) -> None:
        """Raise `InvalidInput` for the first invalid field. Valid but uncommon readings pass."""
        for name in ("source", "tag"):
            text = getattr(self, name)
            if not isinstance(text, str) or not 1 <= len(text) <= _MAX_TEXT:
                raise InvalidInput(f"expected 1 to {_MAX_TEXT} characters, got {text!r}", field=name)
        if not isinstance(self.unit, str) or len(self.unit) > _MAX_TEXT:
            raise InvalidInput(f"expected at most {_MAX_TEXT} characters, got {self.unit!r}", field="unit")
        for name in ("source", "tag", "unit"):
            text = getattr(self, name)
            if any("\ud800" <= character <= "\udfff" for character in text):
                raise InvalidInput(f"lone surrogate in {text!r}", field=name)
        for name in ("source_time_ns", "received_ns"):
            time_ns = getattr(self, name)
            if type(time_ns) is not int or not 0 < time_ns <= _MAX_TIME_NS:
                raise InvalidInput(
                    f"expected a time in Unix nanoseconds, got {time_ns!r}",
                    field=name,
                    hint="the source must send its own time",
                )
        if type(self.value) is int and not _is_double(self.value):
            raise InvalidInput(f"{self.value!r} is not exactly representable as a double", field="value")
        if type(self.value) not in (int, float) or not math.isfinite(self.value):
            raise InvalidInput(f"expected a finite number, got {self.value!r}", field="value")
        if type(self.quality) is not int or not 0 <= self.quality < 2**32:
            raise InvalidInput(
                f"expected an OPC UA status code from 0 to 2^32 - 1, got {self.quality!r}", field="quality"
            )
        if type(self.sequence) is not int or not 0 <= self.sequence < 2**63:
            raise InvalidInput(f"expected a whole number of at least 0, got {self.sequence!r}", field="sequence")
        if type(self.replayed) is not bool:
            raise InvalidInput(f"expected true or false, got {self.replayed!r}", field="replayed")


def _is_double(value: int) -> bool:
    try:
        return float(value) == value
    except OverflowError:
        return False
