"""Public JSON about batches, units and organisations, and the OpenAPI document."""

from __future__ import annotations

from urllib.parse import unquote

from flask import Blueprint, Flask, jsonify
from flask.typing import ResponseReturnValue
from flask_limiter import Limiter

from app.api import openapi
from app.consumer.pages import batch_json
from app.context import current_portal, current_snapshot, lookup_organisation, now_s, visible_scopes
from app.links import raw_target
from app.security import limit_views
from app.settings import PortalSettings
from chromatrace.domain.errors import NotFound
from chromatrace.domain.identifiers import BatchKey, Gtin, Lot, Serial

PREFIX = "/api/v1"


def register(app: Flask, limiter: Limiter, config: PortalSettings) -> None:
    """Add the routes and their rate limit."""
    blueprint = Blueprint("api", __name__, url_prefix=PREFIX)
    blueprint.add_url_rule("/batches/<gtin>/<path:rest>", "batch", batch)
    blueprint.add_url_rule("/organisations", "organisations", organisations)
    blueprint.add_url_rule("/organisations/<int:number>", "organisation", organisation)
    blueprint.add_url_rule("/openapi.json", "openapi", openapi_document)
    app.register_blueprint(blueprint)
    endpoints = ("api.openapi", "api.batch", "api.organisations", "api.organisation")
    limit_views(app, limiter, dict.fromkeys(endpoints, config.api_limit))


def openapi_document() -> ResponseReturnValue:
    """Return the OpenAPI document."""
    portal = current_portal()
    return jsonify(openapi.document(portal.config.base_url, portal.config.title, portal.kinds))


def batch(gtin: str, rest: str) -> ResponseReturnValue:
    """Return a batch (`…/<gtin>/<lot>`) or a unit (`…/<gtin>/<lot>/<serial>`)."""
    parts = raw_target().partition("?")[0].removeprefix(f"{PREFIX}/batches/").split("/")
    _, lot, *serials = [unquote(part) for part in parts]
    if len(serials) > 1:
        raise NotFound("this path does not identify a batch", field="path", hint="use /batches/<gtin>/<lot>[/<serial>]")
    key = BatchKey(Gtin(gtin), Lot(lot))
    serial = Serial(serials[0]) if serials else None
    return batch_json(
        key, serial, current_portal().batches.load(current_snapshot(), key, serial, now_s(), visible_scopes)
    )


def organisations() -> ResponseReturnValue:
    """Return all organisations of the consortium."""
    summaries = [lookup_organisation(view.id) for view in current_snapshot().organisations()]
    return jsonify({"organisations": [summary.as_dict() for summary in summaries]})


def organisation(number: int) -> ResponseReturnValue:
    """Return one organisation by its number on the chain."""
    if current_snapshot().organisation(number) is None:
        raise NotFound(f"organisation {number} does not exist", field="organisation")
    return jsonify(lookup_organisation(number).as_dict())
