"""Security headers, CSRF protection, rate limits and cookie flags."""

from __future__ import annotations

import hashlib
from typing import Any

from flask import Flask, Response, request
from flask.sessions import SecureCookieSessionInterface
from flask_limiter import Limiter
from flask_wtf.csrf import CSRFProtect
from itsdangerous import Signer

from app.client_network import client_network
from app.settings import PortalSettings
from app.store import rate_counts  # noqa: F401 - registers the storage scheme `portal`
from app.store.database import PortalDatabase
from chromatrace.domain.errors import NotAuthorised

CONTENT_SECURITY_POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' blob:",
        "media-src 'self' blob:",
        "connect-src 'self'",
        "form-action 'self'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
    )
)

_HEADERS = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}
_NO_DEVICES = "camera=(), microphone=(), geolocation=(), payment=(), usb=()"
_CAMERA_ONLY = "camera=(self), microphone=(), geolocation=(), payment=(), usb=()"

_SAFE_METHODS = ("GET", "HEAD", "OPTIONS")

csrf = CSRFProtect()


def flask_settings(config: PortalSettings) -> dict[str, object]:
    """Return Flask's settings for the cookie, CSRF tokens and request sizes."""
    return {
        "SESSION_COOKIE_NAME": "__Host-chromatrace" if config.secure else "chromatrace",
        "SESSION_COOKIE_SECURE": config.secure,
        "SESSION_COOKIE_HTTPONLY": True,
        "SESSION_COOKIE_SAMESITE": "Lax",
        "WTF_CSRF_TIME_LIMIT": None,
        "MAX_FORM_MEMORY_SIZE": 500_000,
        "MAX_FORM_PARTS": 50,
    }


def protect_from_other_sites(app: Flask) -> None:
    """Sign cookies with SHA-256, and reject requests of other sites that change anything.

    The second rule also protects the interfaces without CSRF tokens: a browser may keep HTTP Basic credentials.
    """
    # By default, itsdangerous uses SHA-1 for the cookie and for Flask-WTF's CSRF tokens.
    Signer.default_digest_method = staticmethod(hashlib.sha256)
    app.session_interface = _Sha256Sessions()

    @app.before_request
    def reject_other_sites() -> None:
        if request.method not in _SAFE_METHODS and request.headers.get("Sec-Fetch-Site") in ("cross-site", "same-site"):
            raise NotAuthorised("this request comes from another site", hint="send it from a page of this portal")


class _Sha256Sessions(SecureCookieSessionInterface):
    digest_method = staticmethod(hashlib.sha256)


def build_limiter(app: Flask, database: PortalDatabase) -> Limiter:
    """Return a limiter that counts in the portal database. Each route sets its own limit."""
    return Limiter(
        lambda: client_network(request.remote_addr),
        app=app,
        storage_uri="portal://",
        storage_options={"database": database},  # type: ignore[dict-item]
        strategy="fixed-window",
        headers_enabled=True,
        default_limits=[],
    )


def add_headers(app: Flask, config: PortalSettings) -> None:
    """Set the security headers on every response, including errors."""

    @app.after_request
    def headers(response: Response) -> Response:
        for name, value in _HEADERS.items():
            response.headers.setdefault(name, value)
        scanning = request.endpoint == "consumer.scan"
        response.headers["Permissions-Policy"] = _CAMERA_ONLY if scanning else _NO_DEVICES
        if config.secure:
            response.headers["Strict-Transport-Security"] = "max-age=31536000; includeSubDomains"
        if request.endpoint != "static":
            response.headers.setdefault("Cache-Control", "no-store")
        response.headers.pop("Server", None)
        if response.status_code == 308:
            # The router's redirects repeat the Host header, which the client controls.
            response.headers["Location"] = response.headers["Location"].removeprefix(request.host_url.rstrip("/"))
        return response


def limit_views(app: Flask, limiter: Limiter, limits: dict[str, str], *, methods: list[str] | None = None) -> None:
    """Set rate limits per client address on registered views: endpoint to limit."""
    for endpoint, rate in limits.items():
        view: Any = app.view_functions[endpoint]
        app.view_functions[endpoint] = limiter.limit(rate, methods=methods)(view)
