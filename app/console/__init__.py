"""The operations console: status overview, search, genealogy, recalls and orders."""

from __future__ import annotations

from flask import Blueprint, Flask, render_template
from flask_limiter import Limiter

from app.console import genealogy, recalls, search
from app.context import (
    batch_relation,
    current_operator,
    current_portal,
    current_snapshot,
    listing_reader,
    lookup_organisation,
)
from app.franchisee.overview import batch_row
from app.presenters.consensus import present_panel
from app.presenters.organisations import OrganisationSummary
from app.rights import CONSOLE_ROLES
from app.settings import PortalSettings
from chromatrace.domain.identifiers import BatchId
from chromatrace.index.views import AnchorView, ChannelView
from chromatrace.services.search import Relation

_NEWEST = 25


def register(app: Flask, limiter: Limiter, config: PortalSettings) -> None:
    """Add the routes. Each needs a role of `CONSOLE_ROLES`."""
    blueprint = Blueprint("console", __name__)
    blueprint.before_request(lambda: current_operator().require(CONSOLE_ROLES, "the operations console"))
    blueprint.add_url_rule("/console/", "overview", overview)
    blueprint.add_url_rule("/console/consensus", "consensus", consensus)
    blueprint.add_url_rule("/console/find", "find", search.find)
    blueprint.add_url_rule("/console/trace/<batch_id>", "trace", genealogy.trace)
    blueprint.add_url_rule("/console/impact/<batch_id>", "impact", genealogy.impact)
    blueprint.add_url_rule("/console/recall/<batch_id>", "recall", recalls.recall, methods=["GET", "POST"])
    blueprint.add_url_rule("/console/orders/<path:contract>", "order", search.order)
    app.register_blueprint(blueprint)
    app.add_url_rule("/graph.css", "graph_css", genealogy.graph_style)


def overview() -> str:
    """Show index health, the batches that the organisation may list, its log channels, and all organisations.

    A supervisor of an authority sees the batches and channels of all organisations.
    """
    portal, snapshot, reader = current_portal(), current_snapshot(), listing_reader()
    organisations = [lookup_organisation(view.id) for view in snapshot.organisations()]
    newest = snapshot.batches(limit=_NEWEST, reader=reader)
    return render_template(
        "console/overview.html",
        head=snapshot.head(),
        max_lag=portal.config.max_index_lag_blocks,
        counts=snapshot.count_batches(reader=reader),
        recalled=sum(snapshot.count_batches(recalled=True, reader=reader).values()),
        rows=[batch_row(view) for view in newest if batch_relation(view) is not Relation.OTHER],
        channels=_channels([item for item in organisations if reader is None or item.id == reader.organisation]),
        organisations=organisations,
    )


def consensus() -> str:
    """Show the panels, the capabilities of their inspectors, and the newest rounds with their dissent."""
    panels = [
        present_panel(
            view,
            lookup_organisation(view.panel).name,
            current_snapshot().rounds(view.panel, limit=_NEWEST),
        )
        for view in current_snapshot().panels()
    ]
    lots = {}
    for panel in panels:
        for shown_round in panel.rounds:
            batch = current_snapshot().batch(BatchId(shown_round.view.subject))
            listed = batch is not None and batch_relation(batch) is not Relation.OTHER
            lots[shown_round.subject] = f"lot {batch.key.lot}" if batch and listed else None
    return render_template("console/consensus.html", panels=panels, lots=lots)


def _channels(
    organisations: list[OrganisationSummary],
) -> list[tuple[OrganisationSummary, ChannelView, AnchorView | None]]:
    snapshot = current_snapshot()
    return [
        (organisation, channel, next(iter(snapshot.anchors(channel.id, limit=1)), None))
        for organisation in organisations
        for channel in snapshot.channels_of(organisation.id)
    ]
