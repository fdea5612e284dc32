"""What an organisation's operator sees: its batches and offers, accepting and refusing, label sheets."""

from __future__ import annotations

from flask import Blueprint, Flask, request
from flask_limiter import Limiter

from app.config import PortalConfig
from app.context import current_operator
from app.franchisee import labels, login, offers, overview
from app.security import limit_views

_OPEN = frozenset({"franchisee.login", "franchisee.logout", "franchisee.wallet_challenge", "franchisee.wallet_login"})


def register(app: Flask, limiter: Limiter, config: PortalConfig) -> None:
    """Adds the routes; all but logging in and out need an operator whom the chain authorises in that very request."""
    blueprint = Blueprint("franchisee", __name__)
    blueprint.before_request(_authorise)
    blueprint.add_url_rule("/login", "login", login.login, methods=["GET", "POST"])
    blueprint.add_url_rule("/logout", "logout", login.logout, methods=["POST"])
    blueprint.add_url_rule("/login/wallet/challenge", "wallet_challenge", login.wallet_challenge, methods=["POST"])
    blueprint.add_url_rule("/login/wallet", "wallet_login", login.wallet_login, methods=["POST"])
    blueprint.add_url_rule("/partners/", "overview", overview.overview)
    blueprint.add_url_rule("/partners/batches/<group>", "batches", overview.batches)
    blueprint.add_url_rule("/partners/offers/<batch_id>", "offer", offers.offer)
    blueprint.add_url_rule("/partners/offers/<batch_id>/accept", "accept", offers.accept, methods=["POST"])
    blueprint.add_url_rule("/partners/offers/<batch_id>/refuse", "refuse", offers.refuse, methods=["POST"])
    blueprint.add_url_rule("/partners/offers/<batch_id>/call", "wallet_call", offers.wallet_call, methods=["POST"])
    blueprint.add_url_rule("/partners/offers/<batch_id>/watch", "watch", offers.watch, methods=["POST"])
    blueprint.add_url_rule("/partners/labels/<batch_id>", "labels", labels.labels)
    blueprint.add_url_rule("/partners/labels/<batch_id>.pdf", "label_sheet", labels.label_sheet_pdf)
    app.register_blueprint(blueprint)
    attempts = ("franchisee.login", "franchisee.wallet_challenge", "franchisee.wallet_login")
    limit_views(app, limiter, dict.fromkeys(attempts, config.login_limit), methods=["POST"])
    # A password is asked for again with each action: it must not be guessed there instead.
    actions = ("franchisee.accept", "franchisee.refuse")
    limit_views(app, limiter, dict.fromkeys(actions, config.login_limit), methods=["POST"])
    login.limit_by_account(app, limiter, config)


def _authorise() -> None:
    if request.endpoint not in _OPEN:
        current_operator()
