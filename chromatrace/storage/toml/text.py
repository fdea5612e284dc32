"""Write TOML values."""

from __future__ import annotations

from collections.abc import Sequence


def quoted(text: str) -> str:
    """Return a TOML string."""
    return '"' + "".join(f"\\u{ord(c):04x}" if c < " " or c in '"\\\x7f' else c for c in text) + '"'


def toml_value(value: str | bool | int | float | Sequence[str]) -> str:
    """Return a TOML value: a string, truth value, number or list of strings."""
    if isinstance(value, str):
        return quoted(value)
    if isinstance(value, bool):
        return str(value).lower()
    return repr(value) if isinstance(value, (int, float)) else f"[{', '.join(map(quoted, value))}]"


def toml_lines(**values: str | bool | int | float | Sequence[str] | None) -> str:
    """Return one line for each value that is not None."""
    return "".join(f"{name} = {toml_value(value)}\n" for name, value in values.items() if value is not None)
