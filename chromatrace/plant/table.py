"""Reads a mapping strictly: every mistake is named by its path, and nothing unknown is passed over."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

from chromatrace.plant.errors import InvalidPlant

_REQUIRED = object()


class Table:
    """One table of a configuration file. Every getter raises `InvalidPlant` with the path of the field."""

    def __init__(self, content: Mapping[str, Any], path: str = "") -> None:
        self._content = content
        self._path = path
        self._read: set[str] = set()

    def path(self, name: str) -> str:
        """The full path of a field, such as `tags[3].unit`."""
        return f"{self._path}.{name}" if self._path else name

    def text(self, name: str, default: Any = _REQUIRED, *, longest: int = 500) -> str:
        """A text of 1 to `longest` characters (a default may be empty)."""
        value = self._get(name, default)
        if value is default:
            return str(value)
        if not isinstance(value, str) or not 1 <= len(value) <= longest:
            raise InvalidPlant(f"a text of 1 to {longest} characters is needed, got {value!r}", field=self.path(name))
        return value

    def choice(self, name: str, choices: tuple[str, ...], default: Any = _REQUIRED) -> str:
        """One of `choices`."""
        value = self.text(name, default)
        if value not in choices:
            raise InvalidPlant(f"{value!r} is not one of {', '.join(choices)}", field=self.path(name))
        return value

    def texts(self, name: str, default: Any = _REQUIRED) -> tuple[str, ...]:
        """A list of different texts."""
        value = self._get(name, default)
        if value is default:
            return tuple(value)
        if not isinstance(value, list) or not all(isinstance(item, str) and item for item in value):
            raise InvalidPlant(f"a list of texts is needed, got {value!r}", field=self.path(name))
        for position, item in enumerate(value):
            if item in value[:position]:
                raise InvalidPlant(f"{item!r} stands here twice", field=f"{self.path(name)}[{position}]")
        return tuple(value)

    def number(
        self, name: str, default: Any = _REQUIRED, *, at_least: float | None = None, above: float | None = None
    ) -> float:
        """A finite number."""
        value = self._get(name, default)
        if value is default:
            return float(value)
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
            raise InvalidPlant(f"a number is needed, got {value!r}", field=self.path(name))
        if at_least is not None and value < at_least:
            raise InvalidPlant(f"at least {at_least:g} is needed, got {value:g}", field=self.path(name))
        if above is not None and value <= above:
            raise InvalidPlant(f"more than {above:g} is needed, got {value:g}", field=self.path(name))
        return float(value)

    def span(self, name: str) -> tuple[float, float]:
        """Two numbers above 0, the first not above the second."""
        value = self._get(name, _REQUIRED)
        if not (
            isinstance(value, list)
            and len(value) == 2
            and all(type(item) in (int, float) for item in value)
            and 0 < value[0] <= value[1] < math.inf
        ):
            raise InvalidPlant(f"two numbers [low, high] above 0 are needed, got {value!r}", field=self.path(name))
        return float(value[0]), float(value[1])

    def optional_number(self, name: str) -> float | None:
        """A finite number, or None where the field is absent."""
        return self.number(name) if name in self._content else None

    def whole(self, name: str, default: Any = _REQUIRED, *, at_least: int = 0) -> int:
        """A whole number."""
        value = self._get(name, default)
        if type(value) is not int or value < at_least:
            raise InvalidPlant(f"a whole number from {at_least} is needed, got {value!r}", field=self.path(name))
        return value

    def flag(self, name: str, default: bool) -> bool:
        """true or false."""
        value = self._get(name, default)
        if not isinstance(value, bool):
            raise InvalidPlant(f"true or false is needed, got {value!r}", field=self.path(name))
        return value

    def table(self, name: str, default: Any = _REQUIRED) -> Table:
        """A table within this one."""
        value = self._get(name, default)
        if not isinstance(value, Mapping):
            raise InvalidPlant(f"a table is needed, got {value!r}", field=self.path(name))
        return Table(value, self.path(name))

    def tables(self, name: str, *, required: bool = False) -> Iterator[Table]:
        """The tables of an array of tables."""
        value = self._get(name, _REQUIRED if required else [])
        if not isinstance(value, list) or not all(isinstance(item, Mapping) for item in value):
            raise InvalidPlant("an array of tables is needed", field=self.path(name), hint=f"write it as [[{name}]]")
        if required and not value:
            raise InvalidPlant("at least one is needed", field=self.path(name))
        for position, item in enumerate(value):
            yield Table(item, f"{self.path(name)}[{position}]")

    def named_tables(self) -> Iterator[tuple[str, Table]]:
        """Every field of this table, each of which must be a table."""
        for name in self._content:
            yield name, self.table(name)

    def rest(self) -> dict[str, Any]:
        """The fields that were not read yet, for another reader."""
        return {name: value for name, value in self._content.items() if name not in self._read}

    def finish(self) -> None:
        """Refuses what was not asked for: a misspelt field would otherwise be silently ignored."""
        for name in self._content:
            if name not in self._read:
                known = ", ".join(sorted(self._read))
                raise InvalidPlant("unknown field", field=self.path(name), hint=f"known here: {known}")

    def _get(self, name: str, default: Any) -> Any:
        self._read.add(name)
        if name in self._content:
            return self._content[name]
        if default is _REQUIRED:
            raise InvalidPlant("is missing", field=self.path(name))
        return default
