"""Stored logs to events, fast: what `chain.abi` does for one log, compiled here for very many.

The head of an event's data is a row of 32-byte words, and one `struct` takes it apart: `24xQ` is a word that holds a
number of at most 64 bits, or the offset of a dynamic value. A test holds the answers equal to those of `chain.abi`,
which also decodes whatever this does not know.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from operator import itemgetter
from typing import Any

from chromatrace.domain.addresses import checksummed
from chromatrace.ethereum.abi import Event
from chromatrace.ethereum.abi import contract as abi_of
from chromatrace.ethereum.abi import names as abi_names
from chromatrace.index.entities import EVENT_ENTITIES, OTHER
from chromatrace.index.models import block_of

Log = tuple[int, int, str, bytes, bytes]
"""A log as the chain has it: position, transaction's position, contract, topics one after the other, data."""
EventValues = tuple[int, int, int, str, str, str, bytes, bytes, bytes]
"""A row of the table of events, its values in the order of the columns."""
Arguments = dict[str, Any]

Decoder = Callable[[bytes, bytes], Arguments]
"""(topics one after the other, data) -> arguments by name, in the order of the ABI."""

_SMALL = re.compile(r"uint(8|16|24|32|40|48|56|64)")
_TYPE = re.compile(r"(?:\([^()]*\)|\w+)(?:\[\d*\])*")
"""One type in a list of types; a struct in parentheses, arrays with their brackets."""
_SHORT_BYTES = re.compile(r"bytes([1-9]|[12][0-9]|3[01])")


@dataclass(frozen=True, slots=True)
class EventKind:
    """One event of one contract. `entity` and the `key_end` of its key in the topics: see `entities`."""

    contract: str
    name: str
    entity: str
    key_end: int
    decode: Decoder


@cache
def kinds() -> Mapping[tuple[str, bytes], EventKind]:
    """Every event that the ABIs know, by contract and first topic."""
    found: dict[tuple[str, bytes], EventKind] = {}
    for contract in abi_names():
        for topic, event in abi_of(contract).events_by_topic.items():
            entity, parts = EVENT_ENTITIES.get((contract, event.name), (OTHER, 0))
            found[contract, topic] = EventKind(contract, event.name, entity, 32 + 32 * parts, _compiled(event))
    return found


def decoded(logs: Iterable[Log]) -> tuple[list[EventValues], list[Arguments | None]]:
    """Rows of the table of events and, beside each, the event's arguments; None where it changes no entity."""
    rows: list[EventValues] = []
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
    """Name and arguments by name. `topics` stand one after the other. Raises `KeyError` for an unknown event."""
    kind = kinds()[contract, topics[:32]]
    return kind.name, kind.decode(topics, data)


def _compiled(event: Event) -> Decoder:
    indexed = {name for name, _ in event.indexed}
    plain = [name for name in event.names if name not in indexed]
    types = _TYPE.findall(event.data.name[1:-1])
    topic_words = [_static_word(codec.name) for _, codec in event.indexed]
    data_words = [_static_word(kind) or _dynamic(kind) for kind in types]
    if None in topic_words or None in data_words or len(types) != len(plain):
        return lambda topics, data: event.decode([topics[at : at + 32] for at in range(0, len(topics), 32)], data)
    names = [name for name, _ in event.indexed] + plain
    words = [word for word in topic_words + data_words if word is not None]
    head_of_topics = struct.Struct(">32x" + "".join(word[0] for word in topic_words if word))
    head_of_data = struct.Struct(">" + "".join(word[0] for word in data_words if word))
    places = [names.index(name) for name in event.names]
    in_order = itemgetter(*places) if len(places) > 1 else tuple
    finishes = [(name, finish) for name, (_, finish) in zip(names, words, strict=True) if finish]

    def decoded(topics: bytes, data: bytes) -> Arguments:
        try:
            values = head_of_topics.unpack(topics) + head_of_data.unpack_from(data)
            found = dict(zip(event.names, in_order(values), strict=True))
            for name, finish in finishes:
                found[name] = finish(found[name], data)
            return found
        except struct.error:
            # Too short: let the one that explains refuse it.
            return event.decode([topics[at : at + 32] for at in range(0, len(topics), 32)], data)

    return decoded


_Word = tuple[str, Callable[[Any, bytes], Any] | None]
"""How `struct` takes the word, and what remains to be done with its value and the data."""


def _static_word(kind: str) -> _Word | None:
    if _SMALL.fullmatch(kind):
        return "24xQ", None
    match kind:
        case "bytes32":
            return "32s", None
        case "address":
            return "12x20s", lambda raw, data: checksummed(raw)
        case "bool":
            return "24xQ", lambda number, data: number != 0
        case "uint256":
            return "32s", lambda word, data: int.from_bytes(word, "big")
    if short := _SHORT_BYTES.fullmatch(kind):
        return f"{short[1]}s{32 - int(short[1])}x", None
    return None


def _dynamic(kind: str) -> _Word | None:
    match kind:
        case "string":
            return "24xQ", _text
        case "bytes":
            return "24xQ", _bytes
        case "bytes32[]":
            return "24xQ", _words
        case "(bytes32,uint32)[]":
            return "24xQ", _inputs
    return None


def _text(offset: int, data: bytes) -> str:
    return _bytes(offset, data).decode("utf-8", "replace")


def _bytes(offset: int, data: bytes) -> bytes:
    start = offset + 32
    return data[start : start + int.from_bytes(data[offset:start], "big")]


def _words(offset: int, data: bytes) -> list[bytes]:
    start = offset + 32
    end = start + 32 * int.from_bytes(data[offset:start], "big")
    return [data[at : at + 32] for at in range(start, end, 32)]


_INPUT = struct.Struct(">32s28xI")


def _inputs(offset: int, data: bytes) -> list[dict[str, Any]]:
    """`IBatchRegistry.Input`s."""
    start = offset + 32
    end = start + _INPUT.size * int.from_bytes(data[offset:start], "big")
    return [{"batch": batch, "quantity": quantity} for batch, quantity in _INPUT.iter_unpack(data[start:end])]
