"""Department records over HTTP: added, imported, listed, shown, granted, with the checks of `chromatrace record`."""

from __future__ import annotations

from flask import Blueprint, Flask
from flask_limiter import Limiter
from werkzeug.routing import BaseConverter

from app.api.records import files, views
from app.config import PortalConfig
from app.security import csrf, limit_views

PREFIX = "/api/v1"


class _RecordIdConverter(BaseConverter):
    """A record's id, right or wrong, and none of the words that stand in its place."""

    regex = r"(?!(?:files|import)\Z)[^/]+"
    part_isolating = True


def register(app: Flask, limiter: Limiter, config: PortalConfig) -> None:
    """Adds the routes, with their limit."""
    app.url_map.converters["record"] = _RecordIdConverter
    blueprint = Blueprint("records", __name__, url_prefix=PREFIX)
    writing = (views.add, views.take_rows, files.store, views.grant, views.revoke)
    blueprint.add_url_rule("/record-kinds", "kinds", views.kinds)
    blueprint.add_url_rule("/records", "add", views.add, methods=["POST"])
    blueprint.add_url_rule("/records", "list", views.list_)
    blueprint.add_url_rule("/records/import", "import", views.take_rows, methods=["POST"])
    blueprint.add_url_rule("/records/files", "store", files.store, methods=["POST"])
    blueprint.add_url_rule("/records/<record:record>", "show", views.show)
    blueprint.add_url_rule("/records/<record:record>/files/<name>", "file", files.give)
    blueprint.add_url_rule("/records/<record:record>/readers", "grant", views.grant, methods=["POST"])
    blueprint.add_url_rule("/records/<record:record>/readers/<name>", "revoke", views.revoke, methods=["DELETE"])
    app.register_blueprint(blueprint)
    for view in writing:
        # Each needs name and password in a header, which no form of another site can send.
        csrf.exempt(view)
    names = ("kinds", "add", "list", "import", "store", "show", "file", "grant", "revoke")
    limit_views(app, limiter, {f"records.{name}": config.api_limit for name in names})
