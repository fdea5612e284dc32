"""HTML for people, JSON for machines, and one shape for every refusal."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any
from urllib.parse import quote

from flask import Flask, Response, current_app, jsonify, redirect, render_template, request, url_for
from flask_limiter import RateLimitExceeded
from flask_wtf.csrf import CSRFError
from werkzeug.exceptions import HTTPException

from app.errors import (
    InsufficientRightsError,
    LoginFailedError,
    LoginRequiredError,
    RateLimitError,
    RightsRevokedError,
    RightsUnavailableError,
    status_of,
)
from app.presenters.status import UNKNOWN_BATCH
from chromatrace.domain.errors import ChromaTraceError, IntegrityError, Unavailable

_TITLES: tuple[tuple[type[ChromaTraceError], str], ...] = (
    (RightsUnavailableError, "The chain does not answer"),
    (RightsRevokedError, "You have been logged out"),
    (InsufficientRightsError, "Not for your role"),
    (LoginRequiredError, "Please log in"),
    (LoginFailedError, "That did not work"),
    (RateLimitError, "Too many tries"),
)
_TITLES_BY_STATUS = {
    400: "That cannot be read",
    403: "Not allowed",
    404: "There is nothing here",
    405: "Not that way",
    409: "Not at the moment",
    413: "Too large",
    429: "Too many tries",
    500: "Something is wrong here",
    503: "Not available just now",
}


_DESK = ("franchisee", "console", "inspector")
"""Blueprints of whoever is logged in: from their refusals the way leads back to the own overview."""


def wants_json() -> bool:
    """Whether the caller is a machine: by `?format=json`, by its Accept header, or by asking the API."""
    if request.path.startswith(("/api/", "/epcis/")) or request.args.get("format") == "json":
        return True
    offered = request.accept_mimetypes
    best = offered.best_match(["text/html", "application/json"], default="text/html")
    return best == "application/json" and offered["application/json"] > offered["text/html"]


def local_path(target: str | None) -> str | None:
    """`target` where it is a path of this site, so that a link cannot send anyone elsewhere after logging in."""
    if not target or not target.startswith("/") or target.startswith(("//", "/\\")) or "\\" in target:
        return None
    return None if any(ord(character) < 32 for character in target) else target


def register_error_handlers(app: Flask) -> None:
    """Answers every refusal, ours and the framework's, in the caller's format."""
    app.register_error_handler(ChromaTraceError, refuse)
    app.register_error_handler(HTTPException, _refuse_http)
    app.register_error_handler(Exception, _fail)


def refuse(error: ChromaTraceError) -> Any:
    """The answer to one of our own refusals."""
    if isinstance(error, LoginRequiredError) and request.method == "GET" and not wants_json():
        return redirect(f"{url_for('franchisee.login')}?next={quote(request.full_path.rstrip('?'))}", 303)
    return _answer(_outward(error), status_of(error))


def _outward(error: ChromaTraceError) -> ChromaTraceError:
    """A refusal of a database, node or file names places on our machines: they go to the log, not to the caller."""
    inward = isinstance(error, Unavailable | IntegrityError) and not type(error).__module__.startswith("app.")
    if not inward or type(error) in (Unavailable, IntegrityError):
        return error
    current_app.logger.warning("refused: %s", error)
    if isinstance(error, IntegrityError):
        return IntegrityError("what is stored here does not match its fingerprint on the chain, so it is not shown")
    return Unavailable("the records cannot be read just now", hint="try again in a minute")


def _refuse_http(error: HTTPException) -> Any:
    if isinstance(error, RateLimitExceeded):
        refusal: ChromaTraceError = RateLimitError(
            "too many requests from your address", hint="wait a minute, then try again"
        )
    elif isinstance(error, CSRFError):
        refusal = ChromaTraceError("the form is out of date", hint="go back, load the page again and send it once more")
    else:
        refusal = ChromaTraceError(*_http_words(error))
    response = _answer(refusal, error.code or 500, type(error).__name__)
    for name, value in error.get_headers():
        if name.lower() in ("allow", "retry-after"):
            response.headers[name] = value
    return response


def _http_words(error: HTTPException) -> tuple[str]:
    words = {404: "this address leads to no page", 413: "the upload is larger than this portal takes"}
    return (words.get(error.code or 0, (error.description or error.name).rstrip(".").lower()),)


def _fail(error: Exception) -> Any:
    """What nobody foresaw: logged with its trace, told without it."""
    current_app.logger.exception("unforeseen error", exc_info=error)
    return _answer(ChromaTraceError("an error that we did not foresee", hint="it was logged; try again later"), 500)


def _answer(error: ChromaTraceError, status: int, kind: str | None = None) -> Response:
    if wants_json():
        shape = error.as_dict()
        shape = shape | {"error": kind} if kind and type(error) is ChromaTraceError else shape
        response = jsonify(_problem(status) | shape | {"detail": error.message})
        response.mimetype = "application/problem+json"
    else:
        page = render_template(
            "error.html", error=error, status=status, title=_title(error, status), action=_action(error)
        )
        response = Response(page, mimetype="text/html")
    response.status_code = status
    return response


def _problem(status: int) -> dict[str, Any]:
    """The members of RFC 9457, beside our own; EPCIS has names for its problems."""
    kind = "about:blank"
    if request.path.startswith("/epcis/"):
        known = {401: "Security", 403: "Security", 404: "NoSuchResource", 413: "CaptureLimitExceeded"}
        kind = f"epcisException:{known.get(status, 'Validation' if status < 500 else 'Implementation')}Exception"
    return {"type": kind, "title": HTTPStatus(status).phrase, "status": status}


def _title(error: ChromaTraceError, status: int) -> str:
    known = next((title for kind, title in _TITLES if isinstance(error, kind)), None)
    return known or _TITLES_BY_STATUS.get(status, UNKNOWN_BATCH.headline)


def _action(error: ChromaTraceError) -> tuple[str, str] | None:
    if isinstance(error, RightsRevokedError | LoginRequiredError | LoginFailedError):
        return "Log in", url_for("franchisee.login")
    if isinstance(error, RightsUnavailableError | RateLimitError):
        return "Try again", request.full_path.rstrip("?") if request.method == "GET" else url_for("franchisee.overview")
    if request.blueprint in _DESK:
        return "To your overview", url_for("franchisee.overview")
    return None
