"""What a GS1-conformant resolver answers about a batch or a unit, as plain values for a portal to serve.

Source: GS1-Conformant Resolver Standard 1.2 and RFC 9264 (linksets). A linkset names every kind of page and document
that there is about an item; its anchor is the item's Digital Link itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from chromatrace.identity.digital_link import DigitalLink
from chromatrace.identity.errors import DigitalLinkError

VOCABULARY = "https://gs1.org/voc/"
PREFIX = "gs1:"

DESCRIPTION_PATH = "/.well-known/gs1resolver"
LINKSET_MEDIA_TYPE = "application/linkset+json"
LINKSET_CONTEXT = "https://ref.gs1.org/standards/resolver/linkset-context"
"""For the `Link` header of a linkset: with it a reader of JSON-LD understands the linkset too."""

SUPPORTED_KEYS = ("01",)
"""Batches and units are GTINs with qualifiers; places and shipments have no pages yet."""


class LinkType(StrEnum):
    """The kinds of links we have, from GS1's web vocabulary; the names are what stands in `?linkType=`."""

    PIP = "gs1:pip"
    TRACEABILITY = "gs1:traceability"
    EPCIS = "gs1:epcis"
    DPP = "gs1:dpp"
    CERTIFICATION_INFO = "gs1:certificationInfo"

    @property
    def relation(self) -> str:
        """The relation in full: a URI of the vocabulary."""
        return VOCABULARY + self.value.removeprefix(PREFIX)


@dataclass(frozen=True, slots=True)
class LinkTarget:
    """One page or document about an item. The first of a type is the one that a request for the type is sent to."""

    link_type: LinkType
    href: str
    title: str
    media_type: str = "text/html"
    language: str | None = "en"

    def as_json(self) -> dict[str, Any]:
        """A link target object of RFC 9264, 4.2.4.2."""
        language = {"hreflang": [self.language]} if self.language else {}
        return {"href": self.href, "title": self.title, "type": self.media_type} | language


def linkset(link: DigitalLink, targets: Sequence[LinkTarget], *, description: str = "") -> dict[str, Any]:
    """The answer to `?linkType=all` (or `linkset`): every target, the first as the default link.

    Raises `DigitalLinkError` where there is no target: such an item is unknown here, and the answer is 404.
    """
    if not targets:
        raise DigitalLinkError(f"nothing is known about {link.bracketed()}", field="path")
    context: dict[str, Any] = {"anchor": anchor(link)}
    if description:
        context["description"] = description
    context[f"{VOCABULARY}defaultLink"] = [targets[0].as_json()]
    for target in targets:
        context.setdefault(target.link_type.relation, []).append(target.as_json())
    return {"linkset": [context]}


def anchor(link: DigitalLink) -> str:
    """The URI that a linkset is about: the item, without attributes and parameters."""
    return DigitalLink(link.base, link.path).uri


def link_header(link: DigitalLink) -> str:
    """The `Link` header of an item's page: where its linkset is (RFC 9264, 7)."""
    return f'<{anchor(link)}?linkType=all>; rel="linkset"; type="{LINKSET_MEDIA_TYPE}"'


def wants_linkset(link: DigitalLink) -> bool:
    """Whether the query asks for all links."""
    return _requested(link) in ("all", "linkset")


def choose(link: DigitalLink, targets: Sequence[LinkTarget]) -> LinkTarget | None:
    """The target that the query's `linkType` asks for; the default where it asks for none, None where there is none.

    A type is named as `gs1:pip` or by its relation in full; an unknown one raises `DigitalLinkError`.
    """
    requested = _requested(link)
    if requested is None or requested in ("gs1:defaultLink", f"{VOCABULARY}defaultLink"):
        return targets[0] if targets else None
    try:
        wanted = LinkType(requested.replace(VOCABULARY, PREFIX, 1))
    except ValueError as error:
        raise DigitalLinkError(
            f"{requested[:80]!r} is no link type that we have",
            field="linkType",
            hint=f"there are: all, {', '.join(LinkType)}",
        ) from error
    return next((target for target in targets if target.link_type is wanted), None)


def description(base_url: str, name: str) -> dict[str, Any]:
    """The resolver's description, served at `DESCRIPTION_PATH`."""
    return {
        "name": name,
        "resolverRoot": base_url.rstrip("/"),
        "supportedPrimaryKeys": list(SUPPORTED_KEYS),
        "supportedLinkType": [{"namespace": VOCABULARY, "prefix": PREFIX}],
        "linkTypeDefaultCanBeLinkset": False,
    }


def _requested(link: DigitalLink) -> str | None:
    asked = [value for parameter, value in link.parameters if parameter == "linkType"]
    if len(asked) > 1:
        raise DigitalLinkError("stands there twice", field="linkType")
    return asked[0] or None if asked else None
