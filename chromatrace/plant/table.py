"""Strict reader of configuration tables: errors name the path, and unknown fields are rejected."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

from chromatrace.plant.errors import PlantError

_REQUIRED = object()


class TomlTable:
    """A table of a configuration file. Each getter raises `PlantError` with the path of the field."""

    def __init__(self, content: Mapping[str, Any], path: str = "") -> None:
        self._content = content
        self._path = path
        self._read: set[str] = set()

    def path(self, name: str) -> str:
        """Return the full path of a field, such as `tags[3].unit`."""
        return f"{self._path}.{name}" if self._path else name

    def text(self, name: str, default: Any = _REQUIRED, *, maximum: int = 500) -> str:
        """Return a string of 1 to `maximum` characters. A default may be empty."""
        value = self._get(name, default)
        if value is default:
            return str(value)
        if not isinstance(value, str) or not 1 <= len(value) <= maximum:
            raise PlantError(f"expected a string of 1 to {maximum} characters, got {value!r}", field=self.path(name))
        return value

    def choice(self, name: str, choices: tuple[str, ...], default: Any = _REQUIRED) -> str:
        """Return one of `choices`."""
        value = self.text(name, default)
        if value not in choices:
            raise PlantError(f"{value!r} is not one of {', '.join(choices)}", field=self.path(name))
        return value

    def texts(self, name: str, default: Any = _REQUIRED) -> tuple[str, ...]:
        """Return a list of unique, non-empty strings."""
        value = self._get(name, default)
        if value is default:
            return tuple(value)
        if not isinstance(value, list) or not all(isinstance(item, str) and item for item in value):
            raise PlantError(f"expected a list of non-empty strings, got {value!r}", field=self.path(name))
        for position, item in enumerate(value):
            if item in value[:position]:
                raise PlantError(f"duplicate item {item!r}", field=f"{self.path(name)}[{position}]")
        return tuple(value)

    def number(
        self, name: str, default: Any = _REQUIRED, *, at_least: float | None = None, above: float | None = None
    ) -> float:
        """Return a finite number."""
        value = self._get(name, default)
        if value is default:
            return float(value)
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
            raise PlantError(f"expected a number, got {value!r}", field=self.path(name))
        if at_least is not None and value < at_least:
            raise PlantError(f"{value:g} is too small; it must be at least {at_least:g}", field=self.path(name))
        if above is not None and value <= above:
            raise PlantError(f"{value:g} is too small; it must be above {above:g}", field=self.path(name))
        return float(value)

    def span(self, name: str) -> tuple[float, float]:
        """Return a range [low, high] with 0 < low <= high."""
        value = self._get(name, _REQUIRED)
        if not (
            isinstance(value, list)
            and len(value) == 2
            and all(type(item) in (int, float) for item in value)
            and 0 < value[0] <= value[1] < math.inf
        ):
            raise PlantError(f"expected two numbers [low, high] above 0, got {value!r}", field=self.path(name))
        return float(value[0]), float(value[1])

    def optional_number(self, name: str) -> float | None:
        """Return a finite number, or None if the field is absent."""
        return self.number(name) if name in self._content else None

    def integer(self, name: str, default: Any = _REQUIRED, *, at_least: int = 0) -> int:
        """Return an integer."""
        value = self._get(name, default)
        if type(value) is not int or value < at_least:
            raise PlantError(f"expected an integer of at least {at_least}, got {value!r}", field=self.path(name))
        return value

    def boolean(self, name: str, default: bool) -> bool:
        """Return a boolean."""
        value = self._get(name, default)
        if not isinstance(value, bool):
            raise PlantError(f"expected true or false, got {value!r}", field=self.path(name))
        return value

    def table(self, name: str, default: Any = _REQUIRED) -> TomlTable:
        """Return a nested table."""
        value = self._get(name, default)
        if not isinstance(value, Mapping):
            raise PlantError(f"expected a table, got {value!r}", field=self.path(name))
        return TomlTable(value, self.path(name))

    def tables(self, name: str, *, required: bool = False) -> Iterator[TomlTable]:
        """Yield the tables of an array of tables."""
        value = self._get(name, _REQUIRED if required else [])
        if not isinstance(value, list) or not all(isinstance(item, Mapping) for item in value):
            raise PlantError("expected an array of tables", field=self.path(name), hint=f"write it as [[{name}]]")
        if required and not value:
            raise PlantError("expected at least one table", field=self.path(name))
        for position, item in enumerate(value):
            yield TomlTable(item, f"{self.path(name)}[{position}]")

    def named_tables(self) -> Iterator[tuple[str, TomlTable]]:
        """Yield every field of this table. Each one must be a table."""
        for name in self._content:
            yield name, self.table(name)

    def rest(self) -> dict[str, Any]:
        """Return the fields that were not read yet."""
        return {name: value for name, value in self._content.items() if name not in self._read}

    def finish(self) -> None:
        """Reject fields that were not read."""
        for name in self._content:
            if name not in self._read:
                known = ", ".join(sorted(self._read))
                raise PlantError("unknown field", field=self.path(name), hint=f"known fields: {known}")

    def _get(self, name: str, default: Any) -> Any:
        self._read.add(name)
        if name in self._content:
            return self._content[name]
        if default is _REQUIRED:
            raise PlantError("missing field", field=self.path(name))
        return default
