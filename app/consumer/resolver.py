"""GS1 resolver: the resolver description, linksets, and requests for one link type."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from urllib.parse import quote, urlencode

from flask import Response, jsonify, redirect, request
from flask.typing import ResponseReturnValue

from app.context import current_portal
from chromatrace.domain.errors import NotFound
from chromatrace.identity import resolver
from chromatrace.identity.digital_link import DigitalLink
from chromatrace.identity.resolver import LinkTarget, LinkType

_CONTEXT_RELATION = "http://www.w3.org/ns/json-ld#context"
MAX_LOTS = 100
"""The newest lots of a product whose events the EPCIS link selects."""


def describe() -> Response:
    """Return the resolver description."""
    config = current_portal().config
    return jsonify(resolver.description(config.base_url, config.title))


def resolve(
    link: DigitalLink, name: str, targets_of: Callable[[DigitalLink], Sequence[LinkTarget]]
) -> ResponseReturnValue | None:
    """Answer a request for links. Return None if the request is for the page.

    `targets_of` returns the links of an item on this site. Raises `NotFound`.
    """
    item = DigitalLink(current_portal().config.base_url, link.path)
    targets = targets_of(item)
    if resolver.wants_linkset(link) or request.accept_mimetypes.best == resolver.LINKSET_MEDIA_TYPE:
        if not targets:
            raise NotFound(f"{link.bracketed()} is not registered", field="path")
        response = jsonify(resolver.linkset(item, targets, description=name))
        response.content_type = resolver.LINKSET_MEDIA_TYPE
        relation = f'rel="{_CONTEXT_RELATION}"; type="application/ld+json"'
        response.headers["Link"] = f"<{resolver.LINKSET_CONTEXT}>; {relation}"
        # Pages of other sites may read linksets.
        response.headers["Access-Control-Allow-Origin"] = "*"
        response.headers["Cross-Origin-Resource-Policy"] = "cross-origin"
        return response
    if request.args.get("linkType"):
        target = resolver.choose(link, targets)
        if target is None:
            raise NotFound("this item has no link of that type", field="linkType", hint="list all: ?linkType=all")
        return redirect(target.href, 307)
    return None


def item_targets(item: DigitalLink) -> tuple[LinkTarget, ...]:
    """Return the links of a batch or a unit. The page is the default link."""
    page = item.uri
    epcs = list(dict.fromkeys((page.partition("/21/")[0], page)))
    data = f"{page}?format=json"
    return (
        LinkTarget(LinkType.PIP, page, "Product and status"),
        LinkTarget(LinkType.TRACEABILITY, f"{page}#timeline", "Timeline"),
        LinkTarget(LinkType.TRACEABILITY, data, "The page as JSON", "application/json", None),
        _events(item, epcs, "EPCIS 2.0 events"),
        LinkTarget(
            LinkType.DPP, data, "Product passport: producer, inspections, holder, route", "application/json", None
        ),
        LinkTarget(LinkType.CERTIFICATION_INFO, f"{page}#inspections", "Inspections and measurements"),
    )


def product_targets(item: DigitalLink, lots: Mapping[str, Sequence[str]]) -> tuple[LinkTarget, ...]:
    """Return the links of a product with the lots of each producer, by name; none without lots."""
    if not lots:
        return ()
    events = [
        _events(
            item,
            [f"{item.uri}/10/{quote(lot, safe='')}" for lot in own],
            f"EPCIS 2.0 events of the newest {MAX_LOTS} lots of {producer}",
        )
        for producer, own in lots.items()
    ]
    return (LinkTarget(LinkType.PIP, item.uri, "Product"), *events)


def _events(item: DigitalLink, epcs: Sequence[str], title: str) -> LinkTarget:
    query = urlencode({"MATCH_anyEPC": ",".join(epcs)})
    return LinkTarget(LinkType.EPCIS, f"{item.base}/epcis/v2/events?{query}", title, "application/json", None)
