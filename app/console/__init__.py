"""The operations console: status overview, search, genealogy, recalls and orders."""

from __future__ import annotations

from flask import Blueprint, Flask, render_template
from flask_limiter import Limiter

from app.config import PortalConfig
from app.console import goods, recalls
from app.context import current_operator, current_portal, now_s
from app.franchisee.overview import batch_row
from app.presenters.consensus import present_panel
from app.presenters.organisations import OrganisationSummary
from app.rights import CONSOLE_ROLES
from app.security import limit_views
from chromatrace.domain.identifiers import BatchId
from chromatrace.index.views import AnchorView, ChannelView

_NEWEST = 25


def register(app: Flask, limiter: Limiter, config: PortalConfig) -> None:
    """Add the routes. Each needs a role of `CONSOLE_ROLES`."""
    blueprint = Blueprint("console", __name__)
    blueprint.before_request(lambda: current_operator().require(CONSOLE_ROLES, "the operations console"))
    blueprint.add_url_rule("/console/", "overview", overview)
    blueprint.add_url_rule("/console/consensus", "consensus", consensus)
    blueprint.add_url_rule("/console/find", "find", goods.find)
    blueprint.add_url_rule("/console/trace/<batch_id>", "trace", goods.trace)
    blueprint.add_url_rule("/console/impact/<batch_id>", "impact", goods.impact)
    blueprint.add_url_rule("/console/recall/<batch_id>", "recall", recalls.recall, methods=["GET", "POST"])
    blueprint.add_url_rule("/console/orders/<path:contract>", "order", goods.order)
    app.register_blueprint(blueprint)
    app.add_url_rule("/graph.css", "graph_css", goods.style)
    # The recall form checks a password, so guessing must be limited here too.
    limit_views(app, limiter, {"console.recall": config.login_limit}, methods=["POST"])


def overview() -> str:
    """Show index health, batches by state, the newest batches, channels with their last anchors, and organisations."""
    portal, now = current_portal(), now_s()
    organisations = [portal.batches.organisation(view.id, now) for view in portal.index.organisations()]
    return render_template(
        "console/overview.html",
        head=portal.index.head(),
        max_lag=portal.config.max_index_lag_blocks,
        counts=portal.index.count_batches(),
        recalled=len(portal.index.batches(recalled=True, limit=1000)),
        rows=[batch_row(view) for view in portal.index.batches(limit=_NEWEST)],
        channels=_channels(organisations),
        organisations=organisations,
    )


def consensus() -> str:
    """Show the panels, the capabilities of their inspectors, and the newest rounds with their dissent."""
    portal, now = current_portal(), now_s()
    panels = [
        present_panel(
            view,
            portal.batches.organisation(view.panel, now).name,
            portal.index.rounds(view.panel, limit=_NEWEST),
        )
        for view in portal.index.panels()
    ]
    lots = {}
    for panel in panels:
        for shown_round in panel.rounds:
            batch = portal.index.batch(BatchId(shown_round.view.subject))
            lots[shown_round.subject] = f"lot {batch.key.lot}" if batch else None
    return render_template("console/consensus.html", panels=panels, lots=lots)


def _channels(
    organisations: list[OrganisationSummary],
) -> list[tuple[OrganisationSummary, ChannelView, AnchorView | None]]:
    index = current_portal().index
    return [
        (organisation, channel, next(iter(index.anchors(channel.id, limit=1)), None))
        for organisation in organisations
        for channel in index.channels_of(organisation.id)
    ]
