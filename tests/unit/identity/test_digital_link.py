"""Test building and parsing of Digital Links."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chromatrace.domain.identifiers import SET_82, BatchKey, Gln, Gtin, Lot, Serial, Sscc, check_digit
from chromatrace.identity.application_identifiers import APPLICATION_IDENTIFIERS, KEY_QUALIFIERS, NEVER_ATTRIBUTES
from chromatrace.identity.digital_link import DigitalLink, Element, read_code, uri_for_batch, uri_for_unit
from chromatrace.identity.errors import DigitalLinkError

GTIN = "09521234543213"
BASE = "https://example.com"
KEY = BatchKey.parse(GTIN, "L2410A")

set_82 = st.text(sorted(SET_82), min_size=1, max_size=20)
gtins = st.text("0123456789", min_size=13, max_size=13).map(lambda body: body + check_digit(body))
bases = st.sampled_from(
    [
        BASE,
        "http://localhost:8000",
        "https://[2001:db8::1]:8443",
        f"{BASE}/some/stem",
        f"{BASE}/01/x",
        "HTTPS://EXAMPLE.COM",
    ]
)


def test_uris_of_batch_and_unit():
    assert uri_for_batch(BASE, KEY) == f"{BASE}/01/{GTIN}/10/L2410A"
    assert uri_for_unit(f"{BASE}/stem/", KEY, Serial("000042")) == f"{BASE}/stem/01/{GTIN}/10/L2410A/21/000042"


def test_members_of_a_link():
    link = DigitalLink.parse(f"{BASE}/s/01/{GTIN}/22/V1/10/L2410A/21/000042?17=271231&linkType=gs1:pip&x#top")
    assert link.base == f"{BASE}/s"
    assert (link.gtin, link.lot, link.serial) == (Gtin(GTIN), Lot("L2410A"), Serial("000042"))
    assert link.batch_key == KEY
    assert (link["22"], link["17"], link.get("99")) == ("V1", "271231", None)
    assert link.attributes == (Element("17", "271231"),)
    assert link.parameters == (("linkType", "gs1:pip"), ("x", None))
    assert link.bracketed() == f"(01){GTIN}(22)V1(10)L2410A(21)000042(17)271231"
    assert (link.gln, link.sscc) == (None, None)
    with pytest.raises(KeyError):
        link["99"]


def test_locations_and_shipments():
    assert DigitalLink.parse(f"{BASE}/414/9520123456788").gln == Gln("9520123456788")
    shipment = DigitalLink.parse(f"{BASE}/00/952012345678912345?10=LOT")
    assert shipment.sscc == Sscc("952012345678912345")
    # The lot of a shipment describes its content; the link does not identify a batch.
    assert (shipment.gtin, shipment.lot, shipment.batch_key) == (None, None, None)


@given(bases, gtins, set_82, set_82, set_82, st.lists(st.booleans(), min_size=3, max_size=3))
def test_built_links_round_trip(base, gtin, variant, lot, serial, present):
    qualifiers = [
        pair for pair, included in zip((("22", variant), ("10", lot), ("21", serial)), present, strict=True) if included
    ]
    link = DigitalLink.build([*reversed(qualifiers), ("01", gtin), ("99", serial)], base)
    assert DigitalLink.parse(link.uri) == link
    assert [element.ai for element in link.path[1:]] == [ai for ai, _ in qualifiers]
    assert link.uri.isascii()


@given(st.dictionaries(set_82.map(lambda name: f"x{name}"), st.none() | st.text(max_size=8), max_size=3))
def test_other_parameters_round_trip(parameters):
    link = DigitalLink(BASE, (Element("01", GTIN),), parameters=tuple(parameters.items()))
    assert DigitalLink.parse(link.uri).parameters == link.parameters


@given(st.text(max_size=60))
def test_any_text_parses_or_raises_digital_link_error(text):
    for uri in (text, f"{BASE}/{text}", f"{BASE}/01/{GTIN}/10/{text}", f"{BASE}/01/{GTIN}?{text}"):
        try:
            link = DigitalLink.parse(uri)
        except DigitalLinkError as error:
            assert error.field  # noqa: PT017 - both outcomes are valid and asserted
        else:
            assert DigitalLink.parse(link.uri) == link


@pytest.mark.parametrize(
    ("uri", "field"),
    [
        ("", "uri"),
        ("example.com/01/09521234543213", "uri"),
        ("https://exämple.com/01/09521234543213", "uri"),
        (f"{BASE}/01/{GTIN}/10/" + "A" * 2000, "uri"),
        (f"ftp://example.com/01/{GTIN}", "scheme"),
        (f"hTTps://example.com/01/{GTIN}", "scheme"),
        (f"https:///01/{GTIN}", "host"),
        (f"https://user@example.com/01/{GTIN}", "host"),
        (f"https://example.com:x/01/{GTIN}", "host"),
        (f"{BASE}/{GTIN}", "path"),
        (f"{BASE}/01/{GTIN}/", "path"),
        (f"{BASE}/01/{GTIN}/10", "path"),
        (f"{BASE}/01/{GTIN}//10/L", "path"),
        (f"{BASE}/01/{GTIN}/21/S/10/L", "path"),
        (f"{BASE}/01/{GTIN}/10/L/10/L", "path"),
        (f"{BASE}/01/{GTIN}/17/271231", "path"),
        (f"{BASE}/01/{GTIN}/235/T/10/L", "path"),
        (f"{BASE}/gtin/{GTIN}", "path"),
        (f"{BASE}/01/09521234543214", "(01)"),
        (f"{BASE}/01/9521234543213", "(01)"),
        (f"{BASE}/01/{GTIN}/10/" + "A" * 21, "(10)"),
        (f"{BASE}/01/{GTIN}/10/A%20B", "(10)"),
        (f"{BASE}/01/{GTIN}/10/%C3%A4", "(10)"),
        (f"{BASE}/01/{GTIN}/10/%FF", "(10)"),
        (f"{BASE}/01/{GTIN}/10/%2", "(10)"),
        (f"{BASE}/01/{GTIN}/10/%zz", "(10)"),
        (f"{BASE}/01/{GTIN}/10/L?10=L", "(10)"),
        (f"{BASE}/01/{GTIN}?10=L", "(10)"),
        (f"{BASE}/01/{GTIN}/10/L?21=S", "(21)"),
        (f"{BASE}/00/952012345678912345?21=S", "(21)"),
        (f"{BASE}/00/952012345678912345?22=S", "(22)"),
        (f"{BASE}/01/{GTIN}?17=271331", "(17)"),
        (f"{BASE}/01/{GTIN}?17=", "(17)"),
        (f"{BASE}/01/{GTIN}?17", "(17)"),
        (f"{BASE}/01/{GTIN}?17=271231&17=271231", "(17)"),
        (f"{BASE}/01/{GTIN}?18=271231", "(18)"),
        (f"{BASE}/01/{GTIN}?123456=1", "(123456)"),
        (f"{BASE}/01/{GTIN}?=1", "query"),
    ],
)
def test_error_names_the_part(uri, field):
    with pytest.raises(DigitalLinkError) as error:
        DigitalLink.parse(uri)
    assert error.value.field == field


def test_plus_sign_in_a_path():
    link = DigitalLink.parse(f"{BASE}/01/{GTIN}/10/A+B")
    assert link.lot == Lot("A+B")
    assert link.uri == f"{BASE}/01/{GTIN}/10/A%2BB"


def test_parse_options():
    short = "https://example.com/gtin/9521234543213/lot/L1/ser/S1"
    link = DigitalLink.parse(short, allow_short_names=True, allow_zero_suppressed_gtin=True)
    assert link.uri == f"{BASE}/01/{GTIN}/10/L1/21/S1"
    unknown = DigitalLink.parse(f"{BASE}/01/{GTIN}?89=x", allow_unknown_ais=True)
    assert unknown["89"] == "x"
    for query in ("89=ä", "89=", "12345=x"):
        with pytest.raises(DigitalLinkError):
            DigitalLink.parse(f"{BASE}/01/{GTIN}?{query}".replace("ä", "%C3%A4"), allow_unknown_ais=True)


@pytest.mark.parametrize(
    ("elements", "field"),
    [
        ([], "path"),
        ([("10", "L1")], "path"),
        ([("01", GTIN), ("10", "A"), ("10", "B")], "(10)"),
        ([("01", GTIN), ("89", "A")], "(89)"),
        ([("01", "1")], "(01)"),
    ],
)
def test_build_errors(elements, field):
    with pytest.raises(DigitalLinkError) as error:
        DigitalLink.build(elements, BASE)
    assert error.value.field == field


@pytest.mark.parametrize(
    "base", ["", "example.com", "https://", "https://a b", "https://a/?q", "https://a/<", "mailto:a@b"]
)
def test_invalid_base_is_rejected(base):
    with pytest.raises(DigitalLinkError):
        uri_for_batch(base, KEY)


@pytest.mark.parametrize("text", ["", "01", "(01)", f"x(01){GTIN}", f"(01){GTIN}(", f"(1){GTIN}"])
def test_invalid_bracketed_text_is_rejected(text):
    with pytest.raises(DigitalLinkError):
        DigitalLink.from_bracketed(text)


def test_escaped_bracket_in_a_value():
    link = DigitalLink.from_bracketed(rf"(01){GTIN}(10)A\(B)", BASE)
    assert link.lot == Lot("A(B)")
    assert link.uri == f"{BASE}/01/{GTIN}/10/A%28B%29"


@pytest.mark.parametrize("name", ["", "10"])
def test_parameter_named_like_an_ai_is_rejected(name):
    with pytest.raises(DigitalLinkError):
        DigitalLink(BASE, (Element("01", GTIN),), parameters=((name, "x"),))


def test_keys_and_qualifiers_are_supported_ais():
    qualifiers = {ai for sequences in KEY_QUALIFIERS.values() for sequence in sequences for ai in sequence}
    assert qualifiers | set(KEY_QUALIFIERS) | NEVER_ATTRIBUTES <= set(APPLICATION_IDENTIFIERS)


@pytest.mark.parametrize(
    ("path", "query"),
    [
        ("01/09521234543213/235/XYZ", "10=L1"),
        ("01/09521234543213/235/XYZ", "716=ABC1&717=X"),
        ("01/09521234543213/10/L1", "17=271231"),
        ("414/9521234500001/7040/1ABC", "10=L1"),
    ],
)
def test_qualifiers_of_another_sequence_may_be_attributes(path, query):
    assert DigitalLink.parse(f"{BASE}/{path}?{query}").uri == f"{BASE}/{path}?{query}"


@pytest.mark.parametrize(
    ("path", "query", "field"),
    [
        ("01/09521234543213/235/XYZ", "21=7", "(21)"),
        ("01/09521234543213", "10=L1", "(10)"),
        ("01/09521234543213/22/V", "10=L1", "(10)"),
        ("01/09521234543213/10/L1", "235=XYZ", "(235)"),
        ("01/09521234543213", "8200=http%3A%2F%2Fx.y", "(8200)"),
        ("01/09521234543213", "8014=1987654Ad4X4bL5ttr2310c2K", "(8014)"),
        ("00/952012345678912345", "7040=1ABC", "(7040)"),
        ("01/09521234543213", "8040=123456789012345", "(8040)"),
    ],
)
def test_ais_that_are_not_attributes_are_rejected(path, query, field):
    with pytest.raises(DigitalLinkError) as error:
        DigitalLink.parse(f"{BASE}/{path}?{query}")
    assert error.value.field == field


LOT = f"{BASE}/01/{GTIN}/10/L-7"


@pytest.mark.parametrize(
    ("code", "uri"),
    [
        (f"{LOT}/21/000042", f"{LOT}/21/000042"),
        (f"]Q1{LOT}", LOT),
        (f"(01){GTIN}(10)L-7", LOT),
        (f"]d2(01){GTIN}(10)L-7", LOT),
        (f"]d201{GTIN}10L-7\x1d21000042", f"{LOT}/21/000042"),
        (f"]Q301{GTIN}10L-7\u241d21000042", f"{LOT}/21/000042"),
        (f"]C101{GTIN}17271231" + "10L-7", f"{LOT}?17=271231"),
        (f"]e001{GTIN}", f"{BASE}/01/{GTIN}"),
        (f"\x1d01{GTIN}10L-7", LOT),
        (f"^01{GTIN}10L-7^21000042", f"{LOT}/21/000042"),
        (f"01{GTIN}10L-7\x1d21000042\x1d17271231", f"{LOT}/21/000042?17=271231"),
        (f"01{GTIN}17271231\x1d10L-7", f"{LOT}?17=271231"),
        (f"01{GTIN}10L-7\x1d8040123456789012345", LOT),
        ("]C100952012345678912345", f"{BASE}/00/952012345678912345"),
    ],
)
def test_code_is_read_in_every_notation(code, uri):
    assert read_code(code, BASE).uri == uri


@pytest.mark.parametrize(
    ("code", "field"),
    [
        ("]d2", "path"),
        (f"]d2{GTIN}", "elements"),
        ("]d20109521234543214", "(01)"),
        (f"]C101{GTIN}10", "(10)"),
        (f"]C101{GTIN}1727123110{'L' * 21}", "(10)"),
        ("]C110L-7", "path"),
        (f"]d2{LOT}", "elements"),
        (f"]C101{GTIN}10A\x1d10B", "(10)"),
        ("0109521234543214", "(01)"),
        ("hello", "uri"),
    ],
)
def test_invalid_code_is_rejected(code, field):
    with pytest.raises(DigitalLinkError) as error:
        read_code(code, BASE)
    assert error.value.field == field
