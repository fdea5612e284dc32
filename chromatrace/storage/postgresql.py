"""Connections to PostgreSQL."""

from __future__ import annotations

from typing import Any

from sqlalchemy import URL, Engine, create_engine

_LIMITS = {"connect_timeout": 5, "tcp_user_timeout": 15_000}
"""Parameters of libpq: seconds to connect, milliseconds until sent data must be acknowledged."""


def postgresql_engine(url: URL, **options: Any) -> Engine:
    """Return an engine whose connections fail, instead of waiting for minutes, if the host does not respond.

    Limits in `url` take precedence. `options` are those of `create_engine`.
    """
    if url.drivername == "postgresql":
        url = url.set(drivername="postgresql+psycopg")
    limits = {name: value for name, value in _LIMITS.items() if name not in url.query}
    return create_engine(url, pool_pre_ping=True, connect_args=limits, **options)
