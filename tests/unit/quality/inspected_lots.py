"""Lots and inspections as the index returns them, with their evidence in a document store."""

from chromatrace.documents.content import InspectionEvidence, Instrument, Measurement
from chromatrace.documents.evidence import LimitComparison
from chromatrace.domain.identifiers import BatchKey
from chromatrace.domain.rights import BatchState, Stage, Verdict
from chromatrace.index.views import BatchView, EventRef, InspectionView
from chromatrace.services.quality.history import InspectedBatch

GTIN = "09521234543213"
DAY = 86_400
START = 1_767_571_200  # Monday, 2026-01-05


def event(time_s):
    return EventRef(1, bytes(32), time_s, bytes(32), 0)


def batch(lot, day, *, state=BatchState.GRADED, standard=0, defective=0, scrap=0):
    key = BatchKey.parse(GTIN, lot)
    return BatchView(
        batch_id=key.batch_id, gtin=key.gtin, lot=key.lot, producer=1, custodian=1, state=state, holds=(),
        recalled=False, recall_cause=None, recall_reason=None, quantity=100, standard=standard,
        defective=defective, scrap=scrap, channels=frozenset(), first_verdict=Verdict.PASS, final_verdict=Verdict.PASS,
        first_revision=1, final_revision=1, serial_root=None, content_digest=bytes(32), route=None, cursor=1,
        registered=event(START + day * DAY), changed=event(START + day * DAY),
    )  # fmt: skip


def inspected(
    store, lot, stage, *, verdict=Verdict.PASS, revision=1, superseded=False, defects=0, sample=10, values=None,
    overrule=None, stored=True,
):  # fmt: skip
    """Return an inspection; `values` are quantities with "value limit", which must be at least the limit."""
    measurements = [
        Measurement(name, value, "%", limit, LimitComparison.AT_LEAST, value >= limit)
        for name, (value, limit) in (values or {"optical modulation": (50, 40)}).items()
    ]
    evidence = InspectionEvidence(
        lot.gtin, lot.lot, stage, "2026-01-05T09:00:00Z", Instrument("Meter", "M-1", "2026-01-01"), (),
        tuple(measurements), None, overrule,
    )  # fmt: skip
    digest = store.put(evidence.to_bytes()) if stored else bytes(32)
    view = InspectionView(
        batch_id=lot.batch_id, stage=stage, verdict=verdict, revision=revision, superseded=superseded,
        sample_size=sample, defects=defects, instrument=bytes(32), evidence=digest, inspected_at=START,
        inspector="0x" + "11" * 20, organisation=2, recorded=event(START),
    )  # fmt: skip
    return InspectedBatch(lot, view, store)


FIRST, FINAL = Stage
PASS, FAIL = Verdict.PASS, Verdict.FAIL
