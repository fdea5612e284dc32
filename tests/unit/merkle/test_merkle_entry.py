"""Test the canonical encoding of entries and the rejection of all others."""

import struct

import cbor2
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chromatrace.domain.errors import InvalidInput
from chromatrace.domain.reading import BAD, UNCERTAIN, Reading, normalised
from chromatrace.merkle.entry import decode_reading, encode_fields, encode_reading
from chromatrace.merkle.errors import EntryError, EntryVersionError

READING = Reading("SP-201", "pressure", 1_767_225_600_000_000_000, 1_767_225_600_100_000_000, 0.1, "Pa", 0, 7, False)

# RFC 8949, appendix A, and the limits of the three precisions.
FLOATS = {
    0.0: "f90000",
    1.0: "f93c00",
    1.5: "f93e00",
    65504.0: "f97bff",
    65505.0: "fa477fe100",
    100000.0: "fa47c35000",
    3.4028234663852886e38: "fa7f7fffff",
    1.0e300: "fb7e37e43c8800759c",
    5.960464477539063e-8: "f90001",
    2.0**-25: "fa33000000",
    0.00006103515625: "f90400",
    47136.0: "f979c1",
    -4.0: "f9c400",
    -4.1: "fbc010666666666666",
    1.1: "fb3ff199999999999a",
    2.0**-149: "fa00000001",
    2.0**-150: "fb3690000000000000",
    5e-324: "fb0000000000000001",
}

texts = st.text(st.characters(blacklist_categories=("Cs",)), min_size=1, max_size=120)
times = st.one_of(st.integers(1, 2**63 - 1), st.sampled_from([1, 23, 24, 255, 256, 65535, 65536, 2**32 - 1, 2**32]))
readings = st.builds(
    Reading,
    source=texts,
    tag=texts,
    source_time_ns=times,
    received_ns=times,
    value=st.one_of(
        st.floats(allow_nan=False, allow_infinity=False),
        st.floats(allow_nan=False, allow_infinity=False, width=16),
        st.floats(allow_nan=False, allow_infinity=False, width=32),
        st.integers(-(2**63), 2**63 - 1),
        st.text(st.characters(blacklist_categories=("Cs",)), max_size=500),
    ),
    unit=st.one_of(st.just(""), texts),
    quality=st.integers(0, 2**32 - 1),
    sequence=st.one_of(st.integers(0, 2**63 - 1), st.integers(0, 2**17)),
    replayed=st.booleans(),
)


def fields_of(reading):
    value = normalised(reading.value)
    times_ns = (reading.source_time_ns, reading.received_ns)
    return (
        reading.source,
        reading.tag,
        *times_ns,
        value,
        reading.unit,
        reading.quality,
        reading.sequence,
        reading.replayed,
    )


def shortest_float(value):
    """Encode by RFC 8949, 4.2.2, trying each precision; cbor2 5.9 does not always use half precision."""
    for initial, form in ((b"\xf9", ">e"), (b"\xfa", ">f"), (b"\xfb", ">d")):
        try:
            if struct.unpack(form, struct.pack(form, value)) == (value,):
                return initial + struct.pack(form, value)
        except OverflowError:
            continue
    raise AssertionError(value)


def items_of(reading, value=None):
    return [
        1, reading.source, reading.tag, reading.unit, reading.quality, reading.replayed, reading.source_time_ns,
        reading.received_ns, reading.sequence, normalised(reading.value) if value is None else value,
    ]  # fmt: skip


def shortest_value(value):
    value = normalised(value)
    return shortest_float(value) if isinstance(value, float) else cbor2.dumps(value, canonical=True)


@pytest.mark.parametrize(("value", "expected"), FLOATS.items())
def test_values_use_the_shortest_float(value, expected):
    reading = Reading("s", "t", 1, 1, value)
    assert encode_reading(reading).hex().endswith("00" + expected)
    assert decode_reading(encode_reading(reading)) == reading


def test_negative_zero_stays_negative():
    decoded = decode_reading(encode_reading(Reading("s", "t", 1, 1, -0.0)))
    assert struct.pack(">d", decoded.value) == struct.pack(">d", -0.0)


@given(readings)
@settings(max_examples=300, deadline=None)
def test_encoding_matches_cbor2(reading):
    entry = encode_reading(reading)
    others = b"".join(cbor2.dumps(item, canonical=True) for item in items_of(reading)[:-1])
    assert entry == b"\x8a" + others + shortest_value(reading.value)
    assert cbor2.loads(entry) == items_of(reading)
    assert list(encode_fields([fields_of(reading)])) == [entry]
    assert decode_reading(entry) == reading
    salt = bytes(range(16))
    salted = encode_reading(reading, salt)
    assert cbor2.loads(salted) == [2, *items_of(reading)[1:], salt]
    assert list(encode_fields([fields_of(reading)], [salt])) == [salted]
    assert decode_reading(salted) == reading


def test_a_bad_reading_may_have_no_value():
    reading = Reading("s", "t", 1, 1, None, "", BAD)
    assert cbor2.loads(encode_reading(reading))[-1] is None
    assert decode_reading(encode_reading(reading)) == reading


@pytest.mark.parametrize("size", [0, 15, 17])
def test_a_salt_of_another_size_is_rejected(size):
    with pytest.raises(EntryError) as error:
        decode_reading(b"\x8b\x02" + encode_reading(READING)[2:] + cbor2.dumps(bytes(size)))
    assert error.value.field == "salt"


@given(readings, st.data())
@settings(max_examples=200, deadline=None)
def test_a_changed_entry_is_rejected_or_canonical(reading, data):
    salt = data.draw(st.sampled_from([b"", bytes(16)]))
    entry = bytearray(encode_reading(reading, salt))
    position = data.draw(st.integers(0, len(entry) - 1))
    entry[position] ^= data.draw(st.integers(1, 255))
    try:
        decoded = decode_reading(bytes(entry))
    except EntryError:
        return
    # If it still decodes, it is the canonical entry of another reading.
    salt = cbor2.loads(bytes(entry))[10] if entry[1] == 2 else b""
    assert encode_reading(decoded, salt) == bytes(entry)


@given(st.binary(max_size=80))
@settings(max_examples=200, deadline=None)
def test_random_bytes_are_rejected(junk):
    with pytest.raises(EntryError):
        decode_reading(junk)


def _replaced(position, encoded):
    parts = [cbor2.dumps(item, canonical=True) for item in items_of(READING)]
    parts[position] = encoded
    return b"\x8a" + b"".join(parts)


NOT_CANONICAL = {
    "trailing byte": (encode_reading(READING) + b"\0", "entry"),
    "longer array head": (b"\x98\x0a" + encode_reading(READING)[1:], "entry"),
    "indefinite array": (b"\x9f" + encode_reading(READING)[1:] + b"\xff", "entry"),
    "longer integer": (_replaced(8, b"\x18\x07"), "entry"),
    "longer text head": (_replaced(3, b"\x78\x02Pa"), "entry"),
    "value in single instead of half precision": (_replaced(9, b"\xfa\x3f\x80\x00\x00"), "entry"),
    "value as an integer": (_replaced(9, b"\x01"), "entry"),
    "null with a good quality": (_replaced(9, b"\xf6"), "value"),
    "integer of more than 64 bits": (_replaced(9, b"\x1b" + b"\xff" * 8), "value"),
    "boolean value": (_replaced(9, b"\xf5"), "value"),
    "salt in version 1": (b"\x8b\x01" + encode_reading(READING, bytes(16))[2:], "entry"),
    "no salt in version 2": (b"\x8a\x02" + encode_reading(READING)[2:], "entry"),
    "not a number": (_replaced(9, b"\xf9\x7e\x00"), "value"),
    "infinity": (_replaced(9, b"\xf9\x7c\x00"), "value"),
    "negative time": (_replaced(6, b"\x20"), "source_time_ns"),
    "zero time": (_replaced(6, b"\x00"), "source_time_ns"),
    "bytes for text": (_replaced(1, b"\x41s"), "source"),
    "text that is not UTF-8": (_replaced(1, b"\x61\xff"), "source"),
    "indefinite text": (_replaced(1, b"\x7f\x61s\xff"), "source"),
    "null for a boolean": (_replaced(5, b"\xf6"), "replayed"),
    "tagged": (b"\xc1" + encode_reading(READING), "entry"),
    "truncated": (encode_reading(READING)[:-1], "value"),
    "empty": (b"", "entry"),
    "nine fields": (b"\x89" + encode_reading(READING)[1:], "entry"),
    "text longer than the rest": (_replaced(1, b"\x7b" + b"\xff" * 8), "source"),
    "longer than any entry": (b"\x8a" * 5000, "entry"),
}


@pytest.mark.parametrize(("entry", "field"), NOT_CANONICAL.values(), ids=NOT_CANONICAL.keys())
def test_non_canonical_encodings_are_rejected(entry, field):
    with pytest.raises(EntryError) as error:
        decode_reading(entry)
    assert error.value.field == field
    assert not isinstance(error.value, EntryVersionError)


def test_unknown_version_is_reported():
    with pytest.raises(EntryVersionError) as error:
        decode_reading(_replaced(0, b"\x03"))
    assert error.value.field == "version"
    assert "got 3" in error.value.message


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        ({"value": 2**63}, "value"),
        ({"value": -(2**63) - 1}, "value"),
        ({"value": None}, "value"),
        ({"value": None, "quality": UNCERTAIN}, "value"),
        ({"value": "x" * 501}, "value"),
        ({"value": "half \ud83d"}, "value"),
        ({"value": b"bytes"}, "value"),
        ({"value": 10**400}, "value"),
        ({"value": float("nan")}, "value"),
        ({"value": True}, "value"),
        ({"source": "half \ud83d"}, "source"),
        ({"unit": "\udc00"}, "unit"),
        ({"replayed": 1}, "replayed"),
        ({"source_time_ns": 0}, "source_time_ns"),
        ({"source_time_ns": None}, "source_time_ns"),
        ({"sequence": -1}, "sequence"),
        ({"quality": 2**32}, "quality"),
        ({"tag": ""}, "tag"),
        ({"tag": "x" * 121}, "tag"),
    ],
)
def test_reading_rejects_values_that_cannot_be_encoded(changed, field):
    arguments = {"source": "s", "tag": "t", "source_time_ns": 1, "received_ns": 1, "value": 1.0}
    with pytest.raises(InvalidInput) as error:
        Reading(**(arguments | changed))
    assert error.value.field == field
