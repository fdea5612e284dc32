"""The risk of a connection without encryption."""

from __future__ import annotations

from urllib.parse import urlsplit

_LOCAL = ("localhost", "127.0.0.1", "::1")


def unencrypted_risk(url: str, user: str | None) -> str | None:
    """Return what anyone in the network can read, or None for a local connection without a password."""
    if user is None and (urlsplit(url).hostname or "") in _LOCAL:
        return None
    sent = "the password and the values are" if user is not None else "the values are"
    return f"{sent} not encrypted, and the server is not authenticated"
