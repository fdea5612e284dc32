"""One reading of one tag, whatever machine or protocol it came from."""

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
    """One reading. Validates once, when it is built; raises `InvalidInput` naming the field.

    source         who measured: a machine or a recorded file, 1-120 characters
    tag            what was measured, 1-120 characters
    source_time_ns when it was measured, Unix nanoseconds, > 0
    received_ns    when we took it, Unix nanoseconds, > 0
    value          finite number, in `unit`; an integer must be one that a double holds exactly
    unit           UCUM or plant unit, "" where the quantity has none
    quality        OPC UA status code (Part 4, 7.39), 0 = Good
    sequence       running number within the source, from 0
    replayed       taken from history after an interruption rather than live
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
        # The usual case in one expression: this runs for every reading, tens of thousands of times a second.
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
        """Raises `InvalidInput` for the first field that is wrong; returns where the reading is valid but unusual."""
        for name in ("source", "tag"):
            text = getattr(self, name)
            if not isinstance(text, str) or not 1 <= len(text) <= _MAX_TEXT:
                raise InvalidInput(f"1 to {_MAX_TEXT} characters are needed, got {text!r}", field=name)
        if not isinstance(self.unit, str) or len(self.unit) > _MAX_TEXT:
            raise InvalidInput(f"at most {_MAX_TEXT} characters, got {self.unit!r}", field="unit")
        for name in ("source", "tag", "unit"):
            text = getattr(self, name)
            if any("\ud800" <= character <= "\udfff" for character in text):
                raise InvalidInput(f"text with half a surrogate pair cannot be stored: {text!r}", field=name)
        for name in ("source_time_ns", "received_ns"):
            time_ns = getattr(self, name)
            if type(time_ns) is not int or not 0 < time_ns <= _MAX_TIME_NS:
                raise InvalidInput(
                    f"a time in Unix nanoseconds is needed, got {time_ns!r}",
                    field=name,
                    hint="a reading without its source time is refused, never stamped by us",
                )
        if type(self.value) is int and not _is_double(self.value):
            raise InvalidInput(f"an integer that no double holds exactly: {self.value!r}", field="value")
        if type(self.value) not in (int, float) or not math.isfinite(self.value):
            raise InvalidInput(f"a finite number is needed, got {self.value!r}", field="value")
        if type(self.quality) is not int or not 0 <= self.quality < 2**32:
            raise InvalidInput(
                f"an OPC UA status code (0 to 2^32 - 1) is needed, got {self.quality!r}", field="quality"
            )
        if type(self.sequence) is not int or not 0 <= self.sequence < 2**63:
            raise InvalidInput(f"a number from 0 is needed, got {self.sequence!r}", field="sequence")
        if type(self.replayed) is not bool:
            raise InvalidInput(f"true or false is needed, got {self.replayed!r}", field="replayed")


def _is_double(value: int) -> bool:
    try:
        return float(value) == value
    except OverflowError:
        return False
