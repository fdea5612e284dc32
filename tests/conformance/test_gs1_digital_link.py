"""Run all cases of GS1's syntax engine: URIs to parse or reject, and URIs to generate."""

import json

import pytest

from chromatrace.identity.application_identifiers import APPLICATION_IDENTIFIERS
from chromatrace.identity.digital_link import GS1_RESOLVER, DigitalLink
from chromatrace.identity.errors import DigitalLinkError

PARSED, GENERATED = 59, 11

MODES = {
    "default": {},
    "zero": {"allow_zero_suppressed_gtin": True},
    "unk": {"allow_unknown_ais": True},
}

# The engine's test enables its undocumented option for short names for this case only; the vectors do not say so.
SHORT_NAMES = "https://a/gtin/12312312312333/ser/ABC123"


def element_string(link):
    """Return the data as a GS1 element string, with ^ for FNC1 as in the vectors."""
    text, open_ended = "", True
    for ai, value in link.elements():
        text += ("^" if open_ended else "") + ai + value
        open_ended = ai not in APPLICATION_IDENTIFIERS or not APPLICATION_IDENTIFIERS[ai].predefined_length
    return text


@pytest.fixture(scope="module")
def vectors(vectors_dir):
    return json.loads((vectors_dir / "gs1-digital-link" / "vectors.json").read_text(encoding="utf-8"))


def test_number_of_cases(vectors):
    assert len(vectors["parse"]) == PARSED
    assert len(vectors["generate"]) == GENERATED
    assert {case["mode"] for case in vectors["parse"]} == set(MODES)


@pytest.mark.parametrize("number", range(PARSED))
def test_parse(vectors, number):
    case = vectors["parse"][number]
    options = MODES[case["mode"]] | {"allow_short_names": case["uri"] == SHORT_NAMES}
    if case["ok"]:
        assert element_string(DigitalLink.parse(case["uri"], **options)) == case["expect"]
    else:
        with pytest.raises(DigitalLinkError) as error:
            DigitalLink.parse(case["uri"], **options)
        assert error.value.field


def test_options_are_off_by_default(vectors):
    optional = [case for case in vectors["parse"] if case["mode"] != "default" or case["uri"] == SHORT_NAMES]
    assert len(optional) == 8
    for case in optional:
        with pytest.raises(DigitalLinkError):
            DigitalLink.parse(case["uri"])


@pytest.mark.parametrize("number", range(GENERATED))
def test_generate(vectors, number):
    case = vectors["generate"][number]
    base = case["stem"] or GS1_RESOLVER
    if case["ok"]:
        assert DigitalLink.from_bracketed(case["ai"], base).uri == case["expect"]
    else:
        with pytest.raises(DigitalLinkError):
            DigitalLink.from_bracketed(case["ai"], base)


def test_parsed_links_round_trip(vectors):
    good = [case for case in vectors["parse"] if case["ok"]]
    assert len(good) == 39
    for case in good:
        options = MODES[case["mode"]] | {"allow_short_names": case["uri"] == SHORT_NAMES}
        link = DigitalLink.parse(case["uri"], **options)
        assert DigitalLink.parse(link.uri, allow_unknown_ais=True) == link
