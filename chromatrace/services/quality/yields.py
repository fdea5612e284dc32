"""Yields of lots by period: first-pass yield, secondary rate, scrap rate; and defects by cause (Pareto)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from chromatrace.domain.identifiers import BatchId
from chromatrace.domain.rights import BatchState, Stage, Verdict
from chromatrace.index.views import BatchView
from chromatrace.quality.result_rules import measurement_error
from chromatrace.services.quality.history import InspectedBatch

PERIODS = ("day", "week", "month")
_GRADED = (BatchState.GRADED, BatchState.RELEASED, BatchState.SCRAPPED)


@dataclass(slots=True)
class Yield:
    """Lots and units of the lots that were registered in a period.

    start       first day, ISO date
    lots        registered lots
    decided     lots with a final verdict, or stopped by the first inspection
    first_pass  decided lots whose every stage passed at its first revision, without a person who overruled the values
    recycled    lots whose material was recycled
    graded      units of graded lots; `standard`, `defective` and `scrap` add up to it
    sampled     units measured by the first final inspections; `sample_defects`: those out of limits
    """

    start: str
    lots: int = 0
    decided: int = 0
    first_pass: int = 0
    recycled: int = 0
    graded: int = 0
    standard: int = 0
    defective: int = 0
    scrap: int = 0
    sampled: int = 0
    sample_defects: int = 0

    @property
    def first_pass_yield(self) -> float | None:
        """Share of the decided lots that passed at once; None without such lots."""
        return self.first_pass / self.decided if self.decided else None

    @property
    def secondary_rate(self) -> float | None:
        """Share of the graded units that are sold as defective; None without graded units."""
        return self.defective / self.graded if self.graded else None

    @property
    def scrap_rate(self) -> float | None:
        """Share of the graded units that are scrap; None without graded units."""
        return self.scrap / self.graded if self.graded else None

    def add(self, other: Yield) -> None:
        """Add the numbers of another period."""
        for name in NUMBERS:
            setattr(self, name, getattr(self, name) + getattr(other, name))


NUMBERS = (
    *("lots", "decided", "first_pass", "recycled", "graded", "standard", "defective", "scrap", "sampled"),
    "sample_defects",
)


@dataclass(frozen=True, slots=True)
class Cause:
    """A cause of defects. `units`: units out of limits; `cumulative`: share of this and all larger causes."""

    cause: str
    inspections: int
    units: int
    share: float
    cumulative: float


@dataclass(slots=True)
class _Lot:
    verdicts: dict[Stage, Verdict] = field(default_factory=dict)
    first_pass: bool = True


def yields(batches: Iterable[BatchView], inspected: Iterable[InspectedBatch], period: str) -> tuple[Yield, ...]:
    """Return the yields of each period in which a lot was registered, oldest first."""
    lots: dict[BatchId, _Lot] = defaultdict(_Lot)
    samples: dict[BatchId, tuple[int, int]] = {}
    for item in inspected:
        lot, inspection = lots[item.batch.batch_id], item.inspection
        lot.verdicts[inspection.stage] = inspection.verdict
        overruled = item.evidence is not None and item.evidence.overrule is not None
        if inspection.revision > 1 or inspection.verdict is not Verdict.PASS or overruled:
            lot.first_pass = False
        if inspection.stage is Stage.FINAL and inspection.revision == 1:
            samples[item.batch.batch_id] = inspection.sample_size, inspection.defects
    rows: dict[str, Yield] = {}
    for batch in batches:
        start = period_start(batch.registered.block_time, period)
        row = rows.setdefault(start, Yield(start))
        row.lots += 1
        row.recycled += batch.state is BatchState.RECYCLED
        lot = lots[batch.batch_id]
        if Stage.FINAL in lot.verdicts or lot.verdicts.get(Stage.FIRST) is Verdict.FAIL:
            row.decided += 1
            row.first_pass += lot.first_pass
        if batch.state in _GRADED and batch.standard + batch.defective + batch.scrap:
            row.graded += batch.standard + batch.defective + batch.scrap
            row.standard += batch.standard
            row.defective += batch.defective
            row.scrap += batch.scrap
        sampled, defects = samples.get(batch.batch_id, (0, 0))
        row.sampled += sampled
        row.sample_defects += defects
    return tuple(rows[start] for start in sorted(rows))


def total(rows: Sequence[Yield]) -> Yield:
    """Return the sum of all periods."""
    result = Yield(rows[0].start if rows else "")
    for row in rows:
        result.add(row)
    return result


def pareto(inspected: Iterable[InspectedBatch]) -> tuple[Cause, ...]:
    """Return the causes of the defects that the inspections in force found, the largest first.

    The cause of an inspection is the first quantity out of its limit.
    """
    inspections: dict[str, int] = defaultdict(int)
    units: dict[str, int] = defaultdict(int)
    for item in inspected:
        inspection = item.inspection
        if inspection.superseded or not (inspection.defects or inspection.verdict is Verdict.FAIL):
            continue
        cause = _cause(item)
        inspections[cause] += 1
        units[cause] += max(inspection.defects, 1)
    whole, causes, sum_ = sum(units.values()), [], 0
    for cause in sorted(units, key=lambda name: (-units[name], name)):
        sum_ += units[cause]
        causes.append(Cause(cause, inspections[cause], units[cause], units[cause] / whole, sum_ / whole))
    return tuple(causes)


def period_start(unix_s: int, period: str) -> str:
    """Return the first day (UTC, ISO date) of the period that contains a time."""
    day = datetime.fromtimestamp(unix_s, UTC).date()
    if period == "week":
        day -= timedelta(days=day.weekday())
    elif period == "month":
        day = day.replace(day=1)
    return day.isoformat()


def _cause(item: InspectedBatch) -> str:
    if item.evidence is None:
        return "evidence not stored here"
    if measurement_error(item.evidence):
        return "measurement error"
    failed = next((measured for measured in item.evidence.measurements if not measured.passed), None)
    return failed.quantity if failed is not None else "other: all values within limits"
