"""The origin of the batches of an order."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from chromatrace.domain.identifiers import BatchKey
from chromatrace.index import Snapshot
from chromatrace.index.views import Direction
from chromatrace.services.orders.progress import own_batches


def genealogy_report(
    snapshot: Snapshot, number: str, keys: Sequence[BatchKey], organisation: int | None
) -> dict[str, Any]:
    """Return the batches and links behind an order's batches as JSON.

    truncated  whether a limit of the index was reached
    """
    batches: dict[bytes, BatchKey] = {}
    producers: dict[bytes, int] = {}
    links: dict[tuple[bytes, bytes], int] = {}
    truncated = False
    for _, batch in own_batches(snapshot, keys, organisation):
        trace = None if batch is None else snapshot.trace(batch.batch_id, Direction.BACK)
        if trace is None:
            continue
        truncated |= trace.truncated
        for step in trace.steps:
            batches[step.batch.batch_id] = step.batch.key
            producers[step.batch.batch_id] = step.batch.producer
        links |= {(link.batch, link.input): link.quantity for link in trace.links}
    return {
        "order": number,
        "batches": [
            {"gtin": str(key.gtin), "lot": str(key.lot), "producer": producers[batch_id]}
            for batch_id, key in batches.items()
        ],
        "links": [
            {"batch": _text(batches[batch]), "input": _text(batches[used]), "quantity": quantity}
            for (batch, used), quantity in links.items()
        ],
        "truncated": truncated,
    }


def _text(key: BatchKey) -> str:
    return f"{key.gtin}/{key.lot}"
