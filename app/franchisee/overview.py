"""The overview of an organisation: open offers, pending transactions, and the batches it may see."""

from __future__ import annotations

from dataclasses import dataclass

from flask import render_template, request

from app.context import (
    current_operator,
    current_portal,
    current_snapshot,
    lookup_organisation,
    now_s,
    readable_lines,
    visible_scopes,
)
from app.links import page_path
from app.presenters.organisations import OrganisationSummary
from app.presenters.status import BatchStatus, batch_status
from app.rights import OFFER_SCOPES
from app.store.actions import RECALL, pending_actions
from app.store.models import Action
from chromatrace.domain.errors import NotFound
from chromatrace.domain.identifiers import BatchId
from chromatrace.domain.numbers import parse_whole
from chromatrace.domain.rights import Role, Scope
from chromatrace.index.views import BatchView, GrantView, OfferView

_PREVIEW, _PAGE = 10, 50
GROUPS = {"held": "Held by you", "made": "Made by you", "shared": "Shared with you"}


@dataclass(frozen=True, slots=True)
class BatchListItem:
    """One batch in a list."""

    view: BatchView
    name: str
    status: BatchStatus
    producer: OrganisationSummary

    @property
    def link(self) -> str:
        """The path of the batch's page."""
        return page_path(self.view.key)


@dataclass(frozen=True, slots=True)
class OfferListItem:
    """One open offer in a list."""

    offer: OfferView
    batch: BatchListItem
    giver: OrganisationSummary
    expired: bool

    @property
    def batch_hex(self) -> str:
        """The batch identifier in URLs."""
        return self.offer.batch_id.hex()


def overview() -> str:
    """Show offers, pending transactions, and the newest batches of each group."""
    portal, operator, now = current_portal(), current_operator(), now_s()
    offers, withheld = _open_offers()
    pending = pending_actions(portal.database, operator.address)
    return render_template(
        "franchisee/overview.html",
        operator=operator,
        organisation=lookup_organisation(operator.organisation),
        roles=[role.name.lower() for role in Role if role & operator.roles and role.name],
        offers=offers,
        withheld=withheld,
        actions=[action for action in pending if action.kind != RECALL],
        recalls=_unindexed([action for action in pending if action.kind == RECALL]),
        groups=[(group, title, _group(group, _PREVIEW, None)) for group, title in GROUPS.items()],
        grants=[(grant, lookup_organisation(grant.owner), _scope_names(grant.scopes)) for grant in _grants(now)],
        may_make_labels=operator.has(Role.PRODUCER),
    )


def _unindexed(recalls: list[Action]) -> list[Action]:
    """Return the recalls that the index does not have yet."""
    views = {action.tx_hash: current_snapshot().batch(BatchId(action.batch_id)) for action in recalls}
    return [action for action in recalls if (view := views[action.tx_hash]) is not None and not view.recalled]


def batches(group: str) -> str:
    """Show all batches of one group, page by page."""
    if group not in GROUPS:
        raise NotFound(f"unknown list {group!r}", field="group", hint=f"one of {', '.join(GROUPS)}")
    after = request.args.get("after")
    rows = _group(group, _PAGE, None if after is None else parse_whole(after, "after"))
    return render_template(
        "franchisee/batches.html",
        title=GROUPS[group],
        group=group,
        rows=rows,
        after=rows[-1].view.cursor if len(rows) == _PAGE else None,
        may_make_labels=current_operator().has(Role.PRODUCER) and group == "made",
    )


def _open_offers() -> tuple[list[OfferListItem], int]:
    """Return the open offers that the organisation may see, and the number of other open offers."""
    now = now_s()
    rows: list[OfferListItem] = []
    withheld = 0
    for offer in current_snapshot().offers_to(current_operator().organisation):
        view = current_snapshot().batch(offer.batch_id)
        if view is None or not readable_lines()(view.producer, view.gtin, OFFER_SCOPES):
            withheld += 1
            continue
        giver = lookup_organisation(offer.from_organisation)
        rows.append(OfferListItem(offer, batch_row(view), giver, not offer.open_at(now)))
    return rows, withheld


def batch_row(view: BatchView) -> BatchListItem:
    """Return a batch as a list shows it."""
    visible = Scope.PRODUCT in visible_scopes(view.producer, view.gtin)
    content = current_portal().batches.content(view).value if visible else None
    name = content.product.name if content else f"Batch {view.lot}"
    return BatchListItem(view, name, batch_status(view), lookup_organisation(view.producer))


def _grants(now: int) -> list[GrantView]:
    grants = current_snapshot().grants_to(current_operator().organisation)
    return [grant for grant in grants if grant.owner != grant.reader and grant.holds_at(now)]


def _group(group: str, limit: int, after: int | None) -> list[BatchListItem]:
    snapshot, organisation = current_snapshot(), current_operator().organisation
    if group == "made":
        views = snapshot.batches(producer=organisation, limit=limit, after=after)
    elif group == "held":
        views = snapshot.batches(custodian=organisation, limit=limit, after=after)
    else:
        views = _shared(limit, after)
    return [batch_row(view) for view in views]


def _shared(limit: int, after: int | None) -> tuple[BatchView, ...]:
    """Return other organisations' batches: the indexed grants name them, and the chain confirms each product line."""
    shared: dict[bytes, BatchView] = {}
    for grant in _grants(now_s()):
        for view in current_snapshot().batches(producer=grant.owner, gtin=grant.gtin, limit=limit, after=after):
            if readable_lines()(view.producer, view.gtin, Scope.PRODUCT):
                shared[view.batch_id] = view
    newest = sorted(shared.values(), key=lambda view: view.cursor, reverse=True)
    return tuple(newest[:limit])


def _scope_names(scopes: Scope) -> list[str]:
    return [scope.name.lower() for scope in Scope if scope & scopes and scope.name]
