"""A reading of one tag, from any machine or protocol."""

from __future__ import annotations

import math
from dataclasses import dataclass

from chromatrace.domain.errors import InvalidInput

GOOD = 0
"""OPC UA status code `Good`."""

UNCERTAIN, BAD = 0x4000_0000, 0x8000_0000
"""OPC UA status codes `Uncertain` and `Bad`; more specific codes have the same two highest bits."""

ReadingValue = float | int | str | None
"""A number, a state or text, or None if a bad reading has no value."""

MAX_TIME_NS = 2**63 - 1
_MAX_TEXT = 120
MAX_VALUE_TEXT = 500
_MIN_INTEGER, _MAX_INTEGER = -(2**63), 2**63 - 1


@dataclass(frozen=True, slots=True)
class Reading:
    """One reading. Raises `InvalidInput` naming the field.

    source         machine or recorded file, 1 to 120 characters
    tag            measured quantity, 1 to 120 characters
    source_time_ns time of measurement, Unix nanoseconds, > 0
    received_ns    time of receipt, Unix nanoseconds, > 0
    value          finite number in `unit`, exact also as an integer of 64 bits; a state or text of up to 500
                   characters; None only if the quality is bad
    unit           UCUM or plant unit; "" for a dimensionless quantity
    quality        OPC UA status code (Part 4, 7.39), 0 = Good
    sequence       consecutive number within the source, from 0
    replayed       read from history after an interruption
    """

    source: str
    tag: str
    source_time_ns: int
    received_ns: int
    value: ReadingValue
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
            and 0 < self.source_time_ns <= MAX_TIME_NS
            and 0 < self.received_ns <= MAX_TIME_NS
            and 0 <= self.sequence <= MAX_TIME_NS
            and type(self.value) is float
            and math.isfinite(self.value)
            and type(self.quality) is int
            and 0 <= self.quality < 2**32
            and type(self.replayed) is bool
        ):
            self._find_fault()

    @property
    def good_number(self) -> float | None:
        """The value as a float if it is a number of good quality, otherwise None."""
        value = self.value
        return float(value) if self.quality == GOOD and isinstance(value, float | int) else None

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
            if type(time_ns) is not int or not 0 < time_ns <= MAX_TIME_NS:
                raise InvalidInput(
                    f"expected a time in Unix nanoseconds, got {time_ns!r}",
                    field=name,
                    hint="the source must send its own time",
                )
        self._check_value()
        if type(self.quality) is not int or not 0 <= self.quality < 2**32:
            raise InvalidInput(
                f"expected an OPC UA status code from 0 to 2^32 - 1, got {self.quality!r}", field="quality"
            )
        if type(self.sequence) is not int or not 0 <= self.sequence < 2**63:
            raise InvalidInput(f"expected a whole number of at least 0, got {self.sequence!r}", field="sequence")
        if type(self.replayed) is not bool:
            raise InvalidInput(f"expected true or false, got {self.replayed!r}", field="replayed")

    def _check_value(self) -> None:
        value = self.value
        if value is None:
            if type(self.quality) is int and not self.quality & BAD:
                raise InvalidInput("a reading without a value must have a bad quality", field="value")
        elif isinstance(value, str):
            if len(value) > MAX_VALUE_TEXT or any("\ud800" <= character <= "\udfff" for character in value):
                raise InvalidInput(
                    f"expected a text of at most {MAX_VALUE_TEXT} characters, got {value[:40]!r}…", field="value"
                )
        elif type(value) is int:
            if not _MIN_INTEGER <= value <= _MAX_INTEGER:
                raise InvalidInput(f"{value} is outside the range of a 64-bit integer", field="value")
        elif type(value) is not float or not math.isfinite(value):
            raise InvalidInput(f"expected a finite number, got {value!r}", field="value")


def normalised(value: ReadingValue) -> ReadingValue:
    """Return a number as a float if that is exact; only other integers stay integers. A text or None is unchanged."""
    return float(value) if type(value) is int and float(value) == value else value
