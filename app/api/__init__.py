"""The HTTP APIs: public JSON (`public`), department records (`records`), orders (`orders`) and EPCIS 2.0 (`epcis`)."""

from __future__ import annotations

from flask import Flask
from flask_limiter import Limiter

from app.api import epcis, orders, public, records
from app.settings import PortalSettings


def register(app: Flask, limiter: Limiter, config: PortalSettings) -> None:
    """Add the routes and their rate limits."""
    for package in (public, records, orders, epcis):
        package.register(app, limiter, config)
