"""Test the responses of the resolver."""

import pytest

from chromatrace.identity import resolver
from chromatrace.identity.digital_link import DigitalLink
from chromatrace.identity.errors import DigitalLinkError
from chromatrace.identity.resolver import LinkTarget, LinkType

ITEM = "https://trace.example.com/01/09521234543213/10/L2410A"
TARGETS = [
    LinkTarget(LinkType.PIP, ITEM, "Example pane"),
    LinkTarget(LinkType.TRACEABILITY, f"{ITEM}#life", "Its life"),
    LinkTarget(LinkType.DPP, f"{ITEM}?format=json", "Passport", "application/json", language=None),
    LinkTarget(LinkType.PIP, f"{ITEM}?lang=de", "Beispielscheibe", language="de"),
]


def link(query=""):
    return DigitalLink.parse(ITEM + query)


def test_linkset():
    assert resolver.linkset(link("?17=271231&linkType=all"), TARGETS, description="Example pane, lot L2410A") == {
        "linkset": [
            {
                "anchor": ITEM,
                "description": "Example pane, lot L2410A",
                "https://gs1.org/voc/defaultLink": [
                    {"href": ITEM, "title": "Example pane", "type": "text/html", "hreflang": ["en"]}
                ],
                "https://gs1.org/voc/pip": [
                    {"href": ITEM, "title": "Example pane", "type": "text/html", "hreflang": ["en"]},
                    {"href": f"{ITEM}?lang=de", "title": "Beispielscheibe", "type": "text/html", "hreflang": ["de"]},
                ],
                "https://gs1.org/voc/traceability": [
                    {"href": f"{ITEM}#life", "title": "Its life", "type": "text/html", "hreflang": ["en"]}
                ],
                "https://gs1.org/voc/dpp": [
                    {"href": f"{ITEM}?format=json", "title": "Passport", "type": "application/json"}
                ],
            }
        ]
    }


def test_unknown_item_has_no_linkset():
    with pytest.raises(DigitalLinkError):
        resolver.linkset(link(), [])
    assert resolver.choose(link(), []) is None


@pytest.mark.parametrize(
    ("query", "index"),
    [
        ("", 0),
        ("?linkType=", 0),
        ("?linkType=gs1:defaultLink", 0),
        ("?linkType=gs1:pip", 0),
        ("?linkType=gs1%3Atraceability", 1),
        ("?linkType=https://gs1.org/voc/dpp", 2),
    ],
)
def test_choose_returns_the_first_target_of_a_type(query, index):
    assert resolver.choose(link(query), TARGETS) is TARGETS[index]


def test_choose_without_target_of_the_type():
    assert resolver.choose(link("?linkType=gs1:epcis"), TARGETS) is None


@pytest.mark.parametrize("query", ["?linkType=pip", "?linkType=gs1:nonsense", "?linkType=gs1:pip&linkType=gs1:dpp"])
def test_invalid_link_type_is_rejected(query):
    with pytest.raises(DigitalLinkError) as error:
        resolver.choose(link(query), TARGETS)
    assert error.value.field == "linkType"


@pytest.mark.parametrize(
    ("query", "expected"),
    [("", False), ("?linkType=all", True), ("?linkType=linkset", True), ("?linkType=gs1:pip", False)],
)
def test_wants_linkset(query, expected):
    assert resolver.wants_linkset(link(query)) is expected


def test_link_header():
    expected = f'<{ITEM}?linkType=all>; rel="linkset"; type="application/linkset+json"'
    assert resolver.link_header(link("?17=271231")) == expected


def test_description():
    assert resolver.description("https://trace.example.com/", "Example resolver") == {
        "name": "Example resolver",
        "resolverRoot": "https://trace.example.com",
        "supportedPrimaryKeys": ["01"],
        "supportedLinkType": [{"namespace": "https://gs1.org/voc/", "prefix": "gs1:"}],
        "linkTypeDefaultCanBeLinkset": False,
    }
