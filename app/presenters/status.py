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
        return _released(batch)
    return _BY_STATE.get(batch.state, UNKNOWN_BATCH)


GRADE_NOT_RECORDED = "The grade of a single unit is not recorded."
"""The chain has the number of units of each grade, not the grade of each unit."""


def _released(batch: BatchView) -> BatchStatus:
    channels = batch.channels
    if channels == {SalesChannel.STANDARD}:
        released = f"{batch.standard:,} of {batch.quantity:,} units for sale"
        code, tone, headline = "released", StatusTone.CLEAR, "Released for sale"
    elif channels == {SalesChannel.DEFECTIVE}:
        released = f"{batch.defective:,} of {batch.quantity:,} units, which have a known defect, for sale at a discount"
        code, tone, headline = "released-defective", StatusTone.CAUTION, "Released at a discount"
    else:
        released = (
            f"{batch.standard:,} of {batch.quantity:,} units for sale, and {batch.defective:,} units with a known "
            "defect at a discount"
        )
        code, tone, headline = "released-mixed", StatusTone.CLEAR, "Released for sale"
    explanation = f"Both inspections are on record. The producer released {released}. {GRADE_NOT_RECORDED}"
    return BatchStatus(code, tone, headline, explanation)


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
