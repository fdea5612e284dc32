"""The public facts as JSON. Every refusal has one shape: `error`, `message` and, where known, `field` and `hint`."""

from __future__ import annotations

from typing import Any
from urllib.parse import unquote

from flask import Blueprint, Flask, jsonify
from flask_limiter import Limiter

from app import openapi
from app.config import PortalConfig
from app.consumer.pages import batch_json
from app.context import current_portal, now_s
from app.links import raw_target
from app.security import limit_views
from chromatrace.domain.errors import NotFound
from chromatrace.domain.identifiers import BatchKey, Gtin, Lot, Serial

PREFIX = "/api/v1"


def register(app: Flask, limiter: Limiter, config: PortalConfig) -> None:
    """Adds the routes, with their limit."""
    blueprint = Blueprint("api", __name__, url_prefix=PREFIX)
    blueprint.add_url_rule("/batches/<gtin>/<path:rest>", "batch", batch)
    blueprint.add_url_rule("/organisations", "organisations", organisations)
    blueprint.add_url_rule("/organisations/<int:number>", "organisation", organisation)
    blueprint.add_url_rule("/openapi.json", "openapi", openapi_document)
    app.register_blueprint(blueprint)
    limited = ("api.openapi", "api.batch", "api.organisations", "api.organisation")
    limit_views(app, limiter, dict.fromkeys(limited, config.api_limit))


def openapi_document() -> Any:
    """The JSON interfaces, as an OpenAPI document."""
    portal = current_portal()
    return jsonify(openapi.document(portal.config.base_url, portal.config.title, portal.kinds))


def batch(gtin: str, rest: str) -> Any:
    """A batch (`…/<gtin>/<lot>`) or a unit of it (`…/<gtin>/<lot>/<serial>`): what its page says."""
    parts = raw_target().partition("?")[0].removeprefix(f"{PREFIX}/batches/").split("/")
    _, lot, *serials = [unquote(part) for part in parts]
    if len(serials) > 1:
        raise NotFound("this address leads to no batch", field="path", hint="/batches/<gtin>/<lot>[/<serial>]")
    key = BatchKey(Gtin(gtin), Lot(lot))
    serial = Serial(serials[0]) if serials else None
    return batch_json(key, serial, current_portal().batches.facts(key, serial, now_s()))


def organisations() -> Any:
    """Every organisation of the consortium."""
    portal = current_portal()
    parties = [portal.batches.party(view.id, now_s()) for view in portal.index.organisations()]
    return jsonify({"organisations": [party.as_dict() for party in parties]})


def organisation(number: int) -> Any:
    """One organisation, by its number on the chain."""
    portal = current_portal()
    if portal.index.organisation(number) is None:
        raise NotFound(f"there is no organisation {number}", field="organisation")
    return jsonify(portal.batches.party(number, now_s()).as_dict())
