"""EIP-55 addresses, compared with another library."""

import random

import pytest
from eth_utils.address import is_address as is_their_address
from eth_utils.address import to_checksum_address

from chromatrace.domain.addresses import checksummed, is_address


def test_checksums_equal_those_of_another_library():
    rng = random.Random(3)
    for raw in (bytes(20), b"\xff" * 20, *(rng.randbytes(20) for _ in range(200))):
        text = checksummed(raw)
        assert text == to_checksum_address(raw)
        for address in (text, text.lower(), "0x" + text[2:].upper(), text.swapcase().replace("X", "x", 1)):
            assert is_address(address) == is_their_address(address)


@pytest.mark.parametrize(
    "wrong", ["", "0x", "0x" + "ab" * 19, "0x" + "ab" * 21, "ab" * 20, "0x" + "gg" * 20, b"\1" * 20, None]
)
def test_other_text_is_not_an_address(wrong):
    assert not is_address(wrong)
