"""Typed access to a table of a TOML file. Mistakes are collected with their paths, and unknown keys are mistakes."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Collection, Iterator, Mapping
from decimal import Decimal
from difflib import get_close_matches
from pathlib import Path
from typing import Any, ParamSpec, TypeVar, cast

from chromatrace.domain.errors import InvalidInput
from chromatrace.storage.toml.document import TomlDocument, TomlError

REQUIRED = object()
"""Default of a key that must be in the file."""
_INDEX = re.compile(r"\[\d+\]")
_Arguments = ParamSpec("_Arguments")
_Record = TypeVar("_Record")


class TomlTable:
    """A table of a file.

    A getter adds a mistake to the document and returns a placeholder of its type; `build` creates the record only if
    the table and the tables in it have no mistakes. Without a document, the first mistake raises `TomlError`, whose
    `field` is the path of the key.
    """

    def __init__(
        self,
        content: Mapping[str, Any],
        path: str = "",
        document: TomlDocument | None = None,
        *,
        outer: TomlTable | None = None,
    ) -> None:
        self.valid = True
        self._content = content
        self._path = path
        self._document = document
        self._outer = outer
        self._read: set[str] = set()
        self._aliases: dict[str, str] = {}
        self._read_all = False

    def __contains__(self, name: str) -> bool:
        """Return whether the table has the key."""
        return name in self._content

    def path(self, name: str = "") -> str:
        """Return the full path of a key, such as `tags[3].unit`; without a name, that of the table."""
        return f"{self._path}.{name}".strip(".") if name else self._path

    def mistake(self, name: str, reason: str, hint: str | None = None) -> None:
        """Add a mistake at a key of this table; `name` may be a path below it."""
        self._invalidate()
        if self._document is None:
            raise TomlError(reason, field=self.path(name), hint=hint)
        self._document.add(self.path(name), reason, hint)

    def text(self, name: str, default: Any = REQUIRED, *, maximum: int = 500) -> str:
        """Return a string of 1 to `maximum` characters. A default may be empty."""
        value = self._get(name, default)
        if value is None or value is default:
            return "" if value is None else str(value)
        if not isinstance(value, str) or not 1 <= len(value) <= maximum:
            self.mistake(name, f"expected a string of 1 to {maximum} characters, got {value!r:.60}")
            return ""
        return value

    def optional_text(self, name: str, *, maximum: int = 500) -> str | None:
        """Return a string, or None if the key is absent."""
        return self.text(name, "", maximum=maximum) or None

    def choice(self, name: str, choices: Collection[str], default: Any = REQUIRED) -> str:
        """Return one of `choices`."""
        value = self.text(name, default)
        if value and value not in choices:
            self.mistake(name, f"expected one of {', '.join(choices)}, got {value!r:.60}")
        return value if value in choices else next(iter(choices))

    def reference(self, name: str, kind: str, known: Collection[str], default: Any = REQUIRED) -> str:
        """Return the id of a known object. `kind` is what it is, such as "station"."""
        value = self.text(name, default)
        if value and value is not default:
            self._check_reference(name, value, kind, known)
        return value

    def references(self, name: str, kind: str, known: Collection[str], default: Any = REQUIRED) -> tuple[str, ...]:
        """Return a list of ids of known objects."""
        values = self.texts(name, default)
        for position, value in enumerate(values):
            self._check_reference(f"{name}[{position}]", value, kind, known)
        return values

    def texts(self, name: str, default: Any = REQUIRED) -> tuple[str, ...]:
        """Return a list of unique, non-empty strings."""
        value = self._get(name, default)
        if value is None or value is default:
            return () if value is None else tuple(value)
        if not isinstance(value, list) or not all(isinstance(item, str) and item for item in value):
            self.mistake(name, f"expected a list of non-empty strings, got {value!r:.60}")
            return ()
        for position, item in enumerate(value):
            if item in value[:position]:
                self.mistake(f"{name}[{position}]", f"duplicate item {item!r}")
        return tuple(value)

    def number(
        self, name: str, default: Any = REQUIRED, *, at_least: float | None = None, above: float | None = None
    ) -> float:
        """Return a finite number."""
        value = self._get(name, default)
        if value is None or value is default:
            return math.nan if value is None else float(value)
        number = _float(value)
        if number is None:
            self.mistake(name, f"expected a number, got {value!s:.60}")
            return math.nan
        if at_least is not None and number < at_least:
            self.mistake(name, f"{number:g} is too small; it must be at least {at_least:g}")
        if above is not None and number <= above:
            self.mistake(name, f"{number:g} is too small; it must be above {above:g}")
        return number

    def span(self, name: str) -> tuple[float, float]:
        """Return a range [low, high] with 0 < low <= high."""
        value = self._get(name, REQUIRED)
        numbers = [_float(item) for item in value] if isinstance(value, list) else []
        if len(numbers) == 2 and numbers[0] is not None and numbers[1] is not None and 0 < numbers[0] <= numbers[1]:
            return numbers[0], numbers[1]
        if value is not None:
            self.mistake(name, f"expected two numbers [low, high] above 0, got {value!s:.60}")
        return math.nan, math.nan

    def optional_number(self, name: str, *, at_least: float | None = None, above: float | None = None) -> float | None:
        """Return a finite number, or None if the key is absent."""
        present = self._get(name, None) is not None
        return self.number(name, at_least=at_least, above=above) if present else None

    def integer(self, name: str, default: Any = REQUIRED, *, at_least: int = 0, at_most: int | None = None) -> int:
        """Return an integer."""
        value = self._get(name, default)
        if value is None or value is default:
            return at_least if value is None else int(value)
        if type(value) is not int or value < at_least or (at_most is not None and value > at_most):
            allowed = f"of at least {at_least}" if at_most is None else f"from {at_least} to {at_most}"
            self.mistake(name, f"expected an integer {allowed}, got {value!s:.60}")
            return at_least
        return value

    def boolean(self, name: str, default: bool) -> bool:
        """Return a boolean."""
        value = self._get(name, default)
        if not isinstance(value, bool):
            self.mistake(name, f"expected true or false, got {value!r:.60}")
            return default
        return value

    def value(self, name: str, default: Any = None) -> Any:
        """Return a value of any type. The caller checks it and calls `mistake`."""
        return self._get(name, default)

    def table(self, name: str, default: Any = REQUIRED) -> TomlTable:
        """Return a nested table."""
        value = self._get(name, default)
        if value is not None and not isinstance(value, Mapping):
            self.mistake(name, f"expected a table, got {value!r:.60}")
        return self._inner(value if isinstance(value, Mapping) else None, self.path(name))

    def tables(self, name: str, *, required: bool = False) -> Iterator[TomlTable]:
        """Yield the tables of an array of tables."""
        value = self._get(name, REQUIRED if required else [])
        if value is None:
            return
        if not isinstance(value, list):
            self.mistake(name, "expected an array of tables", f"write it as [[{self.path(name)}]]")
            return
        if required and not value:
            self.mistake(name, "expected at least one table")
        for position, item in enumerate(value):
            if isinstance(item, Mapping):
                yield self._inner(item, f"{self.path(name)}[{position}]")
            else:
                self.mistake(f"{name}[{position}]", f"expected a table, got {item!r:.60}")

    def named_tables(self) -> Iterator[tuple[str, TomlTable]]:
        """Yield every key of this table. Each one must be a table."""
        self._read_all = True
        for name in self._content:
            yield name, self.table(name)

    def rest(self) -> dict[str, Any]:
        """Return the keys that were not read yet, with their values. They count as read."""
        self._read_all = True
        return {name: _plain(value) for name, value in self._content.items() if name not in self._read}

    def fields(self) -> tuple[str, ...]:
        """Return the keys that the file has in this table."""
        return tuple(self._content)

    def file(self, name: str, path: Path) -> Path:
        """Return `path`, which the key names. `TomlDocument.files` lists it."""
        if self._document is not None:
            self._document.files.append((self.path(name), path))
        return path

    def aliases(self, **keys: str) -> None:
        """Name the key for each field of an error whose name differs."""
        self._aliases |= keys

    def error(self, error: InvalidInput) -> None:
        """Add the mistake that an error states, at the key of its field."""
        name = error.field or ""
        self.mistake(self._aliases.get(name, name), error.message, error.hint)

    def finish(self) -> None:
        """Reject keys that were not read."""
        for name in () if self._read_all else self._content:
            if name not in self._read:
                near = get_close_matches(name, self._read, 1)
                meant = f"did you mean {near[0]!r}? " if near else ""
                self.mistake(name, "unknown key", f"{meant}known keys: {', '.join(sorted(self._read))}")

    def build(
        self, factory: Callable[_Arguments, _Record], *args: _Arguments.args, **values: _Arguments.kwargs
    ) -> _Record | None:
        """Reject unknown keys, and create the record if the table has no mistakes; else return None.

        An `InvalidInput` of the factory becomes a mistake at its field.
        """
        self.finish()
        if not self.valid:
            return None
        try:
            return factory(*args, **values)
        except InvalidInput as error:
            self.error(error)
            return None

    def part(self, record: _Record | None) -> _Record:
        """Return the record of a table in this one. After a mistake in it, this table is not built either."""
        if record is None:
            self._invalidate()
        return cast(_Record, record)

    def parts(self, records: Iterator[_Record | None]) -> tuple[_Record, ...]:
        """Return the records without mistakes of an array in this table."""
        return tuple(record for record in records if record is not None)

    def unknown(self, name: str, reason: str, known: Collection[str]) -> None:
        """Add a mistake about an object that is not among the `known` ones, unless a syntax error may hide it."""
        value = self._content.get(name)
        near = get_close_matches(value, known, 1) if isinstance(value, str) else []
        hint = f"did you mean {near[0]!r}?" if near else None
        self._invalidate()
        if self._document is None:
            raise TomlError(reason, field=self.path(name), hint=hint)
        self._document.add_unknown(self.path(name), reason, hint)

    def _check_reference(self, name: str, value: str, kind: str, known: Collection[str]) -> None:
        if value not in known:
            self.unknown(name, f"unknown {kind} {value!r}", known)

    def _inner(self, content: Mapping[str, Any] | None, path: str) -> TomlTable:
        table = TomlTable(content or {}, path, self._document, outer=self)
        if content is None:
            table._absent()
        return table

    def _absent(self) -> None:
        """Mark a table that the file does not have: its keys are not reported as missing."""
        self.valid, self._document, self._outer = False, TomlDocument(""), None

    def _invalidate(self) -> None:
        self.valid = False
        if self._outer is not None:
            self._outer._invalidate()

    def _get(self, name: str, default: Any) -> Any:
        """Return the value of a key, or its default; None after a mistake."""
        self._read.add(name)
        if self._document is not None:
            self._document.known.add(_INDEX.sub("", self.path(name)))
        if name in self._content:
            return self._content[name]
        if default is REQUIRED:
            self._invalidate()
            if self._document is None:
                raise TomlError("missing", field=self.path(name))
            self._document.add_missing(self._path, self.path(name))
            return None
        return default


def _float(value: Any) -> float | None:
    """Return a finite number, or None."""
    if isinstance(value, bool) or not isinstance(value, (int, float, Decimal)):
        return None
    try:
        number = float(value)
    except OverflowError:
        return None
    return number if math.isfinite(number) else None


def _plain(value: Any) -> Any:
    """Return a value with `float` in place of `Decimal`."""
    if isinstance(value, Decimal):
        return float(value)
    if isinstance(value, Mapping):
        return {name: _plain(item) for name, item in value.items()}
    return [_plain(item) for item in value] if isinstance(value, list) else value
