"""The choices that the codec adds to eth-abi, and malformed data."""

import pytest

from chromatrace.ethereum.codec import Parameters
from chromatrace.ethereum.errors import AbiError

ADDRESS = "0x70997970C51812dc3A010C7d01b50e0d17dc79C8"
STRUCT = {
    "name": "batches",
    "type": "tuple[]",
    "components": [{"name": "id", "type": "bytes4"}, {"name": "pair", "type": "uint16[2]"}],
}


def parameter(kind):
    return Parameters.of([{"name": "x", "type": kind}])


def test_structs_decode_to_tuples_or_by_name():
    parameters = Parameters.of([STRUCT, {"name": "", "type": "address"}])
    assert parameters.signature == "((bytes4,uint16[2])[],address)"
    data = parameters.encode([[(b"abcd", [1, 2])], ADDRESS])
    assert parameters.decode(data) == (((b"abcd", (1, 2)),), ADDRESS)
    assert parameters.decode_named(data) == {"batches": [{"id": b"abcd", "pair": [1, 2]}], "1": ADDRESS}


def test_text_that_is_not_utf8_decodes_with_replacement_characters():
    data = parameter("bytes").encode([b"a\xffb"])
    assert parameter("string").decode(data) == ("a\N{REPLACEMENT CHARACTER}b",)


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
        ("bytes32", b"x" * 33),
        ("bytes32", "0xzz"),
        ("address", "0x" + "00" * 19),
        ("address", "0x7099797051812dc3A010C7d01b50e0d17dc79C8a"),
        ("bool", 1),
        ("string", b"bytes"),
        ("uint8[]", 7),
        ("uint8[2]", [1]),
    ],
)
def test_values_of_the_wrong_type_are_rejected_with_the_parameter(kind, value):
    with pytest.raises(AbiError) as raised:
        parameter(kind).encode([value])
    assert raised.value.field == "x"


def test_the_number_of_values_is_checked():
    with pytest.raises(AbiError, match=r"expected 1 values \(x\), got 2"):
        parameter("uint8").encode([1, 2])


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
def test_truncated_data_is_rejected(kind, data):
    with pytest.raises(AbiError):
        parameter(kind).decode(data)
