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


def test_a_linkset_names_every_target_under_its_relation():
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


def test_an_item_that_nothing_is_known_about_has_no_linkset():
    with pytest.raises(DigitalLinkError):
        resolver.linkset(link(), [])
    assert resolver.choose(link(), []) is None


@pytest.mark.parametrize(
    ("query", "place"),
    [
        ("", 0),
        ("?linkType=", 0),
        ("?linkType=gs1:defaultLink", 0),
        ("?linkType=gs1:pip", 0),
        ("?linkType=gs1%3Atraceability", 1),
        ("?linkType=https://gs1.org/voc/dpp", 2),
    ],
)
def test_a_link_type_is_sent_to_its_first_target(query, place):
    assert resolver.choose(link(query), TARGETS) is TARGETS[place]


def test_a_type_that_the_item_does_not_have():
    assert resolver.choose(link("?linkType=gs1:epcis"), TARGETS) is None


@pytest.mark.parametrize("query", ["?linkType=pip", "?linkType=gs1:nonsense", "?linkType=gs1:pip&linkType=gs1:dpp"])
def test_a_link_type_that_is_none_is_refused(query):
    with pytest.raises(DigitalLinkError) as refusal:
        resolver.choose(link(query), TARGETS)
    assert refusal.value.field == "linkType"


@pytest.mark.parametrize(
    ("query", "wanted"),
    [("", False), ("?linkType=all", True), ("?linkType=linkset", True), ("?linkType=gs1:pip", False)],
)
def test_who_wants_the_linkset(query, wanted):
    assert resolver.wants_linkset(link(query)) is wanted


def test_the_header_that_leads_to_the_linkset():
    expected = f'<{ITEM}?linkType=all>; rel="linkset"; type="application/linkset+json"'
    assert resolver.link_header(link("?17=271231")) == expected


def test_the_description_has_what_the_standard_asks_for():
    assert resolver.description("https://trace.example.com/", "Example resolver") == {
        "name": "Example resolver",
        "resolverRoot": "https://trace.example.com",
        "supportedPrimaryKeys": ["01"],
        "supportedLinkType": [{"namespace": "https://gs1.org/voc/", "prefix": "gs1:"}],
        "linkTypeDefaultCanBeLinkset": False,
    }
