"""Change the password of the operator's account."""

from __future__ import annotations

from flask import flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from app.accounts import MAX_PASSWORD, MIN_PASSWORD, change_password
from app.context import current_operator, current_portal, now_s
from app.errors import LoginFailedError, http_status
from app.sessions import SessionUser
from chromatrace.domain.errors import ChromaTraceError, InvalidInput, NotFound


def password() -> ResponseReturnValue:
    """Show the form; with posted `current`, `new` and `repeated`, change the password and end other sessions."""
    portal, operator = current_portal(), current_operator()
    if operator.account is None:
        raise NotFound("this is a wallet session; it has no password", field="account")
    if request.method == "GET":
        return _page()
    current, new = request.form.get("current", ""), request.form.get("new", "")
    try:
        if new != request.form.get("repeated", ""):
            raise InvalidInput("the two new passwords differ", field="repeated", hint="type the new password twice")
        try:
            portal.logins.verify(operator.account, current)
        except LoginFailedError as error:
            raise LoginFailedError("the current password is wrong", field="current") from error
        change_password(portal.database, portal.config.keys, operator.account, current, new)
    except (InvalidInput, LoginFailedError) as error:
        return _page(error), http_status(error)
    portal.sessions.end_account(operator.account)
    portal.sessions.start(SessionUser(operator.address, operator.account), now_s())
    flash("Your password is changed. Your other sessions are logged out.", "plain")
    return redirect(url_for("franchisee.overview"), 303)


def _page(error: ChromaTraceError | None = None) -> str:
    return render_template("franchisee/password.html", error=error, minimum=MIN_PASSWORD, maximum=MAX_PASSWORD)
