"""Functions of a machine that a gateway uses."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Loaded:
    """The program that a machine has."""

    name: str
    content: bytes


class ProgramPort(Protocol):
    """A machine that takes one program at a time. Every method may raise `MachineUnavailableError`."""

    def load(self, name: str, content: bytes) -> None:
        """Give the program to the machine. It replaces the current one."""

    def loaded(self) -> Loaded | None:
        """Return what the machine has, read from the machine; None if it has no program."""

    def unload(self) -> None:
        """Take the program away from the machine."""

    def start(self) -> None:
        """Start the loaded program."""

    def stop(self) -> None:
        """Stop the machine."""

    def running(self) -> bool:
        """Return whether the machine runs."""
