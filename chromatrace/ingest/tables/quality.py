"""Quality columns: OPC DA numbers, OPC UA status codes, and words.

Sources: OPC Data Access 3.0, 6.8 (quality: the two highest bits of a byte); OPC UA Part 4, 7.39 (status codes).
"""

from __future__ import annotations

from collections.abc import Iterable

from chromatrace.domain.reading import BAD, GOOD, UNCERTAIN
from chromatrace.ingest.errors import LayoutError
from chromatrace.ingest.layout import OPC_DA, OPC_UA, WORDS

_WORDS = {
    GOOD: ("good", "ok", "valid", "true", "g", "normal", "raw"),
    UNCERTAIN: ("uncertain", "questionable", "suspect", "substituted", "estimated", "u", "doubtful", "interpolated"),
    BAD: ("bad", "invalid", "false", "error", "b", "failed", "fault", "no data", "offline", "timeout", "missing"),
}
_BY_WORD = {word: code for code, words in _WORDS.items() for word in words}
_DA_SEVERITY = {0: BAD, 1: UNCERTAIN, 3: GOOD}


def quality_scale(texts: Iterable[str]) -> str:
    """Return the scale of a quality column from its cells. Raises `LayoutError` if it has only zeros."""
    cells = [text.strip() for text in texts if text.strip()]
    numbers = [int(cell) for cell in cells if cell.isascii() and cell.isdigit()]
    if len(numbers) < len(cells) or not cells:
        return WORDS
    if max(numbers) > 255:
        return OPC_UA
    if max(numbers) == 0:
        raise LayoutError(
            "a quality of 0 is bad in OPC DA and good in OPC UA", field="quality", hint="use --quality opc-da or opc-ua"
        )
    return OPC_DA


def parse_quality(text: str, scale: str) -> int:
    """Return the OPC UA status code of a cell. An empty cell is good. Raises `ValueError`."""
    text = text.strip()
    if not text:
        return GOOD
    if scale == WORDS:
        code = _BY_WORD.get(text.casefold())
        if code is None:
            first = text.split()[0].strip(",;:").casefold()
            code = _BY_WORD.get(first)
        if code is None:
            raise ValueError(f"{text!r} is not a known quality")
        return code
    if not (text.isascii() and text.isdigit()):
        raise ValueError(f"expected a quality number, got {text!r}")
    number = int(text)
    if scale == OPC_UA:
        if number >= 2**32:
            raise ValueError(f"{number} is not an OPC UA status code")
        return number
    severity = _DA_SEVERITY.get(number >> 6) if number <= 255 else None
    if severity is None:
        raise ValueError(f"{number} is not an OPC DA quality")
    return severity


def quality_word(code: int) -> str:
    """Return good, uncertain or bad."""
    return "bad" if code & BAD else "uncertain" if code & UNCERTAIN else "good"
