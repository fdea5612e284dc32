"""Orders over HTTP, for an ERP or MES with an access token: import, list, reports."""

from __future__ import annotations

from flask import Blueprint, Flask, Response, jsonify, request
from flask.typing import ResponseReturnValue
from flask_limiter import Limiter

from app.api.records.request_context import require_parameters
from app.context import current_portal
from app.errors import LoginRequiredError
from app.request_bodies import body_limits
from app.security import csrf, limit_views
from app.settings import PortalSettings
from chromatrace.domain.errors import InvalidInput, NotFound
from chromatrace.orders.importing import OrderFormat
from chromatrace.orders.tokens import Token, TokenScope
from chromatrace.services.orders.desk import REPORTS, OrderDesk
from chromatrace.services.orders.tables import to_csv

PREFIX = "/api/v1"
MAX_IMPORT = 16 * 1024 * 1024
"""Bytes of a request with orders."""
MAX_PAGE = 1_000
_FORMATS = {"text/csv": OrderFormat.CSV, "application/json": OrderFormat.JSON}


def register(app: Flask, limiter: Limiter, config: PortalSettings) -> None:
    """Add the routes and their rate limit."""
    blueprint = Blueprint("orders", __name__, url_prefix=PREFIX)
    blueprint.add_url_rule("/orders", "import", import_, methods=["POST"])
    blueprint.add_url_rule("/orders", "list", list_)
    for name in REPORTS:
        blueprint.add_url_rule(f"/orders/<path:order>/{name}", name, report, defaults={"report": name})
    app.register_blueprint(blueprint)
    csrf.exempt(import_)  # needs a token in a header, which a form of another site cannot send
    limit_views(app, limiter, {f"orders.{name}": config.api_limit for name in ("import", "list", *REPORTS)})
    body_limits(app).set("orders.import", MAX_IMPORT, authenticated=True, admit=_admit)


def import_() -> ResponseReturnValue:
    """Import the orders in the body: all of them or none. Return what changed."""
    desk, token = _authorised(TokenScope.WRITE)
    require_parameters("dryRun")
    dry_run = request.args.get("dryRun", "false")
    if dry_run not in ("true", "false"):
        raise InvalidInput("expected true or false", field="dryRun")
    if request.mimetype not in _FORMATS:
        raise InvalidInput(f"expected {' or '.join(_FORMATS)}, got {request.mimetype or 'none'}", field="Content-Type")
    done = desk.import_orders(
        request.stream.read(MAX_IMPORT + 1), _FORMATS[request.mimetype], token.name, dry_run=dry_run == "true"
    )
    return jsonify(done.as_dict())


def list_() -> ResponseReturnValue:
    """Return orders by number, in pages."""
    desk, _ = _authorised(TokenScope.READ)
    require_parameters("after", "perPage")
    size = request.args.get("perPage", "100")
    if not (size.isascii() and size.isdigit() and len(size) < 6 and 1 <= int(size) <= MAX_PAGE):
        raise InvalidInput(f"expected a number from 1 to {MAX_PAGE}, got {size!r:.20}", field="perPage")
    orders = desk.store.page(int(size), request.args.get("after"))
    return jsonify({"orders": [stored.order.as_dict() | {"version": stored.version} for stored in orders]})


def report(order: str, report: str) -> ResponseReturnValue:
    """Return the progress, quality or genealogy of an order as JSON or, with `Accept: text/csv`, as CSV."""
    desk, _ = _authorised(TokenScope.READ)
    require_parameters()
    document = desk.report(report, order)
    if request.accept_mimetypes.best_match(["application/json", "text/csv"]) == "text/csv":
        return Response(to_csv(report, [document]), mimetype="text/csv")
    return jsonify(document)


def _admit() -> None:
    _authorised(TokenScope.WRITE)


def _authorised(scope: TokenScope) -> tuple[OrderDesk, Token]:
    """Return the orders and the token of the request.

    Raises `LoginRequiredError` without a token, `TokenError` and `TokenScopeError`, and `NotFound` if the portal has
    no orders.
    """
    header = request.authorization
    if header is None or header.type != "bearer" or not header.token:
        raise LoginRequiredError(
            "orders need an access token",
            field="Authorization",
            hint="send Authorization: Bearer with a token of `chromatrace order token create`",
        )
    desk = current_portal().orders
    if desk is None:
        raise NotFound("this portal does not serve orders", field="plant")
    return desk, desk.tokens.check(header.token, scope)
