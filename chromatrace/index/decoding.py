"""Logs as rows of the table of events, with the entity that each event changes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache

from chromatrace.ethereum.bulk_decoding import Arguments, Decoder, decoders
from chromatrace.index.models import block_of
from chromatrace.index.subjects import OTHER, SUBJECTS

Log = tuple[int, int, str, bytes, bytes]
"""Position, the transaction's position, contract, concatenated topics, data."""
EventRow = tuple[int, int, int, str, str, str, bytes, bytes, bytes]
"""A row of the table of events, in the order of its columns."""


@dataclass(frozen=True, slots=True)
class EventKind:
    """One event of one contract. `entity` and the `key_end` of its key in the topics: see `subjects`."""

    contract: str
    name: str
    entity: str
    key_end: int
    decode: Decoder


@cache
def kinds() -> Mapping[tuple[str, bytes], EventKind]:
    """Return every event in the ABIs, by contract and first topic."""
    kinds: dict[tuple[str, bytes], EventKind] = {}
    for (contract, topic), (name, decoder) in decoders().items():
        entity, parts = SUBJECTS.get((contract, name), (OTHER, 0))
        kinds[contract, topic] = EventKind(contract, name, entity, 32 + 32 * parts, decoder)
    return kinds


def decoded(logs: Iterable[Log]) -> tuple[list[EventRow], list[Arguments | None]]:
    """Return rows of the table of events, and the arguments of each event; None if it changes no entity."""
    rows: list[EventRow] = []
    arguments: list[Arguments | None] = []
    known = kinds()
    for place, tx_position, contract, topics, data in logs:
        kind = known.get((contract, topics[:32]))
        if kind is None:
            rows.append((place, block_of(place), tx_position, contract, "", OTHER, b"", topics, data))
            arguments.append(None)
            continue
        subject = topics[32 : kind.key_end]
        rows.append((place, block_of(place), tx_position, contract, kind.name, kind.entity, subject, topics, data))
        arguments.append(kind.decode(topics, data) if kind.entity else None)
    return rows, arguments


def decode(contract: str, topics: bytes, data: bytes) -> tuple[str, Arguments]:
    """Return an event's name and arguments; `topics` are concatenated. Raises `KeyError` for an unknown event."""
    kind = kinds()[contract, topics[:32]]
    return kind.name, kind.decode(topics, data)
