"""Decoding of event logs in bulk, for the index: `EventAbi.decode` compiled to one `struct` for each event.

The values are those of `EventAbi.decode`; a test compares both. Padding is not checked, so use this only for logs that
a trusted node returns. Events with other types than those below are decoded by eth-abi.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Callable, Mapping
from functools import cache
from operator import itemgetter
from typing import Any

from chromatrace.domain.addresses import checksummed
from chromatrace.ethereum.abi import EventAbi, contract, names

Arguments = dict[str, Any]
Decoder = Callable[[bytes, bytes], Arguments]
"""(concatenated topics, data) -> arguments by name, in the order of the ABI."""

_SMALL = re.compile(r"uint(8|16|24|32|40|48|56|64)")
_SHORT_BYTES = re.compile(r"bytes([1-9]|[12][0-9]|3[01])")


@cache
def decoders() -> Mapping[tuple[str, bytes], tuple[str, Decoder]]:
    """Return the name and decoder of every event in the ABIs, by contract and first topic."""
    return {
        (name, topic): (event.name, _compiled(event))
        for name in names()
        for topic, event in contract(name).events_by_topic.items()
    }


def _compiled(event: EventAbi) -> Decoder:
    def general(topics: bytes, data: bytes) -> Arguments:
        return event.decode([topics[at : at + 32] for at in range(0, len(topics), 32)], data)

    topic_words = [_static_word(kind) for kind in event.indexed.types]
    data_words = [_static_word(kind) or _dynamic_word(kind) for kind in event.data.types]
    words = [word for word in topic_words + data_words if word is not None]
    if len(words) < len(event.names):
        return general
    head_of_topics = struct.Struct(">32x" + "".join(word[0] for word in words[: len(topic_words)]))
    head_of_data = struct.Struct(">" + "".join(word[0] for word in words[len(topic_words) :]))
    order = event.indexed.names + event.data.names
    positions = [order.index(name) for name in event.names]
    in_order = itemgetter(*positions) if len(positions) > 1 else tuple
    converters = [(name, convert) for name, (_, convert) in zip(order, words, strict=True) if convert]

    def decode(topics: bytes, data: bytes) -> Arguments:
        try:
            values = head_of_topics.unpack(topics) + head_of_data.unpack_from(data)
        except struct.error:
            return general(topics, data)  # too short: raises a typed error
        args = dict(zip(event.names, in_order(values), strict=True))
        for name, convert in converters:
            args[name] = convert(args[name], data)
        return args

    return decode


_Word = tuple[str, Callable[[Any, bytes], Any] | None]
"""The word's format for `struct`, and the conversion of its value, which may need the data."""


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


def _dynamic_word(kind: str) -> _Word | None:
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
    """`IBatchRegistry.Input[]`."""
    start = offset + 32
    end = start + _INPUT.size * int.from_bytes(data[offset:start], "big")
    return [{"batch": batch, "quantity": quantity} for batch, quantity in _INPUT.iter_unpack(data[start:end])]
