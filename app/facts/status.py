"""A batch's state in plain words: what a person who holds the thing should make of it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from chromatrace.domain.rights import BatchState, SalesChannel, Verdict
from chromatrace.index.views import BatchView


class Tone(StrEnum):
    """How loud a status is; also its CSS class."""

    CLEAR = "clear"
    PROGRESS = "progress"
    CAUTION = "caution"
    ALARM = "alarm"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Status:
    """`word` for machines, `headline` and `explanation` for people, `reason` as the chain has it."""

    word: str
    tone: Tone
    headline: str
    explanation: str
    reason: str | None = None

    def as_dict(self) -> dict[str, object]:
        return {"status": self.word, "headline": self.headline, "explanation": self.explanation, "reason": self.reason}


@dataclass(frozen=True, slots=True)
class Stop:
    """One pane of the strip that darkens as a batch goes through its life."""

    label: str
    reached: bool
    failed: bool = False


UNKNOWN_BATCH = Status(
    "unknown",
    Tone.UNKNOWN,
    "Unknown",
    "No member of this consortium has registered a batch under this code. It may be mistyped, or made up.",
)

_PLAIN: dict[BatchState, tuple[str, Tone, str, str]] = {
    BatchState.REGISTERED: (
        "registered",
        Tone.PROGRESS,
        "In production",
        "The batch is registered and waits for its first inspection. It is not for sale yet.",
    ),
    BatchState.FIRST_PASSED: (
        "first-inspection-passed",
        Tone.PROGRESS,
        "In production",
        "The first inspection passed; the units are being assembled. The batch is not for sale yet.",
    ),
    BatchState.STOPPED: (
        "stopped",
        Tone.ALARM,
        "Stopped",
        "The first inspection failed, so this batch went no further. No unit of it should be on sale.",
    ),
    BatchState.RECYCLED: (
        "recycled",
        Tone.ALARM,
        "Recycled",
        "The first inspection failed and the material was recycled. No unit of this batch should exist.",
    ),
    BatchState.ASSEMBLED: (
        "assembled",
        Tone.PROGRESS,
        "In production",
        "The units are assembled and not graded yet. The batch is not for sale yet.",
    ),
    BatchState.GRADED: (
        "graded",
        Tone.PROGRESS,
        "Inspected and graded",
        "Inspections are done and the units are sorted by quality. The batch is not released for sale yet.",
    ),
    BatchState.SCRAPPED: (
        "scrapped",
        Tone.ALARM,
        "Scrapped",
        "The whole batch was scrapped after inspection. No unit of it should be on sale.",
    ),
}


def status_of(batch: BatchView) -> Status:
    """The one thing to say first. A recall outranks a hold, a hold everything else."""
    if batch.recalled:
        origin = batch.recall_cause in (None, batch.batch_id)
        cause = "" if origin else " It was made from another batch that is recalled."
        return Status(
            "recalled",
            Tone.ALARM,
            "Recalled",
            f"This batch has been recalled. Do not use, sell or install it; ask the seller to take it back.{cause}",
            batch.recall_reason,
        )
    if batch.on_hold:
        return Status(
            "on-hold",
            Tone.CAUTION,
            "On hold",
            "A question about this batch is open. Until it is answered nothing may happen to it.",
            batch.hold_reason,
        )
    if batch.state is BatchState.RELEASED:
        return _released(batch.channels)
    plain = _PLAIN.get(batch.state)
    return Status(*plain) if plain else UNKNOWN_BATCH


def _released(channels: frozenset[SalesChannel]) -> Status:
    both = "Both inspections are on record, and its producer released it"
    if channels == {SalesChannel.STANDARD}:
        return Status("released", Tone.CLEAR, "Released for sale", f"{both} as first quality.")
    if channels == {SalesChannel.DEFECTIVE}:
        explanation = f"{both} as second quality: it has a known defect and is sold at a discount."
        return Status("released-defective", Tone.CAUTION, "Released as second quality", explanation)
    return Status(
        "released-mixed",
        Tone.CLEAR,
        "Released for sale",
        f"{both}: part of it as first quality, part as second quality at a discount. Which of the two a unit is "
        "stands on its label, not here.",
    )


def stops_of(batch: BatchView) -> tuple[Stop, ...]:
    """The five stations of a life, in order."""
    state = batch.state
    after_first = batch.first_verdict is not Verdict.NONE
    assembled = state in (BatchState.ASSEMBLED, BatchState.GRADED, BatchState.SCRAPPED, BatchState.RELEASED)
    return (
        Stop("Registered", state is not BatchState.UNKNOWN),
        Stop("First inspection", after_first, batch.first_verdict is Verdict.FAIL),
        Stop("Assembled", assembled),
        Stop("Final inspection", batch.final_verdict is not Verdict.NONE, batch.final_verdict is Verdict.FAIL),
        Stop("Released", state is BatchState.RELEASED),
    )
