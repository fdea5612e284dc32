"""Search by any key, and the progress of an order."""

from __future__ import annotations

from collections.abc import Callable

from flask import redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from app.api.records.request_context import open_records
from app.context import (
    batch_relation,
    batch_scopes,
    current_operator,
    current_portal,
    current_snapshot,
    listing_reader,
    lookup_organisation,
    now_s,
)
from app.franchisee.overview import batch_row
from chromatrace.domain.errors import IntegrityError, NotFound
from chromatrace.domain.ledger_entries import subject_id
from chromatrace.domain.rights import Scope
from chromatrace.index.views import BatchView, RecordView
from chromatrace.services import search
from chromatrace.services.search import Relation


def find() -> ResponseReturnValue:
    """Show everything that matches the query `q`, own batches first; with `others=hide` without unrelated ones."""
    portal = current_portal()
    query = request.args.get("q", "").strip()
    if not query:
        return redirect(url_for("console.overview"))
    reader = _reader(query)
    result = search.find(current_snapshot(), portal.batches.documents, query, portal.kinds, _may_read(), reader)
    others = sum(batch_relation(view) is Relation.OTHER for view in result.batches)
    hidden = request.args.get("others") == "hide"
    views = [view for view in result.batches if not hidden or batch_relation(view) is not Relation.OTHER]
    return render_template(
        "console/find.html",
        query=query,
        matches=result.matches,
        rows=[batch_row(view) for view in views],
        listed=[view for view in views if batch_relation(view) is not Relation.OTHER],
        others=others,
        hidden=hidden,
        units=[batch_row(view) for view in result.batches_with_serial],
        is_order=any(kind.id == portal.kinds[0].id for kind in result.matches.kinds),
        records=[(record, lookup_organisation(record.department.organisation)) for record in result.records],
        searched=None if result.all_batches_searched else search.SERIAL_BATCHES,
        empty=not result,
    ), (200 if result else 404)


def _reader(query: str) -> search.SearchReader:
    """Return the reader of a search. A batch of an unrelated organisation is found by its lot only, if it is public."""
    names_line = search.names_product_line(query)

    def shown(view: BatchView) -> bool:
        if batch_relation(view) is not Relation.OTHER:
            return True
        return not names_line and Scope.PRODUCT in batch_scopes(view)

    return search.SearchReader(
        current_operator().organisation,
        granted=lambda view: batch_relation(view) is Relation.GRANTED,
        shown=shown,
        listed=listing_reader(),
    )


def order(contract: str) -> ResponseReturnValue:
    """Show the progress of a contract: the next step of each product and its expected completion."""
    status = search.order_status(
        current_snapshot(),
        contract,
        current_portal().kinds,
        _may_read(),
        now_s(),
        own_organisation=current_operator().organisation,
    )
    return render_template(
        "console/order.html",
        order=status,
        names=_product_names(status.ordered),
        owner=lookup_organisation(status.owner),
        others=[lookup_organisation(number) for number in status.other_organisations],
    )


def _product_names(ordered: RecordView) -> dict[bytes, str]:
    """Return the product names in the contract's document by subject; empty if the portal has no key for it.

    The chain has only hashes of the names.
    """
    records, _ = open_records()
    try:
        document = records.read(ordered)
    except (NotFound, IntegrityError):
        return {}
    return {subject_id(product): product for product in document.products} if document else {}


def _may_read() -> Callable[[bytes], bool]:
    chain, address = current_portal().chain, current_operator().address
    return lambda department: chain.may_read_department(address, department)
