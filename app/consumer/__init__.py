"""Public pages: batches and units, scanning, QR code images, published documents and the state of the portal."""

from __future__ import annotations

from flask import Blueprint, Flask
from flask_limiter import Limiter

from app.consumer import downloads, health, pages, resolver, result_files, scanning
from app.request_bodies import body_limits
from app.security import limit_views
from app.settings import PortalSettings
from chromatrace.identity.resolver import DESCRIPTION_PATH


def register(app: Flask, limiter: Limiter, config: PortalSettings) -> None:
    """Add the routes and their rate limits."""
    blueprint = Blueprint("consumer", __name__)
    blueprint.add_url_rule("/", "home", pages.home)
    blueprint.add_url_rule("/lookup", "lookup", pages.lookup)
    blueprint.add_url_rule("/01/<path:rest>", "code", pages.digital_link)
    blueprint.add_url_rule("/scan", "scan", scanning.ScanView(config.threads).scan, methods=["GET", "POST"])
    blueprint.add_url_rule("/qr/<gtin>/<path:rest>", "qr", downloads.qr_image)
    blueprint.add_url_rule("/documents/<gtin>/<path:rest>", "document", downloads.document)
    blueprint.add_url_rule("/results/<gtin>/<path:rest>", "result_file", result_files.result_file)
    blueprint.add_url_rule(DESCRIPTION_PATH, "resolver", resolver.describe)
    health.register(blueprint)
    app.register_blueprint(blueprint)
    endpoints = ("consumer.lookup", "consumer.code", "consumer.qr", "consumer.document", "consumer.result_file")
    limit_views(app, limiter, dict.fromkeys(endpoints, config.page_limit))
    health.limit(app, limiter, config.page_limit)
    limit_views(app, limiter, {"consumer.scan": config.scan_limit}, methods=["POST"])
    body_limits(app).set("consumer.scan", config.max_upload_bytes, authenticated=False)
