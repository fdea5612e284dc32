"""What waits for the operator's organisation, and the batches that it may see."""

from __future__ import annotations

from dataclasses import dataclass

from flask import render_template, request

from app.facts.documents import CheckedDocument
from app.facts.parties import Party
from app.facts.status import Status, status_of
from app.links import page_path
from app.portal import now_s, operator, party, portal, readable, snapshot
from app.rights import OFFER_SCOPES
from app.store.actions import RECALL, open_actions
from app.store.models import Action
from chromatrace.domain.errors import NotFound
from chromatrace.domain.identifiers import BatchId
from chromatrace.domain.rights import Role, Scope
from chromatrace.index.views import BatchView, GrantView, OfferView

_SHORT, _PAGE = 10, 50
GROUPS = {"held": "Held by you", "made": "Made by you", "shared": "Shared with you"}


@dataclass(frozen=True, slots=True)
class Row:
    """One batch in a list."""

    view: BatchView
    name: str
    status: Status
    producer: Party

    @property
    def link(self) -> str:
        return page_path(self.view.key)


@dataclass(frozen=True, slots=True)
class WaitingOffer:
    """One offer that waits."""

    offer: OfferView
    batch: Row
    giver: Party
    expired: bool

    @property
    def batch_hex(self) -> str:
        return self.offer.batch_id.hex()


def overview() -> str:
    """Offers, pending actions, and the newest batches of each group."""
    here, who, now = portal(), operator(), now_s()
    offers, withheld = waiting_offers()
    under_way = open_actions(here.store, who.address)
    return render_template(
        "franchisee/overview.html",
        operator=who,
        organisation=party(who.organisation),
        roles=[role.name.lower() for role in Role if role & who.roles and role.name],
        offers=offers,
        withheld=withheld,
        actions=[action for action in under_way if action.kind != RECALL],
        recalls=_unsettled([action for action in under_way if action.kind == RECALL]),
        groups=[(group, title, _group(group, _SHORT, None)) for group, title in GROUPS.items()],
        grants=[(grant, party(grant.owner), _scopes(grant.scopes)) for grant in _grants(now)],
        may_make_labels=who.has(Role.PRODUCER),
    )


def _unsettled(recalls: list[Action]) -> list[Action]:
    """Those whose batch the index does not have as recalled yet."""
    views = {action.tx_hash: snapshot().batch(BatchId(action.batch_id)) for action in recalls}
    return [action for action in recalls if (view := views[action.tx_hash]) is not None and not view.recalled]


def batches(group: str) -> str:
    """All batches of one group, page by page."""
    if group not in GROUPS:
        raise NotFound("there is no such list", field="group", hint=f"one of {', '.join(GROUPS)}")
    rows = _group(group, _PAGE, request.args.get("after", type=int))
    return render_template(
        "franchisee/batches.html",
        title=GROUPS[group],
        group=group,
        rows=rows,
        after=rows[-1].view.cursor if len(rows) == _PAGE else None,
        may_make_labels=operator().has(Role.PRODUCER) and group == "made",
    )


def waiting_offers() -> tuple[list[WaitingOffer], int]:
    """The open offers that the organisation's grants allow to be seen, and how many more there are."""
    who, now = operator(), now_s()
    shown: list[WaitingOffer] = []
    withheld = 0
    for offer in snapshot().offers_to(who.organisation):
        view = snapshot().batch(offer.batch_id)
        if view is None or not readable()(view.producer, view.gtin, OFFER_SCOPES):
            withheld += 1
            continue
        giver = party(offer.from_organisation)
        shown.append(WaitingOffer(offer, row_of(view), giver, not offer.open_at(now)))
    return shown, withheld


def row_of(view: BatchView) -> Row:
    """A batch as a list shows it."""
    batches = portal().batches
    content: CheckedDocument[object] = batches.content(view)  # type: ignore[assignment]
    product = getattr(content.value, "product", None)
    name = product.name if product else f"Batch {view.lot}"
    return Row(view, name, status_of(view), party(view.producer))


def _grants(now: int) -> list[GrantView]:
    return [grant for grant in snapshot().grants_to(operator().organisation) if grant.holds_at(now)]


def _group(group: str, limit: int, after: int | None) -> list[Row]:
    organisation = operator().organisation
    if group == "made":
        found = snapshot().batches(producer=organisation, limit=limit, after=after)
    elif group == "held":
        found = snapshot().batches(custodian=organisation, limit=limit, after=after)
    else:
        found = _shared(limit, after)
    return [row_of(view) for view in found]


def _shared(limit: int, after: int | None) -> tuple[BatchView, ...]:
    """Others' batches, by the grants that the index knows, each line confirmed by the chain."""
    found: dict[bytes, BatchView] = {}
    for grant in _grants(now_s()):
        for view in snapshot().batches(producer=grant.owner, gtin=grant.gtin, limit=limit, after=after):
            if readable()(view.producer, view.gtin, Scope.PRODUCT):
                found[view.batch_id] = view
    newest = sorted(found.values(), key=lambda view: view.cursor, reverse=True)
    return tuple(newest[:limit])


def _scopes(scopes: Scope) -> list[str]:
    return [scope.name.lower() for scope in Scope if scope & scopes and scope.name]
