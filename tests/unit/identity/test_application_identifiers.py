"""Test the formats of application identifiers."""

import pytest

from chromatrace.identity.application_identifiers import APPLICATION_IDENTIFIERS, DICTIONARY, EDITION, NEVER_ATTRIBUTES


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
        ("03", "09521234543213"),
        ("423", "276380"),
        ("715", "1234-567-89"),
        ("717", "SRN1"),
        ("7041", "1AB"),
        ("7250", "19800229"),
        ("7251", "198002292359"),
        ("7252", "9"),
        ("7253", "M%C3%BCller"),
        ("7258", "1/3"),
        ("8001", "00010000100191"),
        ("8007", "DE89370400440532013000"),
        ("8008", "26123123"),
        ("8008", "261231235959"),
        ("8041", "1" * 15),
        ("8042", "1" * 32),
        ("8043", "1" * 20),
        ("4309", "18000000003600000000"),
        ("4330", "000100-"),
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
        ("03", "09521234543214", "check digit"),
        ("4309", "18000000013600000000", "exceeds"),
        ("4330", "000100+", "expected a hyphen"),
        ("7241", "11", "media type"),
        ("7250", "19810229", "not a valid date YYYYMMDD"),
        ("7252", "3", "expected 0, 1, 2 or 9"),
        ("7253", "M%C3%B", "percent-encoding"),
        ("7258", "3/1", "position"),
        ("8001", "00000000100191", "above zero"),
        ("8001", "00010000100171", "expected 0, 1 or 9"),
        ("8007", "DE89370400440532013001", "IBAN"),
        ("8008", "2612312360", "exceeds 59"),
        ("8040", "1" * 14, "too short"),
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


def test_edition_is_that_of_the_included_file():
    assert EDITION == "2026-01-27"
    assert f"# Release: {EDITION}" in DICTIONARY.read_text(encoding="utf-8")


def test_attributes_of_a_link():
    """The flag `?` of the dictionary."""
    assert {
        *("03", "21", "22", "235", "254", "7040", "7041", "8011", "8014", "8019", "8020", "8200"),
        *("8040", "8041", "8042", "8043"),
    } == NEVER_ATTRIBUTES
