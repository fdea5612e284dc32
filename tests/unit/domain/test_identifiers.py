import pytest
from eth_hash.auto import keccak
from hypothesis import given
from hypothesis import strategies as st

from chromatrace.domain.errors import InvalidInput
from chromatrace.domain.identifiers import SET_82, BatchKey, Gln, Gtin, Lot, Serial, Sscc, check_digit

GTIN = "09521234543213"


def test_set_82_has_82_characters():
    assert len(SET_82) == 82


@pytest.mark.parametrize(
    ("kind", "text"), [(Gtin, GTIN), (Gln, "9520123456788"), (Sscc, "952012345678912345"), (Gtin, "00000000000000")]
)
def test_correct_check_digits_are_accepted(kind, text):
    assert str(kind(text)) == text


@given(st.text("0123456789", min_size=13, max_size=13), st.integers(0, 13), st.integers(1, 9))
def test_any_single_wrong_digit_is_detected(body, index, shift):
    good = body + check_digit(body)
    bad = good[:index] + str((int(good[index]) + shift) % 10) + good[index + 1 :]
    assert Gtin(good).value == good
    with pytest.raises(InvalidInput) as error:
        Gtin(bad)
    assert error.value.field == "gtin"


@pytest.mark.parametrize("text", ["", "9521234543213", GTIN + "0", "0952123454321X", "٠٩٥٢١٢٣٤٥٤٣٢١٣", f" {GTIN[1:]}"])
def test_other_forms_of_a_gtin_are_rejected(text):
    with pytest.raises(InvalidInput) as error:
        Gtin(text)
    assert error.value.field == "gtin"


@pytest.mark.parametrize(("kind", "field"), [(Lot, "lot"), (Serial, "serial")])
@pytest.mark.parametrize("text", ["", "A" * 21, "A B", "LOT#1", "Ä", "A\n", "~"])
def test_lots_and_serials_have_1_to_20_characters_of_set_82(kind, field, text):
    with pytest.raises(InvalidInput) as error:
        kind(text)
    assert error.value.field == field


def test_the_batch_id_is_the_hash_of_application_identifiers_and_values():
    key = BatchKey.parse(GTIN, "L2410A")
    assert key.batch_id == keccak(b"010952123454321310L2410A")


def test_numbers_keep_their_leading_zeros():
    assert Gtin.from_number(int(Gtin(GTIN))) == Gtin(GTIN)
    assert Gln.from_number(int(Gln("0614141000005"))) == Gln("0614141000005")
