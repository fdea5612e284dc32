"""Stored logs to events: name and arguments, by the generated ABIs."""

from __future__ import annotations

from typing import Any

from chromatrace.chain.abi import contract as abi_of
from chromatrace.chain.abi import names as abi_names


def event_name(contract: str, topics: bytes) -> str:
    """The name of a log's event; empty where the contract's ABI has no such event."""
    if contract not in abi_names():
        return ""
    event = abi_of(contract).events_by_topic.get(topics[:32])
    return event.name if event else ""


def decode(contract: str, topics: bytes, data: bytes) -> tuple[str, dict[str, Any]]:
    """Name and arguments by name. `topics` stand one after the other. Raises `KeyError` for an unknown event."""
    event = abi_of(contract).events_by_topic[topics[:32]]
    return event.name, event.decode([topics[at : at + 32] for at in range(0, len(topics), 32)], data)
