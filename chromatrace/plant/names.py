"""Ids of the objects in a plant file, and sections that have a module of their own."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, Protocol, TypeVar, runtime_checkable

from chromatrace.domain.record_kinds import RecordKind
from chromatrace.storage.toml import TomlDocument, TomlTable

_Content = TypeVar("_Content")

ID_KEYS = {"tags": "name", "products": "gtin", "channels": "name", "layouts": "name"}
"""Key of the id in the tables of a section, if it is not `id`."""
_VERSIONED = ("record_kinds",)
"""Sections in which an id may occur twice."""


class Names:
    """The ids of each section. Tables with mistakes are included, so a mistake does not cause others.

    folder  that of the plant file, to which paths are relative
    """

    def __init__(self, document: TomlDocument, folder: Path = Path()) -> None:
        self.folder = folder
        self._document = document
        self._ids: dict[str, frozenset[str]] = {}
        for section, content in document.content.items():
            if isinstance(content, list) and section not in _VERSIONED:
                self[section]

    def __getitem__(self, section: str) -> frozenset[str]:
        """Return the ids of the tables [[section]]. An id that occurs twice is a mistake."""
        if section not in self._ids:
            self._ids[section] = self._document.unique(section, ID_KEYS.get(section, "id"))
        return self._ids[section]


@runtime_checkable
class DefinesRecordKinds(Protocol):
    """The content of a section that defines kinds of record itself."""

    def record_kinds(self) -> tuple[RecordKind, ...]:
        """Return the kinds of record."""


@dataclass(frozen=True, slots=True)
class Section(Generic[_Content]):
    """A section of a plant file that has a module of its own. `Plant.section` returns its content.

    `read` gets the whole file and its ids. It reads the key `name` and adds mistakes to the tables. It returns the
    empty content if the file does not have the section.
    """

    name: str
    read: Callable[[TomlTable, Names], _Content]
