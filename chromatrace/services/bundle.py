"""Build the proof bundle of a batch or unit from the index, the node, the document store and the spool."""

from __future__ import annotations

from collections.abc import Iterator

from chromatrace.crypto.route import RouteTrace
from chromatrace.documents.content import BatchContent, InspectionEvidence, ReadingWindow
from chromatrace.domain.errors import NotFound
from chromatrace.domain.identifiers import BatchKey, Serial
from chromatrace.exchange.bundle import Bundle, CitedReading
from chromatrace.exchange.collect import collect
from chromatrace.exchange.units import unit_proof
from chromatrace.exchange.verifier import verify
from chromatrace.index import Follower, Snapshot
from chromatrace.index.views import AnchorView, BatchView
from chromatrace.services.workspace import Workspace
from chromatrace.storage.strict_json import Digest, Hex

READINGS_PER_WINDOW = 8
"""Readings of each inspection's window in a bundle, evenly spaced; `log verify` proves any other reading."""


def build_bundle(
    workspace: Workspace, key: BatchKey, serial: Serial | None = None, trace: RouteTrace | None = None
) -> Bundle:
    """Return the proof bundle of a batch or unit at the newest block. Raises `NotFound`.

    trace  the signed steps of the batch's route; adds the stations' records to the bundle
    """
    with workspace.index.snapshot() as snapshot:
        bundle = _build(workspace, snapshot, key, serial, trace)
    if verify(bundle).failures:
        # The chain has grown between the query of the index and the proof of the state. Sync and try once more.
        Follower(workspace.index, workspace.rpc, workspace.manifest).sync()
        with workspace.index.snapshot() as snapshot:
            bundle = _build(workspace, snapshot, key, serial, trace)
    return bundle


def _build(
    workspace: Workspace, snapshot: Snapshot, key: BatchKey, serial: Serial | None, trace: RouteTrace | None
) -> Bundle:
    batch = snapshot.registered_batch(key)
    content = _document(workspace, batch.content_digest)
    evidence = [_document(workspace, inspection.evidence) for inspection in snapshot.inspections(batch.batch_id)]
    documents = [document for document in [content, *evidence] if document is not None]
    windows = list(dict.fromkeys(_anchored_windows(snapshot, evidence)))
    serials = BatchContent.from_bytes(content).serials if content else None
    anchors = [anchor for anchor, _ in windows] + list(_step_anchors(snapshot, trace))
    readings = [reading for anchor, window in windows for reading in _readings(workspace, anchor, window)]
    return collect(
        workspace.rpc,
        chain_id=workspace.manifest.chain_id,
        contracts={name: bytes.fromhex(entry.address[2:]) for name, entry in workspace.manifest.contracts.items()},
        key=key,
        serial=serial,
        transactions=_transactions(snapshot, batch, anchors),
        documents=dict.fromkeys(documents),
        readings=dict.fromkeys(readings),
        unit=unit_proof(serials, serial) if serial is not None and serials is not None else None,
        route=batch.route,
        trace=trace,
    )


def _document(workspace: Workspace, digest: bytes) -> bytes | None:
    try:
        return workspace.documents.get(digest)
    except NotFound:
        return None


def _anchored_windows(snapshot: Snapshot, evidence: list[bytes | None]) -> Iterator[tuple[AnchorView, ReadingWindow]]:
    """Yield the windows of readings that the evidence names, with their anchors."""
    for document in evidence:
        window = InspectionEvidence.from_bytes(document).readings if document is not None else None
        owner = snapshot.organisation_of_gln(window.organisation) if window is not None else None
        if window is None or owner is None:
            continue
        channel = snapshot.channel_by_name(owner.id, window.channel)
        anchor = snapshot.anchor_at(channel.id, window.tree_size, window.root) if channel is not None else None
        if anchor is not None:
            yield anchor, window


def _step_anchors(snapshot: Snapshot, trace: RouteTrace | None) -> Iterator[AnchorView]:
    """Yield the anchors of the logs that the stations' records name."""
    for step in trace.steps if trace is not None else ():
        if step.record is not None and step.record.log_size:
            anchor = snapshot.anchor_at(step.record.channel, step.record.log_size)
            if anchor is not None:
                yield anchor


def _transactions(snapshot: Snapshot, batch: BatchView, anchors: list[AnchorView]) -> Iterator[bytes]:
    """Yield the transactions whose events the bundle proves: those of the batch, its inputs, parties and anchors."""
    parties = {batch.producer, batch.custodian}
    yield from (event.tx_hash for event in snapshot.timeline(batch.batch_id))
    for input_ in snapshot.inputs_of(batch.batch_id):
        source = snapshot.batch(input_.batch)
        if source is not None:
            yield source.registered.tx_hash
    for inspection in snapshot.inspections(batch.batch_id):
        parties.add(inspection.organisation)
        inspector = snapshot.operator(inspection.inspector)
        if inspector is not None:
            yield inspector.changed.tx_hash
    for licence in snapshot.licences(batch.producer):
        if licence.prefix.covers(batch.gtin):
            yield licence.changed.tx_hash
    for accreditation in snapshot.accreditations():
        accreditors, lines = (None, batch.producer), (None, batch.gtin)
        if accreditation.body in parties and accreditation.accreditor in accreditors and accreditation.gtin in lines:
            yield accreditation.changed.tx_hash
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
        while channel is not None and channel.predecessor is not None:
            yield channel.opened.tx_hash
            channel = snapshot.channel(channel.predecessor)
    for number in parties:
        organisation = snapshot.organisation(number)
        if organisation is not None:
            yield organisation.registered.tx_hash


def _readings(workspace: Workspace, anchor: AnchorView, window: ReadingWindow) -> Iterator[CitedReading]:
    """Yield readings at evenly spaced indexes of a window, if the spool has them."""
    if workspace.spool.size(window.channel) < window.tree_size:
        return
    log = workspace.proofs.log(window.channel)
    span, last = window.last_leaf - window.first_leaf, READINGS_PER_WINDOW - 1
    for index in dict.fromkeys(window.first_leaf + span * number // last for number in range(READINGS_PER_WINDOW)):
        path = tuple(map(Digest, log.inclusion_proof(index, window.tree_size)))
        entry = Hex(workspace.spool.log_entry(window.channel, index))
        yield CitedReading(Digest(anchor.channel_id), entry, index, window.tree_size, path)
