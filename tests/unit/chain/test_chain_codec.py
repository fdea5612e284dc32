"""The codec against eth-abi, its slower twin, and against malformed data."""

import eth_abi
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chromatrace.domain.addresses import checksummed
from chromatrace.ethereum.codec import codec_of, tuple_codec
from chromatrace.ethereum.errors import AbiError

REGISTRATION = {
    "type": "tuple[]",
    "components": [
        {"name": "gtin", "type": "uint64"},
        {"name": "lot", "type": "string"},
        {"name": "delta", "type": "int32"},
        {"name": "root", "type": "bytes32"},
        {"name": "inputs", "type": "bytes32[]"},
        {"name": "who", "type": "address"},
        {"name": "held", "type": "bool"},
        {"name": "pair", "type": "uint16[2]"},
        {"name": "blob", "type": "bytes"},
        {"name": "tag", "type": "bytes4"},
    ],
}
TWIN = "(uint64,string,int32,bytes32,bytes32[],address,bool,uint16[2],bytes,bytes4)[]"

word = st.binary(min_size=32, max_size=32)
structs = st.lists(
    st.tuples(
        st.integers(0, 2**64 - 1),
        st.text(max_size=70),
        st.integers(-(2**31), 2**31 - 1),
        word,
        st.lists(word, max_size=3),
        st.binary(min_size=20, max_size=20).map(checksummed),
        st.booleans(),
        st.lists(st.integers(0, 65535), min_size=2, max_size=2),
        st.binary(max_size=70),
        st.binary(min_size=4, max_size=4),
    ),
    max_size=3,
)


@settings(max_examples=60, deadline=None)
@given(structs)
def test_same_bytes_as_eth_abi_and_back(values):
    codec = tuple_codec([{**REGISTRATION, "name": "all"}], top=True)
    expected = eth_abi.encode([TWIN], [[(*value[:4], value[4], value[5].lower(), *value[6:]) for value in values]])
    assert codec.encode([values]) == expected
    names = [component["name"] for component in REGISTRATION["components"]]
    assert codec.decode(expected, 0, 0) == {"all": [dict(zip(names, value, strict=True)) for value in values]}


def test_structs_by_name_are_structs_by_position():
    codec = tuple_codec([{"name": "a", "type": "uint8"}, {"name": "b", "type": "string"}])
    assert codec.encode({"b": "x", "a": 1}) == codec.encode([1, "x"])


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("uint8", 256),
        ("uint8", -1),
        ("uint8", True),
        ("uint8", 1.0),
        ("uint8", "1"),
        ("int8", 128),
        ("bytes32", b"short"),
        ("bytes32", "0xzz"),
        ("bytes32", "no prefix"),
        ("address", "0x" + "00" * 19),
        ("address", "0x7099797051812dc3A010C7d01b50e0d17dc79C8a"),
        ("bool", 1),
        ("string", b"bytes"),
        ("uint8[]", 7),
        ("uint8[2]", [1]),
    ],
)
def test_values_that_do_not_fit_are_refused(kind, value):
    with pytest.raises(AbiError):
        codec_of({"type": kind, "name": "x"}).encode(value)


def test_a_refusal_names_the_path_of_the_argument():
    codec = tuple_codec([{"name": "outer", "type": "tuple", "components": [{"name": "inner", "type": "uint8"}]}])
    with pytest.raises(AbiError) as refusal:
        codec.encode([[300]])
    assert refusal.value.field == "outer.inner"


@pytest.mark.parametrize(
    "data",
    [
        b"",
        (32).to_bytes(32, "big"),
        (2**200).to_bytes(32, "big"),
        (32).to_bytes(32, "big") + (2**20).to_bytes(32, "big"),
        (32).to_bytes(32, "big") + (5).to_bytes(32, "big") + b"abc",
    ],
)
@pytest.mark.parametrize("kind", ["string", "bytes32[]", "bytes"])
def test_truncated_data_are_refused(kind, data):
    with pytest.raises(AbiError):
        tuple_codec([{"name": "x", "type": kind}], top=True).decode(data, 0, 0)
