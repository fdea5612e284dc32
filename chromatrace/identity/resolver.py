"""Responses of a GS1-conformant resolver about a batch or a unit, as plain values.

Sources: GS1-Conformant Resolver Standard 1.2 and RFC 9264 (linksets). A linkset lists all pages and documents about an
item; its anchor is the item's Digital Link.
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
"""JSON-LD context of a linkset, for its `Link` header."""

SUPPORTED_KEYS = ("01",)
"""Batches and units are GTINs with qualifiers. GLNs and SSCCs have no pages."""


class LinkType(StrEnum):
    """Supported link types of GS1's web vocabulary; the values are those of `?linkType=`."""

    PIP = "gs1:pip"
    TRACEABILITY = "gs1:traceability"
    EPCIS = "gs1:epcis"
    DPP = "gs1:dpp"
    CERTIFICATION_INFO = "gs1:certificationInfo"

    @property
    def relation(self) -> str:
        """Relation as a URI of the vocabulary."""
        return VOCABULARY + self.value.removeprefix(PREFIX)


@dataclass(frozen=True, slots=True)
class LinkTarget:
    """A page or document about an item. A request for a link type is redirected to the first target of the type."""

    link_type: LinkType
    href: str
    title: str
    media_type: str = "text/html"
    language: str | None = "en"

    def as_json(self) -> dict[str, Any]:
        """Return the link target object of RFC 9264, 4.2.4.2."""
        language = {"hreflang": [self.language]} if self.language else {}
        return {"href": self.href, "title": self.title, "type": self.media_type} | language


def linkset(link: DigitalLink, targets: Sequence[LinkTarget], *, description: str = "") -> dict[str, Any]:
    """Return the response to `?linkType=all` (or `linkset`): all targets, the first as the default link.

    Raises `DigitalLinkError` if there is no target; the item is then unknown (HTTP 404).
    """
    if not targets:
        raise DigitalLinkError(f"{link.bracketed()} is unknown", field="path")
    context: dict[str, Any] = {"anchor": anchor(link)}
    if description:
        context["description"] = description
    context[f"{VOCABULARY}defaultLink"] = [targets[0].as_json()]
    for target in targets:
        context.setdefault(target.link_type.relation, []).append(target.as_json())
    return {"linkset": [context]}


def anchor(link: DigitalLink) -> str:
    """Return the anchor of a linkset: the item's URI without attributes and parameters."""
    return DigitalLink(link.base, link.path).uri


def link_header(link: DigitalLink) -> str:
    """Return the `Link` header of an item's page, which refers to its linkset (RFC 9264, 7)."""
    return f'<{anchor(link)}?linkType=all>; rel="linkset"; type="{LINKSET_MEDIA_TYPE}"'


def wants_linkset(link: DigitalLink) -> bool:
    """Return whether the query requests all links."""
    return _requested(link) in ("all", "linkset")


def choose(link: DigitalLink, targets: Sequence[LinkTarget]) -> LinkTarget | None:
    """Return the target that the query's `linkType` requests, by default the first, or None if there is none.

    A type is written as `gs1:pip` or as a URI. Raises `DigitalLinkError` for an unsupported type.
    """
    requested = _requested(link)
    if requested is None or requested in ("gs1:defaultLink", f"{VOCABULARY}defaultLink"):
        return targets[0] if targets else None
    try:
        link_type = LinkType(requested.replace(VOCABULARY, PREFIX, 1))
    except ValueError as error:
        raise DigitalLinkError(
            f"{requested[:80]!r} is not a supported link type",
            field="linkType",
            hint=f"supported: all, {', '.join(LinkType)}",
        ) from error
    return next((target for target in targets if target.link_type is link_type), None)


def description(base_url: str, name: str) -> dict[str, Any]:
    """Return the resolver description, served at `DESCRIPTION_PATH`."""
    return {
        "name": name,
        "resolverRoot": base_url.rstrip("/"),
        "supportedPrimaryKeys": list(SUPPORTED_KEYS),
        "supportedLinkType": [{"namespace": VOCABULARY, "prefix": PREFIX}],
        "linkTypeDefaultCanBeLinkset": False,
    }


def _requested(link: DigitalLink) -> str | None:
    values = [value for parameter, value in link.parameters if parameter == "linkType"]
    if len(values) > 1:
        raise DigitalLinkError("duplicate parameter", field="linkType")
    return values[0] or None if values else None
