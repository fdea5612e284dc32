"""Department records over HTTP: add, import, list, show, and grant access. Same checks as `chromatrace record`."""

from __future__ import annotations

from flask import Blueprint, Flask
from flask_limiter import Limiter
from werkzeug.routing import BaseConverter

from app.api.records import files, views
from app.request_bodies import body_limits
from app.security import csrf, limit_views
from app.settings import PortalSettings

PREFIX = "/api/v1"


class _RecordIdConverter(BaseConverter):
    """Matches any path segment except `files` and `import`. The view validates the record identifier."""

    regex = r"(?!(?:files|import)\Z)[^/]+"
    part_isolating = True


def register(app: Flask, limiter: Limiter, config: PortalSettings) -> None:
    """Add the routes and their rate limit."""
    app.url_map.converters["record"] = _RecordIdConverter
    blueprint = Blueprint("records", __name__, url_prefix=PREFIX)
    writing = (views.add, views.import_rows, files.upload, views.grant, views.revoke)
    blueprint.add_url_rule("/record-kinds", "kinds", views.kinds)
    blueprint.add_url_rule("/records", "add", views.add, methods=["POST"])
    blueprint.add_url_rule("/records", "list", views.list_)
    blueprint.add_url_rule("/records/import", "import", views.import_rows, methods=["POST"])
    blueprint.add_url_rule("/records/files", "upload", files.upload, methods=["POST"])
    blueprint.add_url_rule("/records/<record:record>", "show", views.show)
    blueprint.add_url_rule("/records/<record:record>/files/<name>", "file", files.download)
    blueprint.add_url_rule("/records/<record:record>/readers", "grant", views.grant, methods=["POST"])
    blueprint.add_url_rule("/records/<record:record>/readers/<fingerprint>", "revoke", views.revoke, methods=["DELETE"])
    app.register_blueprint(blueprint)
    for view in writing:
        # These views need HTTP Basic, which a form of another site cannot send.
        csrf.exempt(view)
    names = ("kinds", "add", "list", "import", "upload", "show", "file", "grant", "revoke")
    limit_views(app, limiter, {f"records.{name}": config.api_limit for name in names})
    body = config.max_upload_bytes
    sizes = {"add": body, "grant": body, "import": views.MAX_IMPORT, "upload": config.max_file_bytes}
    for name, maximum in sizes.items():
        body_limits(app).set(f"records.{name}", maximum, authenticated=True)
