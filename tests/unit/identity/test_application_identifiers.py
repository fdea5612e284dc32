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
        ("8013", "1987654Ad4X4bL5ttr2310c2K"),  # the worked example of General Specifications 7.9.5
        ("8010", "952012-#/"),
        ("99", "x" * 90),
    ],
)
def test_right_values(ai, value):
    assert APPLICATION_IDENTIFIERS[ai].fault(value) is None


@pytest.mark.parametrize(
    ("ai", "value", "words"),
    [
        ("00", "952012345678912346", "check digit"),
        ("01", "0952123454321", "too short"),
        ("01", "095212345432130", "too long"),
        ("10", "A" * 21, "too long"),
        ("10", "A^B", "set 82"),
        ("11", "261301", "no date"),
        ("17", "270229", "no date"),
        ("253", "9526064000029", "check digit"),
        ("3103", "19.5", "too short"),
        ("3103", "0001A5", "not a digit"),
        ("4321", "2", "neither"),
        ("4324", "2612312400", "no time"),
        ("7003", "2612002359", "no date"),
        ("7003", "261231", "too short"),
        ("8003", "19521234543213", "is not 0"),
        ("8006", "095212345432130201", "piece 2 of 1"),
        ("8006", "095212345432130001", "piece 0 of 1"),
        ("8010", "abc", "set 39"),
        ("8011", "012", "begins with a zero"),
        ("8013", "1987654Ad4X4bL5ttr2310c2L", "check characters"),
        ("8013", "2K", "too short"),
        ("8030", "a+b", "base64url"),
    ],
)
def test_wrong_values_are_told_in_words(ai, value, words):
    assert words in APPLICATION_IDENTIFIERS[ai].fault(value)


def test_where_an_element_string_needs_no_separator():
    without = {ai for ai, known in APPLICATION_IDENTIFIERS.items() if known.predefined_length}
    assert {"00", "01", "02", "11", "17", "20", "3103", "3690", "414"} <= without
    assert not {"10", "21", "22", "253", "37", "3922", "8003", "8017"} & without
    # Whatever is exempt must have a fixed length, or a reader could not tell where it ends.
    for ai in without:
        assert all(part.least == part.most and not part.optional for part in APPLICATION_IDENTIFIERS[ai].components)
