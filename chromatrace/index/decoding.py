"""Decode logs into rows of the events table, with the entity that each event changes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache

from chromatrace.ethereum.bulk_decoding import Arguments, Decoder, decoders
from chromatrace.index.entities import EVENT_ENTITIES, OTHER
from chromatrace.index.models import block_of

Log = tuple[int, int, str, bytes, bytes]
"""Position, position of the transaction, contract, concatenated topics, data."""
EventValues = tuple[int, int, int, str, str, str, bytes, bytes, bytes]
"""A row of the events table, in the order of its columns."""


@dataclass(frozen=True, slots=True)
class EventKind:
    """An event of a contract. `entity`: see `entities`; its key ends at byte `key_end` of the topics."""

    contract: str
    name: str
    entity: str
    key_end: int
    decode: Decoder


@cache
def event_kinds() -> Mapping[tuple[str, bytes], EventKind]:
    """Return all events of the ABIs, by contract and first topic."""
    kinds: dict[tuple[str, bytes], EventKind] = {}
    for (contract, topic), (name, decoder) in decoders().items():
        entity, key_topics = EVENT_ENTITIES.get((contract, name), (OTHER, 0))
        kinds[contract, topic] = EventKind(contract, name, entity, 32 + 32 * key_topics, decoder)
    return kinds


def decode_logs(logs: Iterable[Log]) -> tuple[list[EventValues], list[Arguments | None]]:
    """Return rows of the events table, and the arguments of each event; None if it changes no entity."""
    rows: list[EventValues] = []
    arguments: list[Arguments | None] = []
    kinds = event_kinds()
    for position, tx_position, contract, topics, data in logs:
        kind = kinds.get((contract, topics[:32]))
        if kind is None:
            rows.append((position, block_of(position), tx_position, contract, "", OTHER, b"", topics, data))
            arguments.append(None)
            continue
        key = topics[32 : kind.key_end]
        rows.append((position, block_of(position), tx_position, contract, kind.name, kind.entity, key, topics, data))
        arguments.append(kind.decode(topics, data) if kind.entity else None)
    return rows, arguments


def decode_event(contract: str, topics: bytes, data: bytes) -> tuple[str, Arguments]:
    """Return the name and arguments of an event; `topics` are concatenated. Raises `KeyError` for an unknown event."""
    kind = event_kinds()[contract, topics[:32]]
    return kind.name, kind.decode(topics, data)
