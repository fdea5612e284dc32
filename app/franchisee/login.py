"""Login by password or wallet, and logout."""

from __future__ import annotations

from flask import flash, jsonify, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from app.context import check_rights, current_portal, now_s
from app.errors import LoginFailedError, RightsRevokedError, http_status
from app.responses import local_path
from app.sessions import SessionUser
from app.wallet import utc_now


def login() -> ResponseReturnValue:
    """Show the form; with posted `name` and `password`, log in an operator whom the chain authorises."""
    target = local_path(request.values.get("next")) or url_for("franchisee.overview")
    if request.method == "GET":
        if current_portal().sessions.current(now_s()) is not None:
            return redirect(target, 303)
        return render_template("franchisee/login.html", target=target)
    name = request.form.get("name", "")
    try:
        account = current_portal().logins.verify(name, request.form.get("password", ""))
        _start_session(SessionUser(account.address, account.name))
    except (LoginFailedError, RightsRevokedError) as error:
        return render_template("franchisee/login.html", target=target, error=error, name=name), http_status(error)
    return redirect(target, 303)


def logout() -> ResponseReturnValue:
    """End the session, and remove what the browser keeps of its pages."""
    current_portal().sessions.end()
    flash("You are logged out.", "plain")
    response = redirect(url_for("franchisee.login"), 303)
    response.headers["Clear-Site-Data"] = '"cache", "storage"'
    return response


def wallet_challenge() -> ResponseReturnValue:
    """Return the EIP-4361 message for the wallet at `address` to sign."""
    return jsonify({"message": current_portal().wallets.challenge(request.form.get("address", ""), utc_now())})


def wallet_login() -> ResponseReturnValue:
    """Log in the signer of `message` if the chain authorises that address."""
    message, signature = request.form.get("message", ""), request.form.get("signature", "")
    address = current_portal().wallets.accept(message, signature, utc_now())
    _start_session(SessionUser(address, None))
    return jsonify({"location": local_path(request.form.get("next")) or url_for("franchisee.overview")})


def _start_session(user: SessionUser) -> None:
    """Check the rights first: an operator without rights gets no session."""
    portal = current_portal()
    check_rights(portal, user.address)
    portal.sessions.start(user, now_s())
