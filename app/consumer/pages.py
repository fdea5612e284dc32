"""The start, the page of a code, looking a code up by hand, and the health of the portal."""

from __future__ import annotations

import re
from typing import Any

from flask import Response, jsonify, make_response, redirect, render_template, request

from app.consumer import resolver
from app.context import current_portal, now_s
from app.errors import RightsUnavailableError
from app.links import document_path, page_path, public_uri, qr_path, raw_target, same_host
from app.presenters.batch import BatchPresenter
from app.presenters.status import UNKNOWN_BATCH
from app.presenters.units import SerialMembership
from app.responses import wants_json
from chromatrace.domain.errors import Unavailable
from chromatrace.domain.identifiers import BatchKey, Gtin, Lot, Serial
from chromatrace.identity.digital_link import DigitalLink
from chromatrace.identity.errors import DigitalLinkError
from chromatrace.identity.resolver import link_header

_HOST = re.compile(r"[A-Za-z0-9.\-\[\]:]{1,100}")


def home() -> str:
    """What this is, and the way to scan."""
    return render_template("consumer/home.html")


def lookup() -> Any:
    """Leads to the page of a code that was typed (`gtin`, `lot`, `serial`) or read by a browser (`code`)."""
    scanned = request.args.get("code")
    if scanned:
        return redirect(destination(DigitalLink.parse(scanned.strip())), 303)
    key = BatchKey(Gtin(request.args.get("gtin", "").strip()), Lot(request.args.get("lot", "").strip()))
    serial = request.args.get("serial", "").strip()
    return redirect(page_path(key, Serial(serial) if serial else None), 303)


def destination(link: DigitalLink) -> str:
    """The page of a scanned code on this site; it says so where the code names another site."""
    gtin, key = link.gtin, link.batch_key
    if gtin is None:
        raise DigitalLinkError(
            f"({link.key.ai}) names no product", field="path", hint="scan the code on the product, not on its box"
        )
    path = page_path(key, link.serial) if key else f"/01/{gtin}"
    if same_host(link, current_portal().config.base_url):
        return path
    return f"{path}?code-host={link.base.partition('://')[2].partition('/')[0]}"


def code(rest: str) -> Any:
    """The page at a GS1 Digital Link path: a product, a batch, or a unit of it."""
    portal = current_portal()
    link = DigitalLink.parse(portal.config.base_url + raw_target())
    key, serial = link.batch_key, link.serial
    if key is None:
        return _vary(_product(link))
    now = now_s()
    facts = portal.batches.facts(key, serial, now)
    known = facts is not None and not _alarming(facts)
    links = resolver.resolve(link, facts.name if facts else "", lambda item: resolver.targets_of(item) if known else ())
    if links is not None:
        return _vary(links)
    if wants_json():
        return _vary(batch_json(key, serial, facts))
    if facts is None:
        return _vary((render_template("consumer/unknown.html", key=key, serial=serial, status=UNKNOWN_BATCH), 404))
    stranger = _alarming(facts)
    if request.method == "GET" and not stranger:
        portal.scans.record(key, serial, f"{request.remote_addr}|{request.user_agent.string}", now)
    page = render_template(
        "consumer/batch.html",
        facts=facts,
        scans=portal.scans.facts(key, serial),
        uri=public_uri(portal.config.base_url, key, serial),
        qr_link=qr_path(key, serial, "svg"),
        json_link=f"{page_path(key, serial)}?format=json",
        document_link=lambda which: document_path(key, which),
        link_of=page_path,
        code_host=_code_host(),
    )
    answer = _vary((page, 404 if stranger else 200))
    if not stranger:
        answer.headers["Link"] = link_header(DigitalLink(portal.config.base_url, link.path))
    return answer


def _product(link: DigitalLink) -> Any:
    """A product line: its page asks for the lot."""
    gtin = link.gtin
    assert gtin is not None
    lots = [str(view.lot) for view in current_portal().index.batches(gtin=gtin, limit=resolver.LOTS)]
    links = resolver.resolve(link, "", lambda item: resolver.targets_of_line(item, lots))
    if links is not None:
        return links
    if wants_json():
        return jsonify({"gtin": str(gtin)})
    answer = make_response(render_template("consumer/product.html", gtin=gtin))
    if lots:
        answer.headers["Link"] = link_header(DigitalLink(current_portal().config.base_url, link.path))
    return answer


def batch_json(key: BatchKey, serial: Serial | None, facts: BatchPresenter | None) -> Any:
    """A batch or unit for machines; 404 where it is not registered or the serial is not one of it."""
    portal = current_portal()
    uri = public_uri(portal.config.base_url, key, serial)
    if facts is None:
        return jsonify({"uri": uri, "gtin": str(key.gtin), "lot": str(key.lot), **UNKNOWN_BATCH.as_dict()}), 404
    scans = portal.scans.facts(key, serial)
    answer = {
        "uri": uri,
        **facts.as_dict(),
        "scans": {"count": scans.count, "first_at": scans.first_at, "last_at": scans.last_at},
    }
    known = facts.unit is None or facts.unit.membership in (SerialMembership.MEMBER, SerialMembership.UNCHECKED)
    return jsonify(answer), 200 if known else 404


def health() -> Any:
    """How far the index is and whether the chain answers: 200 where both are well, 503 where not."""
    portal = current_portal()
    head = portal.index.head()
    lag, lag_s = head.lag_blocks, head.lag_s
    try:
        number, time_s = portal.chain.latest()
        chain_answers = True
        if head.indexed_time is not None:
            # What the chain says now, not when the follower last looked: it may be dead.
            lag, lag_s = max(0, number - head.indexed_block), max(0, time_s - head.indexed_time)
    except (RightsUnavailableError, Unavailable):
        chain_answers = False
    fresh = lag is not None and lag - (head.confirmations or 0) <= portal.config.max_index_lag_blocks
    status = "ok" if fresh and chain_answers else "lagging" if chain_answers else "chain-unavailable"
    answer = {
        "status": status,
        "chain_id": portal.chain.chain_id,
        "chain_answers": chain_answers,
        "indexed_block": head.indexed_block,
        "indexed_time": head.indexed_time,
        "lag_blocks": lag,
        "lag_s": lag_s,
        "confirmations": head.confirmations,
        "checked_at": head.checked_at,
    }
    return jsonify(answer), 200 if status == "ok" else 503


def _code_host() -> str:
    """The other site that a scanned code names; empty where the query holds anything but a host's name."""
    found = _HOST.fullmatch(request.args.get("code-host", ""))
    return found.group() if found else ""


def _alarming(facts: BatchPresenter) -> bool:
    return facts.unit is not None and facts.unit.alarming


def _vary(answer: Any) -> Response:
    response = make_response(answer)
    response.vary.add("Accept")
    return response
