"""Encode a reading as a log entry in deterministic CBOR (RFC 8949, 4.2), so the leaf can be rebuilt from the reading.

An entry is one of the arrays

    [1, source, tag, unit, quality, replayed, source_time_ns, received_ns, sequence, value]
    [2, source, tag, unit, quality, replayed, source_time_ns, received_ns, sequence, value, salt]

of definite length: the version, three text strings, an unsigned integer, a boolean, three unsigned integers, the value,
and in version 2 a byte string of 16 bytes. Integers and lengths have their shortest form. A value is a float in the
shortest of half, single and double precision that represents it exactly; an integer that no double represents; a text;
or null. The fields that rarely change come first; their encoding is cached.

An inclusion proof contains the hashes of neighbouring entries. A competitor could guess a neighbour, because readings
have few possible values. The salt prevents this. Version 1 is for channels whose readings are public.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator
from functools import lru_cache

from chromatrace.domain.errors import InvalidInput
from chromatrace.domain.reading import Reading, ReadingValue, normalised
from chromatrace.merkle.errors import EntryError, EntryVersionError

SALT_BYTES = 16

_PUBLIC, _SALTED = 1, 2
_FIELDS = {_PUBLIC: 10, _SALTED: 11}
_MAX_ENTRY = 4096
"""Bytes: an upper bound for three texts of 120 and one of 500 characters, at most four bytes each, and the numbers."""

_UNSIGNED, _NEGATIVE, _BYTES, _TEXT, _ARRAY, _SIMPLE = 0, 1, 2, 3, 4, 7
_FALSE, _TRUE, _NULL, _HALF, _SINGLE, _DOUBLE = 20, 21, 22, 25, 26, 27
_SALT_HEAD = bytes((_BYTES << 5 | SALT_BYTES,))

_pack_double = struct.Struct(">d").pack
_pack_usual = struct.Struct(">BQBQBIBd").pack
_pack_early = struct.Struct(">BQBQBHBd").pack
_FLOATS = {_HALF: struct.Struct(">e"), _SINGLE: struct.Struct(">f"), _DOUBLE: struct.Struct(">d")}


def _head(major: int, argument: int) -> bytes:
    """Return the shortest head of a data item (RFC 8949, 3)."""
    if argument < 24:
        return bytes((major << 5 | argument,))
    for additional, size in ((24, 1), (25, 2), (26, 4)):
        if argument < 1 << 8 * size:
            return bytes((major << 5 | additional,)) + argument.to_bytes(size, "big")
    return bytes((major << 5 | 27,)) + argument.to_bytes(8, "big")


def _text(text: str) -> bytes:
    encoded = text.encode()
    return _head(_TEXT, len(encoded)) + encoded


def _float(value: float) -> bytes:
    bits = _pack_double(value)
    # Single precision has 29 mantissa bits fewer; if any of them is set, as for most decimals, a double is needed.
    if bits[5:] != b"\0\0\0" or bits[4] & 0x1F:
        return b"\xfb" + bits
    for additional in (_HALF, _SINGLE):
        codec = _FLOATS[additional]
        try:
            shorter = codec.pack(value)
        except OverflowError:
            continue
        if codec.unpack(shorter)[0] == value:
            return bytes((_SIMPLE << 5 | additional,)) + shorter
    return b"\xfb" + bits


def _value(value: ReadingValue) -> bytes:
    value = normalised(value)
    if isinstance(value, float):
        return _float(value)
    if value is None:
        return bytes((_SIMPLE << 5 | _NULL,))
    if isinstance(value, str):
        return _text(value)
    return _head(_UNSIGNED, value) if value >= 0 else _head(_NEGATIVE, -1 - value)


@lru_cache(maxsize=16_384)
def _prefix(version: int, source: str, tag: str, unit: str, quality: int, replayed: bool) -> bytes:
    return b"".join(
        (
            _head(_ARRAY, _FIELDS[version]),
            _head(_UNSIGNED, version),
            _text(source),
            _text(tag),
            _text(unit),
            _head(_UNSIGNED, quality),
            _head(_SIMPLE, _TRUE if replayed else _FALSE),
        )
    )


Fields = tuple[str, str, int, int, ReadingValue, str, int, int, bool]
"""The fields of a valid `Reading`, in order; `replayed` may be 0 or 1."""


def encode_fields(readings: Iterable[Fields], salts: Iterable[bytes] | None = None) -> Iterator[bytes]:
    """Yield the entries of many readings: the same bytes as `encode_reading`, but faster.

    salts  16 bytes for each reading; None for a public channel
    """
    if salts is None:
        yield from _encoded(readings, _PUBLIC)
    else:
        for entry, salt in zip(_encoded(readings, _SALTED), salts, strict=False):
            yield entry + _SALT_HEAD + salt


def _encoded(readings: Iterable[Fields], version: int) -> Iterator[bytes]:
    """Yield the entries without their salts."""
    for source, tag, source_time_ns, received_ns, value, unit, quality, sequence, replayed in readings:
        prefix = _prefix(version, source, tag, unit, quality, replayed)
        # Fast path for the usual case: two 8-byte times, a sequence of two or four bytes, a double.
        if type(value) is float and source_time_ns >> 32 and received_ns >> 32 and 0xFF < sequence <= 0xFFFFFFFF:
            if sequence > 0xFFFF:
                numbers = _pack_usual(0x1B, source_time_ns, 0x1B, received_ns, 0x1A, sequence, 0xFB, value)
            else:
                numbers = _pack_early(0x1B, source_time_ns, 0x1B, received_ns, 0x19, sequence, 0xFB, value)
            if numbers[-3:] != b"\0\0\0":
                yield prefix + numbers
                continue
        yield b"".join(
            (
                prefix,
                _head(_UNSIGNED, source_time_ns),
                _head(_UNSIGNED, received_ns),
                _head(_UNSIGNED, sequence),
                _value(value),
            )
        )


def encode_reading(reading: Reading, salt: bytes = b"") -> bytes:
    """Return the canonical encoding of `reading`. `salt` has 16 bytes, or none for a public channel."""
    version = _SALTED if salt else _PUBLIC
    return b"".join(
        (
            _prefix(version, reading.source, reading.tag, reading.unit, reading.quality, reading.replayed),
            _head(_UNSIGNED, reading.source_time_ns),
            _head(_UNSIGNED, reading.received_ns),
            _head(_UNSIGNED, reading.sequence),
            _value(reading.value),
            _SALT_HEAD + salt if salt else b"",
        )
    )


class _ItemReader:
    """Read the data items of an entry in order."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._offset = 0

    def _take(self, size: int, field: str) -> bytes:
        if self._offset + size > len(self._data):
            raise EntryError(f"the entry ends inside this field, at byte {len(self._data)}", field=field)
        start = self._offset
        self._offset += size
        return self._data[start : self._offset]

    def _argument(self, major: int, field: str) -> int:
        initial = self._take(1, field)[0]
        if initial >> 5 != major:
            raise EntryError(f"expected CBOR major type {major}, got {initial >> 5}", field=field)
        additional = initial & 31
        if additional < 24:
            return additional
        if additional > 27:
            raise EntryError(f"additional information {additional} is not allowed", field=field)
        return int.from_bytes(self._take(1 << additional - 24, field), "big")

    def array(self, field: str) -> int:
        return self._argument(_ARRAY, field)

    def unsigned(self, field: str) -> int:
        return self._argument(_UNSIGNED, field)

    def text(self, field: str) -> str:
        encoded = self._take(self._argument(_TEXT, field), field)
        try:
            return encoded.decode()
        except UnicodeDecodeError as error:
            raise EntryError(f"not UTF-8: {error}", field=field) from error

    def boolean(self, field: str) -> bool:
        initial = self._take(1, field)[0]
        if initial not in (_SIMPLE << 5 | _FALSE, _SIMPLE << 5 | _TRUE):
            raise EntryError(f"expected a boolean, got initial byte 0x{initial:02x}", field=field)
        return initial & 31 == _TRUE

    def bytes(self, field: str) -> bytes:
        return self._take(self._argument(_BYTES, field), field)

    def value(self, field: str) -> ReadingValue:
        initial = self._take(1, field)[0]
        major, additional = initial >> 5, initial & 31
        if major == _SIMPLE:
            if additional == _NULL:
                return None
            codec = _FLOATS.get(additional)
            if codec is None:
                raise EntryError(f"expected a value, got initial byte 0x{initial:02x}", field=field)
            number: float = codec.unpack(self._take(codec.size, field))[0]
            return number
        self._offset -= 1
        if major == _UNSIGNED:
            return self.unsigned(field)
        if major == _NEGATIVE:
            return -1 - self._argument(_NEGATIVE, field)
        return self.text(field)


def decode_reading(data: bytes) -> Reading:
    """Decode a log entry.

    Raises `EntryVersionError` for an unknown version, and `EntryError` unless `data` is the canonical encoding of a
    valid reading (shortest integers and floats, definite lengths, no trailing bytes).
    """
    if len(data) > _MAX_ENTRY:
        raise EntryError(f"the entry has {len(data)} bytes; the maximum is {_MAX_ENTRY}", field="entry")
    items = _ItemReader(data)
    fields = items.array("entry")
    version = items.unsigned("version")
    if version not in _FIELDS:
        raise EntryVersionError(
            f"expected version 1 or 2, got {version}", field="version", hint="use a newer version of ChromaTrace"
        )
    if fields != _FIELDS[version]:
        raise EntryError(f"expected an array of {_FIELDS[version]} items, got {fields}", field="entry")
    source, tag, unit = items.text("source"), items.text("tag"), items.text("unit")
    quality, replayed = items.unsigned("quality"), items.boolean("replayed")
    source_time_ns, received_ns = items.unsigned("source_time_ns"), items.unsigned("received_ns")
    sequence, value = items.unsigned("sequence"), items.value("value")
    salt = items.bytes("salt") if version == _SALTED else b""
    if version == _SALTED and len(salt) != SALT_BYTES:
        raise EntryError(f"expected {SALT_BYTES} bytes, got {len(salt)}", field="salt")
    try:
        reading = Reading(source, tag, source_time_ns, received_ns, value, unit, quality, sequence, replayed)
    except InvalidInput as error:
        raise EntryError(error.message, field=error.field) from error
    # Each reading has one encoding, so this rejects longer forms, indefinite lengths and trailing bytes.
    if encode_reading(reading, salt) != data:
        raise EntryError(
            "the entry is not in deterministic encoding (RFC 8949, 4.2)",
            field="entry",
            hint="use the shortest lengths, integers and floats, and no bytes after the array",
        )
    return reading
