"""Test the formats of application identifiers."""

import pytest

from chromatrace.identity.application_identifiers import APPLICATION_IDENTIFIERS


@pytest.mark.parametrize(
    ("ai", "value"),
    [
        ("00", "952012345678912345"),
        ("10", "A" * 20),
        ("11", "260200"),
        ("17", "280229"),
        ("253", "9526064000028"),
        ("253", "9526064000028000001"),
        ("255", "9526064000028"),
        ("3103", "000195"),
        ("3922", "0299"),
        ("421", "276AB1"),
        ("4321", "1"),
        ("4324", "2612310000"),
        ("7003", "2612312359"),
        ("7007", "261231"),
        ("7007", "261231270101"),
        ("7040", "1ABC"),
        ("8003", "09521234543213SERIAL"),
        ("8006", "095212345432130102"),
        ("8011", "0"),
        ("8013", "1987654Ad4X4bL5ttr2310c2K"),  # example of General Specifications 7.9.5
        ("8010", "952012-#/"),
        ("99", "x" * 90),
    ],
)
def test_valid_values(ai, value):
    assert APPLICATION_IDENTIFIERS[ai].format_error(value) is None


@pytest.mark.parametrize(
    ("ai", "value", "message"),
    [
        ("00", "952012345678912346", "check digit"),
        ("01", "0952123454321", "too short"),
        ("01", "095212345432130", "too long"),
        ("10", "A" * 21, "too long"),
        ("10", "A^B", "set 82"),
        ("11", "261301", "not a valid date"),
        ("17", "270229", "not a valid date"),
        ("253", "9526064000029", "check digit"),
        ("3103", "19.5", "too short"),
        ("3103", "0001A5", "not a digit"),
        ("4321", "2", "expected 0 or 1"),
        ("4324", "2612312400", "not a valid time"),
        ("7003", "2612002359", "not a valid date"),
        ("7003", "261231", "too short"),
        ("8003", "19521234543213", "expected 0"),
        ("8006", "095212345432130201", "piece 2 of 1"),
        ("8006", "095212345432130001", "piece 0 of 1"),
        ("8010", "abc", "set 39"),
        ("8011", "012", "leading zero"),
        ("8013", "1987654Ad4X4bL5ttr2310c2L", "check characters"),
        ("8013", "2K", "too short"),
        ("8030", "a+b", "base64url"),
    ],
)
def test_invalid_values(ai, value, message):
    assert message in APPLICATION_IDENTIFIERS[ai].format_error(value)


def test_predefined_lengths():
    without = {code for code, ai in APPLICATION_IDENTIFIERS.items() if ai.predefined_length}
    assert {"00", "01", "02", "11", "17", "20", "3103", "3690", "414"} <= without
    assert not {"10", "21", "22", "253", "37", "3922", "8003", "8017"} & without
    # Without a separator, only a fixed length determines where the value ends.
    for ai in without:
        assert all(
            part.minimum == part.maximum and not part.optional for part in APPLICATION_IDENTIFIERS[ai].components
        )
