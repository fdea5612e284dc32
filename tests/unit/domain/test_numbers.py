"""Numbers that people type."""

import pytest

from chromatrace.domain.errors import InvalidInput
from chromatrace.domain.numbers import parse_decimal, parse_whole


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("7", 7.0),
        (" -2.50 ", -2.5),
        ("0,375", 0.375),
        ("3,5", 3.5),
        ("4.125", 4.125),
        ("2e-3", 0.002),
        ("1234,567", 1234.567),
    ],
)
def test_a_decimal_has_a_point_or_a_comma(text, value):
    assert parse_decimal(text, "length") == value


@pytest.mark.parametrize("parse", [parse_decimal, parse_whole])
@pytest.mark.parametrize("text", ["2,500", "-17,250", "+300,000"])
def test_a_comma_before_three_digits_shows_both_readings(parse, text):
    with pytest.raises(InvalidInput) as caught:
        parse(text, "length")
    assert caught.value.field == "length"
    assert text.replace(",", "") in caught.value.message
    assert text.replace(",", ".") in caught.value.message


@pytest.mark.parametrize("parse", [parse_decimal, parse_whole])
@pytest.mark.parametrize(
    "text",
    [
        "",
        "2_500",
        "\u0663",
        "\uff17",
        "2 500",
        "2'500",
        "2,500,000",
        "2.500,75",
        "nan",
        "inf",
        "0x1f",
        "1e",
        "--3",
        "9" * 200,
    ],
)
def test_anything_else_is_rejected(parse, text):
    with pytest.raises(InvalidInput):
        parse(text, "length")


def test_a_whole_number_has_no_fraction():
    assert parse_whole("12", "count") == 12
    for text in ("12.0", "12,5", "1e3"):
        with pytest.raises(InvalidInput):
            parse_whole(text, "count")
    with pytest.raises(InvalidInput):
        parse_decimal("1e999", "length")


def test_the_hint_for_an_ambiguous_whole_number_names_no_decimal_number():
    with pytest.raises(InvalidInput, match="1,000 is ambiguous") as error:
        parse_whole("1,000", "quantity")
    assert (error.value.field, error.value.hint) == ("quantity", "write it without a comma")
