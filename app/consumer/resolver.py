"""The GS1 resolver's side of a code's page: its description, linksets, and requests for one type of link."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from flask import Response, jsonify, redirect, request

from app.portal import portal
from chromatrace.domain.errors import NotFound
from chromatrace.identity import resolver
from chromatrace.identity.digital_link import DigitalLink
from chromatrace.identity.resolver import LinkType, Target

_CONTEXT_RELATION = "http://www.w3.org/ns/json-ld#context"


def describe() -> Response:
    """What this resolver can do."""
    config = portal().config
    return jsonify(resolver.description(config.base_url, config.title))


def resolve(link: DigitalLink, known: bool, name: str) -> Any | None:
    """The answer where the request is for links rather than for the page; None where the page is meant."""
    config = portal().config
    item = DigitalLink(config.base_url, link.path)
    targets = targets_of(item) if known else ()
    if resolver.wants_linkset(link) or request.accept_mimetypes.best == resolver.LINKSET_MEDIA_TYPE:
        if not targets:
            raise NotFound(f"nothing is known about {link.bracketed()}", field="path")
        answer = jsonify(resolver.linkset(item, targets, description=name))
        answer.content_type = resolver.LINKSET_MEDIA_TYPE
        context = (
            f'<{resolver.LINKSET_CONTEXT}>; rel="http://www.w3.org/ns/json-ld#context"; type="application/ld+json"'
        )
        answer.headers["Link"] = context
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


def targets_of(item: DigitalLink) -> tuple[Target, ...]:
    """What there is about a batch or a unit; the page is the default."""
    page = item.uri
    lot = page.partition("/21/")[0]
    events = f"{item.base}/epcis/v2/events?{urlencode({'MATCH_anyEPCClass': lot})}"
    return (
        Target(LinkType.PIP, page, "What it is and where it stands"),
        Target(LinkType.TRACEABILITY, f"{page}#life", "Its life so far, step by step"),
        Target(LinkType.TRACEABILITY, f"{page}?format=json", "The same facts for machines", "application/json", None),
        Target(LinkType.EPCIS, events, "Its events in EPCIS 2.0", "application/json", None),
        Target(LinkType.CERTIFICATION_INFO, f"{page}#inspections", "Both inspections with their measurements"),
    )
