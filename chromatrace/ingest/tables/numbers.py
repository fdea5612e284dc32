"""Numbers in the cells of a table, with either decimal mark."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from dataclasses import dataclass

from chromatrace.ingest.errors import LayoutError

_EXACT = 2**53
_SPACES = " \u00a0\u202f'’"
_GROUPS = re.compile(r"[+-]?\d{1,3}(?:([.,\s'’])\d{3})(?:\1\d{3})*", re.ASCII)
_PLAIN = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?", re.ASCII)
_INTEGER = re.compile(r"[+-]?\d+", re.ASCII)
_AMBIGUOUS = re.compile(r"[+-]?[1-9]\d{0,2}([.,])\d{3}", re.ASCII)
_DECIMAL_COMMA = re.compile(r"[+-]?(?:\d{1,3}(?:[.\s'’]\d{3})+|\d*),\d+(?:[eE][+-]?\d+)?", re.ASCII)
_DECIMAL_POINT = re.compile(r"[+-]?(?:\d{1,3}(?:,\d{3})+|\d*)\.\d+(?:[eE][+-]?\d+)?", re.ASCII)
_SEVERAL_COMMAS = re.compile(r"[+-]?\d{1,3}(?:,\d{3}){2,}", re.ASCII)
_SEVERAL_POINTS = re.compile(r"[+-]?\d{1,3}(?:\.\d{3}){2,}", re.ASCII)


@dataclass(frozen=True, slots=True)
class NumberFormat:
    """The decimal mark of a file, `.` or `,`. The other one, spaces and apostrophes may separate thousands."""

    decimal: str = "."

    def parse(self, text: str) -> float | int:
        """Return the number in `text`; an integer that no double represents stays an integer. Raises `ValueError`."""
        text = text.strip()
        plain = text
        if not _PLAIN.fullmatch(text) or self.decimal == ",":
            plain = self._plain(text)
            if not _PLAIN.fullmatch(plain):
                raise ValueError(f"expected a number, got {text!r}")
        value = float(plain)
        if not math.isfinite(value):
            raise ValueError(f"{text} is outside the range of a double")
        if abs(value) >= _EXACT and _INTEGER.fullmatch(plain):
            exact = int(plain)
            if not -(2**63) <= exact < 2**63:
                raise ValueError(f"{text} is outside the range of a 64-bit integer")
            return value if int(value) == exact else exact
        return value

    def _plain(self, text: str) -> str:
        """Return `text` without thousands marks and with a decimal point, or unchanged if its marks are misplaced."""
        whole, mark, fraction = text.partition(self.decimal)
        if _GROUPS.fullmatch(whole) and self.decimal not in whole:
            whole = re.sub(r"[.,\s'’]", "", whole)
        elif any(character in whole for character in f".,{_SPACES}"):
            return text
        return f"{whole}.{fraction}" if mark else whole


def decimal_mark(texts: Iterable[str]) -> str:
    """Return the decimal mark that the numbers in `texts` use; `.` if none of them has a mark.

    Raises `LayoutError` if the marks could be decimal marks or separate thousands, or if they contradict each other.
    """
    evidence: dict[str, str] = {}
    unclear = ""
    for text in texts:
        text = text.strip()
        ambiguous = _AMBIGUOUS.fullmatch(text)
        if ambiguous:
            if ambiguous[1] == ",":
                unclear = unclear or text
        elif _SEVERAL_COMMAS.fullmatch(text):
            evidence.setdefault(".", text)
        elif _SEVERAL_POINTS.fullmatch(text) or _DECIMAL_COMMA.fullmatch(text):
            evidence.setdefault(",", text)
        elif _DECIMAL_POINT.fullmatch(text):
            evidence.setdefault(".", text)
    if len(evidence) == 2:
        raise LayoutError(
            f"{evidence[',']} has a decimal comma, but {evidence['.']} has a decimal point",
            field="decimal",
            hint="correct the file, or use --decimal to reject one of them",
        )
    if evidence:
        return next(iter(evidence))
    if unclear:
        raise LayoutError(
            f"{unclear} is {unclear.replace(',', '.')} or {unclear.replace(',', '')}",
            field="decimal",
            hint="use --decimal , if it is a decimal comma, or --decimal . if it separates thousands",
        )
    return "."


def is_number(text: str) -> bool:
    """Return whether `text` is a number with any decimal mark."""
    for mark in ".,":
        try:
            NumberFormat(mark).parse(text)
        except ValueError:
            continue
        return True
    return False
