"""Logging in, by password or by wallet, and out."""

from __future__ import annotations

from typing import Any

from flask import Flask, flash, jsonify, redirect, render_template, request, url_for
from flask_limiter import Limiter

from app.accounts import check_password
from app.config import PortalConfig
from app.context import authorise, current_portal, now_s
from app.errors import LoginFailedError, RightsRevokedError
from app.responses import local_path
from app.sessions import SessionUser
from app.wallet import utc_now


def limit_by_account(app: Flask, limiter: Limiter, config: PortalConfig) -> None:
    """A second limit, by the name that is tried: many addresses guess no faster than one."""
    view: Any = app.view_functions["franchisee.login"]
    limited = limiter.limit(config.account_limit, key_func=_account_tried, methods=["POST"])
    app.view_functions["franchisee.login"] = limited(view)


def _account_tried() -> str:
    return "account:" + request.form.get("name", "").strip().lower()[:64]


def login() -> Any:
    """The form; with `name` and `password` posted, logs in an operator whom the chain authorises."""
    target = local_path(request.values.get("next")) or url_for("franchisee.overview")
    if request.method == "GET":
        if current_portal().logins.current(now_s()) is not None:
            return redirect(target, 303)
        return render_template("franchisee/login.html", target=target)
    name = request.form.get("name", "").strip().lower()
    try:
        account = check_password(current_portal().store, name, request.form.get("password", ""))
        _begin(SessionUser(account.address, account.name))
    except (LoginFailedError, RightsRevokedError) as error:
        return render_template("franchisee/login.html", target=target, error=error, name=name), 401
    return redirect(target, 303)


def logout() -> Any:
    """Ends the session, here and in the database."""
    current_portal().logins.end()
    flash("You are logged out.", "plain")
    return redirect(url_for("franchisee.login"), 303)


def wallet_challenge() -> Any:
    """The EIP-4361 message that the wallet at `address` is to sign."""
    return jsonify({"message": current_portal().wallets.challenge(request.form.get("address", ""), utc_now())})


def wallet_login() -> Any:
    """Logs in whoever signed `message`, where the chain authorises that address."""
    signed = request.form.get("message", ""), request.form.get("signature", "")
    address = current_portal().wallets.accept(*signed, utc_now())
    _begin(SessionUser(address, None))
    return jsonify({"location": local_path(request.form.get("next")) or url_for("franchisee.overview")})


def _begin(visitor: SessionUser) -> None:
    """Rights first: without them there is no session at all."""
    portal = current_portal()
    authorise(portal, visitor.address)
    portal.logins.start(visitor, now_s())
