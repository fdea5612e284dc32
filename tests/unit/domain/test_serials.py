import pytest
from hypothesis import given
from hypothesis import strategies as st

from chromatrace.domain.errors import InvalidInput
from chromatrace.domain.identifiers import Serial
from chromatrace.domain.serials import MAX_COUNT, SerialRange

RANGE = SerialRange(first=98, count=5, width=6)


def test_serials_are_in_order_with_leading_zeros():
    assert [str(serial) for serial in RANGE] == ["000098", "000099", "000100", "000101", "000102"]
    assert list(RANGE.texts()) == [str(serial) for serial in RANGE]
    assert len(RANGE) == 5
    assert RANGE.last == 102
    assert str(RANGE) == "000098-000102"


@pytest.mark.parametrize("text", ["98", "0000098", "000097", "000103", "00009A", "0000/8"])
def test_a_serial_of_another_width_or_range_is_not_in_it(text):
    assert Serial(text) not in RANGE
    with pytest.raises(InvalidInput) as error:
        RANGE.index(Serial(text))
    assert error.value.field == "serial"


@given(st.integers(0, 10**19), st.integers(1, 1000), st.data())
def test_index_and_serial_are_inverse(first, count, data):
    serials = SerialRange(first, count, 20)
    index = data.draw(st.integers(0, count - 1))
    assert serials.index(serials.serial(index)) == index
    assert serials.serial(index) in serials


@pytest.mark.parametrize(
    ("parts", "field"),
    [
        ((-1, 1, 6), "first"),
        ((0, 0, 6), "count"),
        ((0, MAX_COUNT + 1, 20), "count"),
        ((0, 1, 0), "width"),
        ((0, 1, 21), "width"),
        ((99, 2, 2), "width"),
        ((True, 1, 6), "first"),
        ((1, 1.0, 6), "count"),
        ((1, 1, "6"), "width"),
    ],
)
def test_invalid_ranges_are_rejected(parts, field):
    with pytest.raises(InvalidInput) as error:
        SerialRange(*parts)
    assert error.value.field == field


def test_a_slice_is_within_the_range():
    assert list(RANGE.slice(100, 2).texts()) == ["000100", "000101"]
    for first, count in ((97, 1), (102, 2)):
        with pytest.raises(InvalidInput):
            RANGE.slice(first, count)
    for index in (-1, 5):
        with pytest.raises(InvalidInput):
            RANGE.serial(index)
