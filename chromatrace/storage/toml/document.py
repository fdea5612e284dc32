"""A TOML file and its mistakes. A statement with a syntax error is left out; the others are still checked."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from decimal import Decimal, InvalidOperation
from functools import cached_property
from pathlib import Path
from typing import Any, Self

from chromatrace.domain.errors import InvalidInput
from chromatrace.storage.toml.lines import Statement, TomlLines

MAX_SYNTAX_ERRORS = 20
_AT_LINE = re.compile(r" ?\(at (?:line (\d+), column \d+|end of document)\)")
_HEADER = re.compile(r"\s*\[{1,2}[^\[\],]+\]{1,2}\s*(?:#.*)?$")
_STATEMENT = re.compile(rf"""\s*[\w"'.-]+\s*=|{_HEADER.pattern}""")


@dataclass(frozen=True, slots=True, order=True)
class Mistake:
    """A mistake in a file: line, path of the key, what is wrong, and what to write instead."""

    line: int
    key: str
    reason: str
    hint: str = ""

    def __str__(self) -> str:
        return f"{self.line}: {self.key}: {self.reason}" + (f" ({self.hint})" if self.hint else "")


class TomlError(InvalidInput):
    """A file or table has mistakes. The message lists each; without a file, `field` is the path of the key."""

    mistakes: tuple[Mistake, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """Return the JSON shape of an error, with the list of mistakes."""
        listed = [asdict(mistake) for mistake in self.mistakes]
        return super().as_dict() | ({"mistakes": listed} if listed else {})


class TomlDocument:
    """The content of a file, and the mistakes that were found in it so far.

    Numbers with a fraction are `Decimal`. `known` has the keys that were asked for, without positions,
    and `files` the files that keys name.
    """

    def __init__(self, text: str, name: str = "") -> None:
        self.name = name
        self.known: set[str] = set()
        self.files: list[tuple[str, Path]] = []
        self._mistakes: set[Mistake] = set()
        self._omitted: list[Statement] = []
        self._lines = text.splitlines()
        self._original = text
        self.content: Mapping[str, Any] = self._parse()

    @classmethod
    def read(cls, path: Path, error_type: type[TomlError] = TomlError, *, field: str = "file") -> Self:
        """Read a file. Raises `error_type` if it cannot be read or is not UTF-8 text."""
        try:
            return cls(path.read_bytes().decode("utf-8-sig"), str(path))
        except OSError as error:
            raise error_type(f"{path} cannot be read: {error.strerror}", field=field) from error
        except UnicodeDecodeError as error:
            raise error_type(f"{path} is not UTF-8 text", field=field) from error

    @property
    def mistakes(self) -> tuple[Mistake, ...]:
        """Return the mistakes in the order of the file."""
        return tuple(sorted(self._mistakes))

    def add(self, key: str, reason: str, hint: str | None = None) -> None:
        """Add a mistake. `key` is the path of the key, such as `tags[3].unit`."""
        self._mistakes.add(Mistake(self._positions.line(key), key, reason, hint or ""))

    def add_missing(self, table: str, key: str, reason: str = "missing") -> None:
        """Add a missing key, unless a statement of its table has a syntax error."""
        if not any(s.path.startswith(table) or s.header for s in self._omitted):
            self.add(key, reason)

    def add_unknown(self, key: str, reason: str, hint: str | None = None) -> None:
        """Add a reference to an unknown object, unless the object may be in a statement with a syntax error."""
        if not self._omitted:
            self.add(key, reason, hint)

    def values(self, array: str, key: str) -> Iterator[str | None]:
        """Yield the text of a key in each table of an array, also of tables with mistakes; None if it has none."""
        tables = self.content.get(array)
        for table in tables if isinstance(tables, list) else ():
            value = table.get(key) if isinstance(table, Mapping) else None
            yield value if isinstance(value, str) else None

    def unique(self, array: str, key: str) -> frozenset[str]:
        """Return the texts of a key in all tables of an array. A text that occurs twice is a mistake."""
        seen: set[str] = set()
        for position, value in enumerate(self.values(array, key)):
            if value is not None and value in seen:
                self.add(f"{array}[{position}].{key}", f"duplicate {key} {value!r}")
            elif value is not None:
                seen.add(value)
        return frozenset(seen)

    def error(self, error_type: type[TomlError], title: str, field: str) -> TomlError:
        """Return the error that lists the mistakes below `title`."""
        listed = "\n".join(f"{self.name}:{mistake}" for mistake in self.mistakes)
        error = error_type(f"{title}: {len(self.mistakes)}\n{listed}", field=field)
        error.mistakes = self.mistakes
        return error

    @cached_property
    def _positions(self) -> TomlLines:
        return TomlLines(self._original)

    def _parse(self) -> Mapping[str, Any]:
        for _ in range(MAX_SYNTAX_ERRORS):
            text = "\n".join(self._lines) + "\n"
            try:
                return tomllib.loads(text, parse_float=_decimal)
            except tomllib.TOMLDecodeError as error:
                at = _AT_LINE.search(str(error))
                line = int(at[1]) if at and at[1] else max(1, len(self._lines))
                self._omit(text, line, _AT_LINE.sub("", str(error)))
            except (ValueError, RecursionError) as error:
                self._mistakes.add(Mistake(1, "file", f"not valid TOML: {error}"))
                break
        return {}

    def _omit(self, text: str, line: int, reason: str) -> None:
        """Add the syntax error at `line` and blank its statement, or the table whose header it is."""
        statements = [statement for statement in TomlLines(text).statements if statement.first <= line]
        statement = statements[-1] if statements else Statement("", line, line, False)
        self._omitted.append(statement)
        last = self._end(statement)
        at = line if line <= last else statement.first
        self._mistakes.add(Mistake(at, statement.path or "file", f"not valid TOML: {reason}"))
        for number in range(statement.first - 1, min(last, len(self._lines))):
            self._lines[number] = ""

    def _end(self, statement: Statement) -> int:
        """Return the last line to blank: the line before the next statement (header) that starts a line."""
        pattern = _HEADER if statement.header else _STATEMENT
        last = len(self._lines) if statement.header else statement.last
        for number in range(statement.first + 1, last + 1):
            if number <= len(self._lines) and pattern.match(self._lines[number - 1]):
                return number - 1
        return last


def _decimal(text: str) -> Decimal:
    try:
        return Decimal(text)
    except InvalidOperation:  # an exponent of more than 18 digits
        return Decimal("Infinity")
