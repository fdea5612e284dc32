"""Gathers what a proof bundle cites: the batch's events, its parties, its documents, a few of its readings."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from chromatrace.documents.content import BatchContent, InspectionEvidence, ReadingWindow
from chromatrace.domain.errors import NotFound
from chromatrace.domain.identifiers import BatchKey, Serial
from chromatrace.services.workspace import Workspace

if TYPE_CHECKING:
    from chromatrace.crypto.route import RouteTrace
    from chromatrace.exchange.bundle import Bundle, CitedReading
    from chromatrace.index import Snapshot
    from chromatrace.index.views import AnchorView, BatchView

CITED_READINGS = 8
"""Readings of each inspection's window that a bundle holds, spread evenly; `verify reading` shows any other."""


def bundle_of(
    workspace: Workspace, key: BatchKey, serial: Serial | None = None, trace: RouteTrace | None = None
) -> Bundle:
    """The proof bundle of a batch or unit, as of the newest block; `trace` has the records of its route's stations."""
    from chromatrace.exchange.verifier import verify
    from chromatrace.index import Follower

    with workspace.index.snapshot() as snapshot:
        made = _collected(workspace, snapshot, key, serial, trace)
    if verify(made).failures:
        # Something has happened between reading the index and reading the state: once more, from where we are now.
        Follower(workspace.index, workspace.rpc, workspace.manifest).sync()
        with workspace.index.snapshot() as snapshot:
            made = _collected(workspace, snapshot, key, serial, trace)
    return made


def _collected(
    workspace: Workspace, snapshot: Snapshot, key: BatchKey, serial: Serial | None, trace: RouteTrace | None
) -> Bundle:
    from chromatrace.exchange.collect import collect
    from chromatrace.exchange.units import unit_proof

    batch = snapshot.registered_batch(key)
    content = _document(workspace, batch.content_digest)
    evidence = [_document(workspace, found.evidence) for found in snapshot.inspections(batch.batch_id)]
    documents = [document for document in [content, *evidence] if document is not None]
    anchors = list(dict.fromkeys(_anchors(snapshot, evidence)))
    serials = BatchContent.from_bytes(content).serials if content else None
    cited = [anchor for anchor, _ in anchors] + list(_heads(snapshot, trace))
    return collect(
        workspace.rpc,
        chain_id=workspace.manifest.chain_id,
        contracts={name: bytes.fromhex(entry.address[2:]) for name, entry in workspace.manifest.contracts.items()},
        key=key,
        serial=serial,
        transactions=_transactions(snapshot, batch, cited),
        documents=dict.fromkeys(documents),
        readings=dict.fromkeys(cited for anchor, window in anchors for cited in _readings(workspace, anchor, window)),
        unit=unit_proof(serials, serial) if serial is not None and serials is not None else None,
        route=batch.route,
        trace=trace,
    )


def _document(workspace: Workspace, digest: bytes) -> bytes | None:
    try:
        return workspace.documents.get(digest)
    except NotFound:
        return None


def _anchors(snapshot: Snapshot, evidence: list[bytes | None]) -> Iterator[tuple[AnchorView, ReadingWindow]]:
    for document in evidence:
        window = InspectionEvidence.from_bytes(document).readings if document is not None else None
        owner = snapshot.organisation_of_gln(window.organisation) if window is not None else None
        if window is None or owner is None:
            continue
        channel = snapshot.channel_by_name(owner.id, window.channel)
        anchor = snapshot.anchor_covering(channel.id, window.last_leaf) if channel is not None else None
        if anchor is not None and (anchor.size, anchor.root) == (window.tree_size, window.root):
            yield anchor, window


def _heads(snapshot: Snapshot, trace: RouteTrace | None) -> Iterator[AnchorView]:
    """The anchors of the logs that the stations' records name."""
    for step in trace.steps if trace is not None else ():
        if step.record is not None and step.record.log_size:
            found = snapshot.anchor_covering(step.record.channel, step.record.log_size - 1)
            if found is not None and found.size == step.record.log_size:
                yield found


def _transactions(snapshot: Snapshot, batch: BatchView, anchors: list[AnchorView]) -> Iterator[bytes]:
    parties = {batch.producer, batch.custodian}
    yield from (event.tx_hash for event in snapshot.timeline(batch.batch_id))
    for input_batch in snapshot.inputs_of(batch.batch_id):
        found = snapshot.batch(input_batch.batch)
        if found is not None:
            yield found.registered.tx_hash
    for inspection in snapshot.inspections(batch.batch_id):
        parties.add(inspection.organisation)
        inspector = snapshot.operator(inspection.inspector)
        if inspector is not None:
            yield inspector.changed.tx_hash
    for event in snapshot.route_events(batch.route) if batch.route is not None else ():
        yield event.tx_hash
        number = event.args.get("organisation")
        if isinstance(number, int):
            parties.add(number)
    for anchor in anchors:
        yield anchor.anchored.tx_hash
        channel = snapshot.channel(anchor.channel_id)
        if channel is not None:
            parties.add(channel.organisation)
    for number in parties:
        organisation = snapshot.organisation(number)
        if organisation is not None:
            yield organisation.registered.tx_hash


def _readings(workspace: Workspace, anchor: AnchorView, window: ReadingWindow) -> Iterator[CitedReading]:
    from chromatrace.exchange.bundle import CitedReading
    from chromatrace.merkle.entry import encode_reading

    if workspace.spool.size(window.channel) < window.tree_size:
        return
    log = workspace.proofs.log(window.channel)
    span, last = window.last_leaf - window.first_leaf, CITED_READINGS - 1
    for place in dict.fromkeys(window.first_leaf + span * number // last for number in range(CITED_READINGS)):
        reading = next(iter(workspace.spool.entries(window.channel, place, place + 1)))
        path = tuple(log.inclusion_proof(place, window.tree_size))
        yield CitedReading(anchor.channel_id, encode_reading(reading), place, window.tree_size, path)
