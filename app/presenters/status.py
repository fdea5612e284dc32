"""The status of a batch in plain language."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from chromatrace.domain.rights import BatchState, SalesChannel, Verdict
from chromatrace.index.views import BatchView


class StatusTone(StrEnum):
    """Severity of a status. The value is also its CSS class."""

    CLEAR = "clear"
    PROGRESS = "progress"
    CAUTION = "caution"
    ALARM = "alarm"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class BatchStatus:
    """`code` is the machine-readable status; `reason` is the text recorded on the chain."""

    code: str
    tone: StatusTone
    headline: str
    explanation: str
    reason: str | None = None

    def as_dict(self) -> dict[str, object]:
        """Return the members that the JSON API publishes."""
        return {"status": self.code, "headline": self.headline, "explanation": self.explanation, "reason": self.reason}


@dataclass(frozen=True, slots=True)
class ProgressStage:
    """One of the five stages in the progress bar of a batch."""

    label: str
    reached: bool
    failed: bool = False


UNKNOWN_BATCH = BatchStatus(
    "unknown",
    StatusTone.UNKNOWN,
    "Unknown batch",
    "No member of this consortium has registered a batch with this GTIN and lot. The code may be mistyped or false.",
)

_BY_STATE: dict[BatchState, BatchStatus] = {
    BatchState.REGISTERED: BatchStatus(
        "registered",
        StatusTone.PROGRESS,
        "In production",
        "The batch is registered and awaits its first inspection. It is not yet for sale.",
    ),
    BatchState.FIRST_PASSED: BatchStatus(
        "first-inspection-passed",
        StatusTone.PROGRESS,
        "In production",
        "The first inspection passed and the units are being assembled. The batch is not yet for sale.",
    ),
    BatchState.STOPPED: BatchStatus(
        "stopped",
        StatusTone.ALARM,
        "Stopped",
        "The first inspection failed and production stopped. No unit of this batch should be on sale.",
    ),
    BatchState.RECYCLED: BatchStatus(
        "recycled",
        StatusTone.ALARM,
        "Recycled",
        "The first inspection failed and the material was recycled. No unit of this batch should exist.",
    ),
    BatchState.ASSEMBLED: BatchStatus(
        "assembled",
        StatusTone.PROGRESS,
        "In production",
        "The units are assembled but not yet graded. The batch is not yet for sale.",
    ),
    BatchState.GRADED: BatchStatus(
        "graded",
        StatusTone.PROGRESS,
        "Inspected and graded",
        "The inspections are complete and the units are graded. The batch is not yet released for sale.",
    ),
    BatchState.SCRAPPED: BatchStatus(
        "scrapped",
        StatusTone.ALARM,
        "Scrapped",
        "The whole batch was scrapped after inspection. No unit of this batch should be on sale.",
    ),
}


def batch_status(batch: BatchView) -> BatchStatus:
    """Return the status to show first. A recall takes precedence over a hold, and a hold over the state."""
    if batch.recalled:
        inherited = batch.recall_cause not in (None, batch.batch_id)
        cause = " It was made from another recalled batch." if inherited else ""
        return BatchStatus(
            "recalled",
            StatusTone.ALARM,
            "Recalled",
            f"This batch has been recalled. Do not use, sell or install it. Return it to the seller.{cause}",
            batch.recall_reason,
        )
    if batch.on_hold:
        return BatchStatus(
            "on-hold",
            StatusTone.CAUTION,
            "On hold",
            "This batch is under review. It must not be sold, shipped or installed until the review is complete.",
            batch.hold_reason,
        )
    if batch.state is BatchState.RELEASED:
        return _released(batch.channels)
    return _BY_STATE.get(batch.state, UNKNOWN_BATCH)


def _released(channels: frozenset[SalesChannel]) -> BatchStatus:
    released = "Both inspections are on record and the producer released"
    if channels == {SalesChannel.STANDARD}:
        explanation = f"{released} the batch as first quality."
        return BatchStatus("released", StatusTone.CLEAR, "Released for sale", explanation)
    if channels == {SalesChannel.DEFECTIVE}:
        explanation = f"{released} the batch as second quality. It has a known defect and is sold at a discount."
        return BatchStatus("released-defective", StatusTone.CAUTION, "Released as second quality", explanation)
    return BatchStatus(
        "released-mixed",
        StatusTone.CLEAR,
        "Released for sale",
        f"{released} part of the batch as first quality and part as second quality, at a discount. "
        "The label of each unit states its quality.",
    )


def batch_progress(batch: BatchView) -> tuple[ProgressStage, ...]:
    """Return the five stages of a batch in order."""
    state = batch.state
    inspected = batch.first_verdict is not Verdict.NONE
    assembled = state in (BatchState.ASSEMBLED, BatchState.GRADED, BatchState.SCRAPPED, BatchState.RELEASED)
    return (
        ProgressStage("Registered", state is not BatchState.UNKNOWN),
        ProgressStage("First inspection", inspected, batch.first_verdict is Verdict.FAIL),
        ProgressStage("Assembled", assembled),
        ProgressStage("Final inspection", batch.final_verdict is not Verdict.NONE, batch.final_verdict is Verdict.FAIL),
        ProgressStage("Released", state is BatchState.RELEASED),
    )
