"""The workshop: the machines of the portal's own plant. For engineers and supervisors of its organisation.

The pages show readings, which competitors must not see. They exist only if the setting `plant_organisation` names the
organisation whose plant it is, and only for its operators.
"""

from __future__ import annotations

from flask import Blueprint, Flask
from flask_limiter import Limiter

from app.security import limit_views
from app.settings import PortalSettings
from app.workshop import alarms, charts, line, orders, predictions, proposals, quality, trend
from app.workshop.access import is_member, require_member

__all__ = ["is_member", "register"]


PAGES = (
    ("workshop.line", "Line"),
    ("workshop.trend", "Trend"),
    ("workshop.charts", "Charts"),
    ("workshop.alarms", "Alarms"),
    ("workshop.predictions", "Predictions"),
    ("workshop.proposals", "Proposals"),
    ("workshop.quality", "Quality"),
    ("workshop.orders", "Orders"),
)
"""Endpoint and label of each page of the sub-navigation."""


def register(app: Flask, limiter: Limiter, config: PortalSettings) -> None:
    """Add the routes. Each needs a role of `CONSOLE_ROLES` in the organisation whose plant it is."""
    blueprint = Blueprint("workshop", __name__)
    blueprint.before_request(require_member)
    blueprint.add_url_rule("/workshop/", "line", line.page)
    blueprint.add_url_rule("/workshop/events", "events", line.events)
    blueprint.add_url_rule("/workshop/alarms", "alarms", alarms.page)
    blueprint.add_url_rule("/workshop/alarms.csv", "alarms_csv", alarms.export)
    blueprint.add_url_rule("/workshop/alarms/<int:alarm_id>", "alarm", alarms.show)
    blueprint.add_url_rule("/workshop/alarms/<int:alarm_id>/<action>", "act", alarms.act, methods=["POST"])
    blueprint.add_url_rule("/workshop/proposals", "proposals", proposals.page)
    blueprint.add_url_rule("/workshop/proposals/<int:proposal_id>", "proposal", proposals.show)
    blueprint.add_url_rule(
        "/workshop/proposals/<int:proposal_id>/<decision>", "decide", proposals.decide, methods=["POST"]
    )
    blueprint.add_url_rule("/workshop/charts", "charts", charts.page)
    blueprint.add_url_rule("/workshop/predictions", "predictions", predictions.page)
    blueprint.add_url_rule("/workshop/predictions.json", "predictions_json", predictions.as_json)
    blueprint.add_url_rule("/workshop/predictions.csv", "predictions_csv", predictions.as_csv)
    blueprint.add_url_rule("/workshop/quality", "quality", quality.page)
    blueprint.add_url_rule("/workshop/quality/<table>.csv", "quality_csv", quality.as_csv)
    blueprint.add_url_rule("/workshop/quality/<name>.svg", "quality_plot", quality.plot)
    blueprint.add_url_rule("/workshop/charts.json", "charts_json", charts.as_json)
    blueprint.add_url_rule("/workshop/orders", "orders", orders.page)
    blueprint.add_url_rule("/workshop/orders/<path:number>", "order", orders.show)
    blueprint.add_url_rule("/workshop/trend", "trend", trend.page)
    blueprint.add_url_rule("/workshop/trend.json", "trend_json", trend.as_json)
    blueprint.add_url_rule("/workshop/trend.csv", "trend_csv", trend.as_csv)
    app.register_blueprint(blueprint)
    app.add_template_global(lambda: PAGES, "workshop_pages")
    limit_views(
        app,
        limiter,
        dict.fromkeys(
            (
                *("workshop.trend_json", "workshop.charts_json", "workshop.trend_csv", "workshop.alarms_csv"),
                *("workshop.quality", "workshop.quality_csv", "workshop.quality_plot"),
                *("workshop.predictions", "workshop.predictions_json", "workshop.predictions_csv"),
            ),
            config.api_limit,
        ),
    )
