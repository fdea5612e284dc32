"""The EPCIS 2.0 interface: capture documents and query events."""

from __future__ import annotations

from flask import Blueprint, Flask
from flask_limiter import Limiter

from app.api.epcis import views
from app.request_bodies import body_limits
from app.security import csrf, limit_views
from app.settings import PortalSettings
from chromatrace.epcis.document import MAX_BYTES


def register(app: Flask, limiter: Limiter, config: PortalSettings) -> None:
    """Add the routes and their rate limit."""
    blueprint = Blueprint("epcis", __name__, url_prefix=views.PREFIX)
    blueprint.add_url_rule("/capture", "capture", views.capture, methods=["POST"])
    blueprint.add_url_rule("/capture/<identifier>", "job", views.job)
    blueprint.add_url_rule("/events", "events", views.events)
    blueprint.add_url_rule("/epcs/<path:epc>/events", "events_of", views.events_of, merge_slashes=False)
    blueprint.after_request(views.add_version)
    app.register_blueprint(blueprint)
    # A form of another site cannot send the accepted content types.
    csrf.exempt(views.capture)
    names = ("epcis.capture", "epcis.job", "epcis.events", "epcis.events_of")
    limit_views(app, limiter, dict.fromkeys(names, config.api_limit))
    body_limits(app).set("epcis.capture", MAX_BYTES, authenticated=True)
