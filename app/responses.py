"""Content negotiation, and one response format for all errors: an HTML page or an RFC 9457 problem document."""

from __future__ import annotations

import errno
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import quote, urlsplit

from flask import Flask, Response, current_app, jsonify, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_limiter import RateLimitExceeded
from flask_wtf.csrf import CSRFError
from sqlalchemy.exc import InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from werkzeug.exceptions import HTTPException

from app.errors import (
    InsufficientRightsError,
    LoginFailedError,
    LoginRequiredError,
    RateLimitError,
    RightsRevokedError,
    RightsUnavailableError,
    StorageUnavailableError,
    http_status,
)
from chromatrace.domain.errors import ChromaTraceError, IntegrityError, Unavailable
from chromatrace.epcis.errors import QueryTooComplexError, QueryTooLargeError

if TYPE_CHECKING:
    from app.settings import PortalSettings

_TITLES: tuple[tuple[type[ChromaTraceError], str], ...] = (
    (RightsUnavailableError, "Chain unavailable"),
    (RightsRevokedError, "You have been logged out"),
    (InsufficientRightsError, "Not allowed for your role"),
    (LoginRequiredError, "Please log in"),
    (LoginFailedError, "Login failed"),
)
_TITLES_BY_STATUS = {
    400: "Invalid request",
    403: "Access denied",
    404: "Page not found",
    405: "Method not allowed",
    409: "Conflict",
    413: "File too large",
    429: "Too many requests",
    500: "Internal error",
    503: "Service unavailable",
}
_MIN_INTERNAL_NAME = 5
"""Shorter names, such as the path ".", also occur in ordinary messages."""
_SYSTEM_LIMITS = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EMFILE, errno.ENFILE)
_WORKSPACE_BLUEPRINTS = ("franchisee", "console", "inspector")


def wants_json() -> bool:
    """Return whether the caller asks for JSON: by an API path, `?format=json` or the Accept header."""
    if request.path.startswith(("/api/", "/epcis/")) or request.args.get("format") == "json":
        return True
    accepted = request.accept_mimetypes
    best = accepted.best_match(["text/html", "application/json"], default="text/html")
    return best == "application/json" and accepted["application/json"] > accepted["text/html"]


def local_path(target: str | None) -> str | None:
    """Return `target` if it is a path of this site, else None. Prevents open redirects after a login."""
    if not target or not target.startswith("/") or target.startswith(("//", "/\\")) or "\\" in target:
        return None
    return None if any(ord(character) < 32 for character in target) else target


def register_error_handlers(app: Flask) -> None:
    """Handle all errors, the framework's included."""
    app.register_error_handler(ChromaTraceError, error_response)
    app.register_error_handler(HTTPException, _http_error_response)
    app.register_error_handler(Exception, _unexpected_error_response)


def error_response(error: ChromaTraceError) -> ResponseReturnValue:
    """Return the response to an error of the project."""
    if isinstance(error, LoginRequiredError) and request.method == "GET" and not wants_json():
        return redirect(f"{url_for('franchisee.login')}?next={quote(request.full_path.rstrip('?'))}", 303)
    return _respond(_without_internals(error), http_status(error))


def _without_internals(error: ChromaTraceError) -> ChromaTraceError:
    """Log and replace errors whose messages contain internal paths or hosts: those of databases, nodes and files."""
    own = type(error).__module__.startswith("app.") and not isinstance(error, StorageUnavailableError)
    if (own or not isinstance(error, Unavailable | IntegrityError)) and not any(
        name in str(error) for name in _internal_names()
    ):
        return error
    current_app.logger.warning("request failed: %s", error)
    if isinstance(error, IntegrityError):
        return IntegrityError("the stored data does not match its fingerprint on the chain and is not shown")
    if isinstance(error, Unavailable):
        return Unavailable("the portal's data is temporarily unavailable", hint="try again in a minute")
    return ChromaTraceError("the request failed", hint="the error was logged; contact the operator of this portal")


def _internal_names() -> set[str]:
    """Return the paths, URLs and hosts of the configuration, which no response may contain."""
    if "internal_names" not in current_app.extensions:
        config: PortalSettings = current_app.extensions["portal"].config
        paths = (config.data_folder, config.keys, config.documents, config.outbox, config.manifest_path)
        urls = (config.rpc_url, config.index_database, config.portal_database, config.vault_location)
        names = {str(path) for path in paths} | {str(path.resolve()) for path in paths} | set(urls)
        names |= {urlsplit(url).netloc.rpartition("@")[2] for url in urls}
        current_app.extensions["internal_names"] = {name for name in names if len(name) >= _MIN_INTERNAL_NAME}
    return cast(set[str], current_app.extensions["internal_names"])


def _http_error_response(error: HTTPException) -> ResponseReturnValue:
    if isinstance(error, RateLimitExceeded):
        reported: ChromaTraceError = RateLimitError("too many requests from your address", hint="try again in a minute")
    elif isinstance(error, CSRFError):
        reported = ChromaTraceError("the form has expired", hint="reload the page and submit the form again")
    else:
        reported = ChromaTraceError(_http_message(error))
    response = _respond(reported, error.code or 500, type(error).__name__)
    for name, value in error.get_headers():
        if name.lower() in ("allow", "retry-after"):
            response.headers[name] = value
    return response


def _http_message(error: HTTPException) -> str:
    messages = {404: "no page exists at this address", 413: "the upload exceeds the size limit"}
    return messages.get(error.code or 0, (error.description or error.name).rstrip(".").lower())


def _unexpected_error_response(error: Exception) -> ResponseReturnValue:
    """Log the error and return a generic message: 503 if a database, the disk or a limit of the system caused it."""
    environmental = isinstance(error, OperationalError | InterfaceError | PoolTimeoutError)
    if environmental or (isinstance(error, OSError) and error.errno in _SYSTEM_LIMITS):
        return error_response(Unavailable(str(error)))
    current_app.logger.exception("unexpected error", exc_info=error)
    return _respond(ChromaTraceError("an unexpected error occurred", hint="the error was logged; try again later"), 500)


def _respond(error: ChromaTraceError, status: int, kind: str | None = None) -> Response:
    if wants_json():
        members = error.as_dict()
        members = members | {"error": kind} if kind and type(error) is ChromaTraceError else members
        response = jsonify(_problem(status, error) | members | {"detail": error.message})
        response.mimetype = "application/problem+json"
    else:
        page = render_template(
            "error.html", error=error, status=status, title=_title(error, status), action=_action(error)
        )
        response = Response(page, mimetype="text/html")
    response.status_code = status
    if isinstance(error, RateLimitError) and error.retry_after_s:
        response.headers["Retry-After"] = str(error.retry_after_s)
    return response


def _problem(status: int, error: ChromaTraceError) -> dict[str, Any]:
    """Return the standard members of RFC 9457. EPCIS 2.0 defines problem types of its own."""
    kind = "about:blank"
    if request.path.startswith("/epcis/"):
        kind = f"epcisException:{_epcis_exception(status, error)}Exception"
    return {"type": kind, "title": HTTPStatus(status).phrase, "status": status}


def _epcis_exception(status: int, error: ChromaTraceError) -> str:
    if isinstance(error, QueryTooComplexError | QueryTooLargeError):
        return type(error).__name__.removesuffix("Error")
    names = {401: "Security", 403: "Security", 404: "NoSuchResource", 413: "CaptureLimitExceeded"}
    if status == 400 and request.method == "GET":
        return "QueryParameter"
    return names.get(status, "Validation" if status < 500 else "Implementation")


def _title(error: ChromaTraceError, status: int) -> str:
    title = next((title for kind, title in _TITLES if isinstance(error, kind)), None)
    return title or _TITLES_BY_STATUS.get(status) or HTTPStatus(status).phrase


def _action(error: ChromaTraceError) -> tuple[str, str] | None:
    """Return the label and the URL of the page's main button."""
    if isinstance(error, RightsRevokedError | LoginRequiredError | LoginFailedError):
        return "Log in", url_for("franchisee.login")
    if isinstance(error, RightsUnavailableError | RateLimitError):
        return "Try again", request.full_path.rstrip("?") if request.method == "GET" else url_for("franchisee.overview")
    if request.blueprint in _WORKSPACE_BLUEPRINTS:
        return "Go to overview", url_for("franchisee.overview")
    return None
