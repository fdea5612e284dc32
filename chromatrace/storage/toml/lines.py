"""Find the line of each statement, table and key in the text of a TOML file. The text may have syntax errors."""

from __future__ import annotations

import re
from dataclasses import dataclass

_TOKEN = re.compile(
    r"""
    (?P<long>\"{3}(?:\\.|[^\\])*?\"{3}\"{0,2} | '{3}.*?'{3}'{0,2})
    | (?P<open>\"{3}.* | '{3}.*)
    | (?P<string>"(?:\\.|[^"\\\n])*" | '[^'\n]*')
    | (?P<space>[ \t\r]+ | \#[^\n]*)
    | (?P<newline>\n)
    | (?P<mark>[\[\]{}=,.])
    | (?P<bare>[^\s\[\]{}=,."'\#]+)
    | (?P<other>.)
    """,
    re.VERBOSE | re.DOTALL,
)


@dataclass(frozen=True, slots=True)
class Statement:
    """A statement: its path, its first and last line, and whether it is the header of a table."""

    path: str
    first: int
    last: int
    header: bool


class TomlLines:
    """Statements in order, and the line of each path such as `tags[3].unit`."""

    def __init__(self, text: str) -> None:
        self.statements: list[Statement] = []
        self.lines: dict[str, int] = {}
        self._counts: dict[str, int] = {}
        self._tokens: list[tuple[str, str, int]] = []
        line = 1
        for match in _TOKEN.finditer(text):
            kind = str(match.lastgroup)
            if kind != "space":
                self._tokens.append((kind, match[0], line))
            line += match[0].count("\n")
        self._tokens.append(("end", "", line))
        self._position = 0
        self._read()

    def line(self, path: str) -> int:
        """Return the line of a path, or that of the nearest table around it."""
        while path and path not in self.lines:
            path = path[: max(path.rfind("."), path.rfind("["), 0)]
        return self.lines.get(path, 1)

    def _read(self) -> None:
        table = ""
        while self._kind != "end":
            if self._kind == "newline":
                self._next()
                continue
            first = self._line
            header = self._text == "["
            if header:
                table = path = self._header()
            else:
                path = self._assignment(table)
            last = self._line
            while self._kind not in ("newline", "end"):
                self._next()
                last = self._line
            self.statements.append(Statement(path, first, last, header))

    def _header(self) -> str:
        line = self._line
        self._next()
        array = self._text == "["
        if array:
            self._next()
        names = self._names()
        path = ""
        for position, name in enumerate(names):
            path = _join(path, name)
            if array and position == len(names) - 1:
                self._counts[path] = self._counts.get(path, 0) + 1
                self.lines.setdefault(path, line)
            if path in self._counts:
                path = f"{path}[{self._counts[path] - 1}]"
            self.lines.setdefault(path, line)
        return path

    def _assignment(self, table: str) -> str:
        line, path = self._line, table
        for name in self._names():
            path = _join(path, name)
            self.lines.setdefault(path, line)
        if self._text == "=":
            self._next()
            self._value(path)
        return path

    def _names(self) -> list[str]:
        names = []
        while self._kind in ("bare", "string"):
            names.append(self._text.strip("\"'"))
            self._next()
            if self._text != ".":
                break
            self._next()
        return names

    def _value(self, path: str) -> None:
        if self._text == "[":
            self._array(path)
        elif self._text == "{":
            self._inline_table(path)
        else:
            while self._kind not in ("newline", "end") and self._text not in (",", "]", "}"):
                self._next()

    def _array(self, path: str) -> None:
        self._next()
        index = 0
        while self._kind != "end" and self._text != "]":
            if self._kind == "newline":
                self._next()
            elif self._text == ",":
                index += 1
                self._next()
            else:
                item = f"{path}[{index}]"
                self.lines.setdefault(item, self._line)
                position = self._position
                self._value(item)
                if self._position == position:
                    self._next()
        self._next()

    def _inline_table(self, path: str) -> None:
        self._next()
        while self._kind not in ("newline", "end") and self._text != "}":
            position = self._position
            self._assignment(path)
            if self._position == position:
                self._next()
        self._next()

    @property
    def _kind(self) -> str:
        return self._tokens[self._position][0]

    @property
    def _text(self) -> str:
        return self._tokens[self._position][1]

    @property
    def _line(self) -> int:
        return self._tokens[self._position][2]

    def _next(self) -> None:
        self._position = min(self._position + 1, len(self._tokens) - 1)


def _join(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name
