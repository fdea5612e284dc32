"""Label sheets for batches of the operator's organisation."""

from __future__ import annotations

import re

from flask import Response, render_template, request

from app.context import current_operator, current_portal, current_snapshot
from app.franchisee.overview import batch_row
from chromatrace.documents.content import BatchContent
from chromatrace.domain.errors import InvalidInput, NotFound
from chromatrace.domain.identifiers import BatchId
from chromatrace.domain.numbers import parse_whole
from chromatrace.domain.rights import Role
from chromatrace.domain.serials import SerialRange
from chromatrace.identity.labels import label_sheet
from chromatrace.index.views import BatchView
from chromatrace.services.labelling import label_notice

MAX_LABELS = 600
"""Labels per request; limits the response time."""

_BATCH_ID = re.compile(r"[0-9a-f]{64}")


def labels(batch_id: str) -> str:
    """Show the form that selects the serials."""
    view, content, serials = _load(batch_id)
    return render_template(
        "franchisee/labels.html",
        batch=batch_row(view),
        batch_hex=batch_id,
        product=content.product.name,
        serials=serials,
        maximum=min(MAX_LABELS, serials.count),
        notice=label_notice(view.key, view),
    )


def label_sheet_pdf(batch_id: str) -> Response:
    """Return an A4 PDF of `count` labels, starting with serial number `first`."""
    view, content, serials = _load(batch_id)
    first = parse_whole(request.args.get("first", str(serials.first)), "first")
    count = parse_whole(request.args.get("count", str(min(MAX_LABELS, serials.count))), "count")
    if not 1 <= count <= MAX_LABELS:
        raise InvalidInput(
            f"count is {count}; it must be 1 to {MAX_LABELS}", field="count", hint="print several smaller sheets"
        )
    selected, config = serials.slice(first, count), current_portal().config
    sheet = label_sheet(
        config.base_url,
        view.key,
        selected,
        title=content.product.name,
        notice=label_notice(view.key, view),
        font=config.label_font,
    )
    name = f"labels-{view.gtin}-{selected.first}.pdf"
    return Response(
        sheet, mimetype="application/pdf", headers={"Content-Disposition": f'attachment; filename="{name}"'}
    )


def _load(batch_id: str) -> tuple[BatchView, BatchContent, SerialRange]:
    operator, portal = current_operator(), current_portal()
    operator.require(Role.PRODUCER, "printing labels")
    view = current_snapshot().batch(BatchId(bytes.fromhex(batch_id))) if _BATCH_ID.fullmatch(batch_id) else None
    if view is None or view.producer != operator.organisation:
        raise NotFound("your organisation has not registered this batch", field="batch")
    content = portal.batches.content(view).value
    if content is None or content.serials is None:
        raise NotFound(
            "the serials of this batch are not available here",
            field="serials",
            hint="its content document is missing, or its units have no serials",
        )
    return view, content, content.serials
