"""An event on its way into the tables."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(slots=True)
class EventRecord:
    """A decoded event. `subject` is the key of the entity that it is about, as in the log's topics."""

    position: int
    contract: str
    name: str
    entity: str
    subject: bytes
    args: dict[str, Any]


def clean(text: str) -> str:
    """Text that every database can hold: PostgreSQL has no NUL, and anyone may send one to a contract."""
    return text.replace("\0", "\N{REPLACEMENT CHARACTER}") if "\0" in text else text


def address_bytes(text: str) -> bytes:
    """An EIP-55 address as 20 bytes."""
    return bytes.fromhex(text[2:])
