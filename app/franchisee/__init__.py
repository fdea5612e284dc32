"""The workspace of an organisation's operators: login, offers, batches and label sheets."""

from __future__ import annotations

from flask import Blueprint, Flask, request
from flask_limiter import Limiter

from app.context import current_operator
from app.franchisee import labels, login, offers, overview, password
from app.security import limit_views
from app.settings import PortalSettings

_PUBLIC = frozenset({"franchisee.login", "franchisee.logout", "franchisee.wallet_challenge", "franchisee.wallet_login"})


def register(app: Flask, limiter: Limiter, config: PortalSettings) -> None:
    """Add the routes. All except login and logout need an operator whom the chain authorises for the request."""
    blueprint = Blueprint("franchisee", __name__)
    blueprint.before_request(_require_operator)
    blueprint.add_url_rule("/login", "login", login.login, methods=["GET", "POST"])
    blueprint.add_url_rule("/logout", "logout", login.logout, methods=["POST"])
    blueprint.add_url_rule("/login/wallet/challenge", "wallet_challenge", login.wallet_challenge, methods=["POST"])
    blueprint.add_url_rule("/login/wallet", "wallet_login", login.wallet_login, methods=["POST"])
    blueprint.add_url_rule("/partners/", "overview", overview.overview)
    blueprint.add_url_rule("/partners/password", "password", password.password, methods=["GET", "POST"])
    blueprint.add_url_rule("/partners/batches/<group>", "batches", overview.batches)
    blueprint.add_url_rule("/partners/offers/<batch_id>", "offer", offers.offer)
    blueprint.add_url_rule("/partners/offers/<batch_id>/accept", "accept", offers.accept, methods=["POST"])
    blueprint.add_url_rule("/partners/offers/<batch_id>/reject", "reject", offers.reject, methods=["POST"])
    blueprint.add_url_rule("/partners/offers/<batch_id>/call", "wallet_call", offers.wallet_call, methods=["POST"])
    blueprint.add_url_rule("/partners/offers/<batch_id>/watch", "watch", offers.watch, methods=["POST"])
    blueprint.add_url_rule("/partners/labels/<batch_id>", "labels", labels.labels)
    blueprint.add_url_rule("/partners/labels/<batch_id>.pdf", "label_sheet", labels.label_sheet_pdf)
    app.register_blueprint(blueprint)
    wallet_views = ("franchisee.wallet_challenge", "franchisee.wallet_login")
    limit_views(app, limiter, dict.fromkeys(wallet_views, config.login_limit))


def _require_operator() -> None:
    if request.endpoint not in _PUBLIC:
        current_operator()
