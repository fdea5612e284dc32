"""EIP-55 addresses, compared with another library."""

import random

import pytest
from eth_utils.address import to_checksum_address

from chromatrace.domain.addresses import checksummed, parse_address
from chromatrace.domain.errors import InvalidInput


def _miswritten(address):
    """Return the address with the case of its first letter changed."""
    index = next(index for index in range(2, 42) if address[index].isalpha())
    return address[:index] + address[index].swapcase() + address[index + 1 :]


def test_checksums_equal_those_of_another_library():
    rng = random.Random(3)
    for raw in (bytes(20), b"\xff" * 20, *(rng.randbytes(20) for _ in range(200))):
        text = checksummed(raw)
        assert text == to_checksum_address(raw)
        for address in (text, text.lower(), "0x" + text[2:].upper()):
            assert parse_address(address) == text


def test_mixed_case_with_a_wrong_checksum_is_an_error_that_names_the_address():
    rng = random.Random(4)
    for _ in range(100):
        wrong = _miswritten(checksummed(rng.randbytes(20)))
        with pytest.raises(InvalidInput, match=wrong) as raised:
            parse_address(wrong, "operator")
        assert raised.value.field == "operator"
        assert "EIP-55" in raised.value.message


@pytest.mark.parametrize("digits", ["", "ab" * 19, "ab" * 21, "gg" * 20, "ab" * 20 + "\n", "١" * 40])
def test_other_digits_are_not_an_address(digits):
    with pytest.raises(InvalidInput, match="40 hexadecimal digits"):
        parse_address(f"0x{digits}")


@pytest.mark.parametrize("wrong", ["", "ab" * 20, " 0x" + "ab" * 20, "0X" + "ab" * 20, b"\1" * 20, None])
def test_other_text_is_not_an_address(wrong):
    with pytest.raises(InvalidInput, match="40 hexadecimal digits"):
        parse_address(wrong)
