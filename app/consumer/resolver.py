"""The GS1 resolver's side of a code's page: its description, linksets, and requests for one type of link."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any
from urllib.parse import quote, urlencode

from flask import Response, jsonify, redirect, request

from app.context import current_portal
from chromatrace.domain.errors import NotFound
from chromatrace.identity import resolver
from chromatrace.identity.digital_link import DigitalLink
from chromatrace.identity.resolver import LinkTarget, LinkType

_CONTEXT_RELATION = "http://www.w3.org/ns/json-ld#context"
LOTS = 100
"""Of a product line, newest first, whose events its link asks for."""


def describe() -> Response:
    """What this resolver can do."""
    config = current_portal().config
    return jsonify(resolver.description(config.base_url, config.title))


def resolve(link: DigitalLink, name: str, targets_of: Callable[[DigitalLink], Sequence[LinkTarget]]) -> Any | None:
    """The answer where the request is for links rather than for the page; None where the page is meant.

    `targets_of`: what is known about the item on this site.
    """
    item = DigitalLink(current_portal().config.base_url, link.path)
    targets = targets_of(item)
    if resolver.wants_linkset(link) or request.accept_mimetypes.best == resolver.LINKSET_MEDIA_TYPE:
        if not targets:
            raise NotFound(f"nothing is known about {link.bracketed()}", field="path")
        answer = jsonify(resolver.linkset(item, targets, description=name))
        answer.content_type = resolver.LINKSET_MEDIA_TYPE
        answer.headers["Link"] = f'<{resolver.LINKSET_CONTEXT}>; rel="{_CONTEXT_RELATION}"; type="application/ld+json"'
        # A linkset is made to be read by other sites' pages.
        answer.headers["Access-Control-Allow-Origin"] = "*"
        answer.headers["Cross-Origin-Resource-Policy"] = "cross-origin"
        return answer
    if request.args.get("linkType"):
        target = resolver.choose(link, targets)
        if target is None:
            raise NotFound("there is no such link about this item", field="linkType", hint="?linkType=all lists them")
        return redirect(target.href, 307)
    return None


def targets_of(item: DigitalLink) -> tuple[LinkTarget, ...]:
    """What there is about a batch or a unit; the page is the default."""
    page = item.uri
    goods = list(dict.fromkeys((page.partition("/21/")[0], page)))
    data = f"{page}?format=json"
    return (
        LinkTarget(LinkType.PIP, page, "What it is and where it stands"),
        LinkTarget(LinkType.TRACEABILITY, f"{page}#life", "Its life so far, step by step"),
        LinkTarget(LinkType.TRACEABILITY, data, "The same facts for machines", "application/json", None),
        _events(item, goods, "Its events in EPCIS 2.0"),
        LinkTarget(
            LinkType.DPP, data, "Its record as data: maker, inspections, holder, route", "application/json", None
        ),
        LinkTarget(LinkType.CERTIFICATION_INFO, f"{page}#inspections", "Both inspections with their measurements"),
    )


def targets_of_line(item: DigitalLink, lots: Sequence[str]) -> tuple[LinkTarget, ...]:
    """What there is about a product line, of whose lots these are known; nothing where none is."""
    if not lots:
        return ()
    goods = [f"{item.uri}/10/{quote(lot, safe='')}" for lot in lots]
    return (
        LinkTarget(LinkType.PIP, item.uri, "Which of its lots do you have?"),
        _events(item, goods, f"Events in EPCIS 2.0 of its newest lots, {LOTS} at most"),
    )


def _events(item: DigitalLink, goods: Sequence[str], title: str) -> LinkTarget:
    query = urlencode({"MATCH_anyEPC": ",".join(goods)})
    return LinkTarget(LinkType.EPCIS, f"{item.base}/epcis/v2/events?{query}", title, "application/json", None)
