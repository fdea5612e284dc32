"""The home page, the pages of products, batches and units, and the lookup form."""

from __future__ import annotations

import re
from contextlib import suppress

from flask import Response, jsonify, make_response, redirect, render_template, request
from flask.typing import ResponseReturnValue

from app.api.epcis.public_claims import public_claims
from app.client_network import client_network
from app.consumer import resolver
from app.context import batch_scopes, current_portal, current_snapshot, lookup_organisation, now_s, visible_scopes
from app.errors import StorageFullError
from app.links import document_path, page_path, public_uri, qr_path, raw_target, same_host
from app.presenters.batch import BatchPresenter
from app.presenters.claims import present_claim
from app.presenters.status import UNKNOWN_BATCH
from app.presenters.units import SerialMembership
from app.responses import wants_json
from app.store.scans import MANY_CODES
from chromatrace.domain.identifiers import BatchKey, Gtin, Lot, Serial
from chromatrace.domain.rights import Scope
from chromatrace.identity.digital_link import DigitalLink, read_code
from chromatrace.identity.errors import DigitalLinkError
from chromatrace.identity.resolver import link_header

_HOST = re.compile(r"[A-Za-z0-9.\-\[\]:]{1,100}")


def home() -> str:
    """Show the home page."""
    return render_template("consumer/home.html")


def lookup() -> ResponseReturnValue:
    """Redirect to the page of a typed code (`gtin`, `lot`, `serial`) or of one that the browser decoded (`code`)."""
    code = request.args.get("code")
    if code:
        return redirect(page_of(read_code(code.strip(), current_portal().config.base_url)), 303)
    key = BatchKey(Gtin(request.args.get("gtin", "").strip()), Lot(request.args.get("lot", "").strip()))
    serial = request.args.get("serial", "").strip()
    return redirect(page_path(key, Serial(serial) if serial else None), 303)


def page_of(link: DigitalLink) -> str:
    """Return the page of a scanned code. If the code has another host, the page warns about it."""
    gtin, key = link.gtin, link.batch_key
    if gtin is None:
        raise DigitalLinkError(
            f"({link.key.ai}) does not identify a product", field="path", hint="scan the code on the product itself"
        )
    path = page_path(key, link.serial) if key else f"/01/{gtin}"
    if same_host(link, current_portal().config.base_url):
        return path
    return f"{path}?code-host={link.base.partition('://')[2].partition('/')[0]}"


def digital_link(rest: str) -> ResponseReturnValue:
    """Show the page at a GS1 Digital Link path: a product, a batch or a unit."""
    portal = current_portal()
    link = DigitalLink.parse(portal.config.base_url + raw_target())
    key, serial = link.batch_key, link.serial
    if key is None:
        return _vary(_product(link))
    now = now_s()
    batch = portal.batches.load(current_snapshot(), key, serial, now, visible_scopes)
    invalid_serial = batch is not None and batch.unit is not None and batch.unit.invalid
    registered = batch is not None and not invalid_serial
    links = resolver.resolve(
        link, batch.name if batch else "", lambda item: resolver.item_targets(item) if registered else ()
    )
    if links is not None:
        return _vary(links)
    if wants_json():
        return _vary(batch_json(key, serial, batch))
    if batch is None:
        return _vary((render_template("consumer/unknown.html", key=key, serial=serial, status=UNKNOWN_BATCH), 404))
    if request.method == "GET" and not invalid_serial:
        with suppress(StorageFullError):  # the page is more important than the count
            portal.scans.record(key, serial, client_network(request.remote_addr), now)
    claims = public_claims(portal.database, current_snapshot(), key, serial)
    page = render_template(
        "consumer/batch.html",
        batch=batch,
        claims=[present_claim(claim, lookup_organisation) for claim in claims],
        scans=portal.scans.summary(key, serial),
        many_codes=MANY_CODES,
        uri=public_uri(portal.config.base_url, key, serial),
        qr_link=qr_path(key, serial, "svg"),
        json_link=f"{page_path(key, serial)}?format=json",
        document_link=lambda name: document_path(key, name),
        page_path=page_path,
        code_host=_code_host(),
    )
    response = _vary((page, 404 if invalid_serial else 200))
    if not invalid_serial:
        response.headers["Link"] = link_header(DigitalLink(portal.config.base_url, link.path))
    return response


def _product(link: DigitalLink) -> ResponseReturnValue:
    gtin = link.gtin
    assert gtin is not None
    portal = current_portal()
    lots = _visible_lots(gtin)
    links = resolver.resolve(link, "", lambda item: resolver.product_targets(item, lots))
    if links is not None:
        return links
    if wants_json():
        return jsonify({"gtin": str(gtin), "producers": list(lots)})
    response = make_response(render_template("consumer/product.html", gtin=gtin, producers=list(lots)))
    if lots:
        response.headers["Link"] = link_header(DigitalLink(portal.config.base_url, link.path))
    return response


def _visible_lots(gtin: Gtin) -> dict[str, list[str]]:
    """Return the newest lots of a product by producer, the first organisation that registered one first.

    Other organisations can register lots of the same product, so each producer is named.
    """
    snapshot = current_snapshot()
    first = snapshot.first_producer(gtin)
    if first is None:
        return {}
    newest = snapshot.batches(gtin=gtin, limit=resolver.MAX_LOTS)
    lots: dict[str, list[str]] = {}
    for view in (*snapshot.batches(producer=first, gtin=gtin, limit=resolver.MAX_LOTS), *newest):
        if Scope.PRODUCT in batch_scopes(view):
            named = lots.setdefault(lookup_organisation(view.producer).name, [])
            if str(view.lot) not in named:
                named.append(str(view.lot))
    return lots


def batch_json(key: BatchKey, serial: Serial | None, batch: BatchPresenter | None) -> ResponseReturnValue:
    """Return a batch or unit as JSON, with status 404 if it is not registered or has no such serial."""
    portal = current_portal()
    uri = public_uri(portal.config.base_url, key, serial)
    if batch is None:
        return jsonify({"uri": uri, "gtin": str(key.gtin), "lot": str(key.lot), **UNKNOWN_BATCH.as_dict()}), 404
    scans = portal.scans.summary(key, serial)
    members = {
        "uri": uri,
        **batch.as_dict(),
        "scans": {"count": scans.count, "first_at": scans.first_at, "last_at": scans.last_at},
    }
    valid = batch.unit is None or batch.unit.membership in (SerialMembership.MEMBER, SerialMembership.UNCHECKED)
    return jsonify(members), 200 if valid else 404


def _code_host() -> str:
    """Return the other host that a scanned code names; empty unless the parameter is only a host name."""
    match = _HOST.fullmatch(request.args.get("code-host", ""))
    return match.group() if match else ""


def _vary(answer: ResponseReturnValue) -> Response:
    response = make_response(answer)
    response.vary.add("Accept")
    return response
