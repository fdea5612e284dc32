"""Quality figures of a producer over time: yields, defects by cause, capability; as JSON, CSV tables and plots."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np

from chromatrace.documents.store import DocumentStore
from chromatrace.domain.errors import InvalidInput
from chromatrace.index import Snapshot
from chromatrace.index.views import BatchView
from chromatrace.instruments import Curve
from chromatrace.plant.records import Plant
from chromatrace.plant.sampling_plans import SAMPLING_PLANS
from chromatrace.quality.sampling import SamplingHistory, SamplingPlan
from chromatrace.services.drawing.plot import DATE, WIDTH, plot_svg
from chromatrace.services.quality.capabilities import Readings, TagCapability, capabilities
from chromatrace.services.quality.history import END_S, inspected_batches
from chromatrace.services.quality.sampling import sampling_history
from chromatrace.services.quality.yields import NUMBERS, Cause, Yield, pareto, total, yields

TABLES = ("yield", "pareto", "capability", "sampling")
PLOTS = ("yield", "capability")
_PAGE = 1000
_EPOCH = date(1970, 1, 1).toordinal()


@dataclass(frozen=True, slots=True)
class QualityReport:
    """The figures of a period. `sampling` has the state of each plan, over all lots, not only those of the period."""

    period: str
    yields: tuple[Yield, ...]
    causes: tuple[Cause, ...]
    capabilities: tuple[TagCapability, ...]
    sampling: tuple[tuple[SamplingPlan, SamplingHistory], ...]

    @property
    def total(self) -> Yield:
        """The yields of all periods together."""
        return total(self.yields)

    def as_json(self) -> dict[str, Any]:
        """Return the JSON form."""
        return {"period": self.period, "total": _yield_json(self.total)} | {
            name: [dict(zip(header, row, strict=True)) for row in rows]
            for name in TABLES
            for header, rows in [self.table(name)]
        }

    def table(self, name: str) -> tuple[tuple[str, ...], list[tuple[Any, ...]]]:
        """Return header and rows of one of `TABLES`."""
        if name == "yield":
            header = tuple(_yield_json(Yield("")))
            return header, [tuple(_yield_json(row).values()) for row in self.yields]
        if name == "pareto":
            header = ("cause", "inspections", "units", "share", "cumulative")
            return header, [tuple(getattr(cause, field) for field in header) for cause in self.causes]
        if name == "capability":
            header = ("lot", "time_s", "tag", "unit", "readings", "mean", "sigma", "low", "high", "cp", "cpk")
            return header, [tuple(getattr(row, field) for field in header) for row in self.capabilities]
        if name == "sampling":
            header = ("plan", "severity", "stopped", "reason", "lots", "rejected", "undecided")
            return header, [_sampling_row(plan, history) for plan, history in self.sampling]
        raise InvalidInput(f"{name!r} is not one of {', '.join(TABLES)}", field="table")

    def csv(self, name: str) -> str:
        """Return a table as CSV. A text that a spreadsheet would run as a formula gets an apostrophe."""
        header, rows = self.table(name)
        output = io.StringIO()
        writer = csv.writer(output)
        writer.writerow(header)
        writer.writerows([_cell(value) for value in row] for row in rows)
        return output.getvalue()

    def has_plot(self, name: str) -> bool:
        """Return whether there is something to draw."""
        return bool(self._curves(name))

    def plot(self, name: str, width: int = WIDTH) -> str:
        """Return one of `PLOTS` as SVG. Raises `InvalidInput` if there is nothing to draw."""
        curves = self._curves(name)
        if not curves:
            raise InvalidInput(f"there is nothing to draw: {name!r:.40}", field="plot")
        return plot_svg(curves, width)

    def _curves(self, name: str) -> list[Curve]:
        if name not in PLOTS:
            raise InvalidInput(f"{name!r:.40} is not one of {', '.join(PLOTS)}", field="plot")
        return list(self._yield_curves() if name == "yield" else self._capability_curves())

    def _yield_curves(self) -> Iterator[Curve]:
        for name, axis in (
            ("first_pass_yield", "first-pass yield [%]"),
            ("secondary_rate", "share of units [%]"),
            ("scrap_rate", "share of units [%]"),
        ):
            rates = [(_days(row.start), getattr(row, name)) for row in self.yields]
            points = [(day, rate * 100) for day, rate in rates if rate is not None]
            if len(points) > 1:
                yield _curve(name.replace("_", " ").replace("first pass", "first-pass"), axis, points)

    def _capability_curves(self) -> Iterator[Curve]:
        for tag in dict.fromkeys(row.tag for row in self.capabilities):
            points = [(_EPOCH + row.time_s / 86_400, row.cpk) for row in self.capabilities if row.tag == tag]
            if len(points) > 1:
                yield _curve(tag, "Cpk", points)


def quality_report(
    snapshot: Snapshot,
    documents: DocumentStore,
    readings: Readings,
    plant: Plant,
    producer: int,
    *,
    from_s: int = 0,
    to_s: int = END_S,
    period: str = "week",
    windows: int = 50,
) -> QualityReport:
    """Return the figures of a producer's lots that were registered or inspected from `from_s` to before `to_s`.

    windows  maximum number of evidence windows for the capability: the newest ones
    """
    if from_s >= to_s:
        raise InvalidInput("the period ends before it begins", field="from")
    inspected = inspected_batches(snapshot, documents, producer)
    inside = [item for item in inspected if from_s <= item.inspection.inspected_at < to_s]
    batches = [batch for batch in _batches(snapshot, producer) if from_s <= batch.registered.block_time < to_s]
    registered = {batch.batch_id for batch in batches}
    return QualityReport(
        period,
        yields(batches, [item for item in inspected if item.batch.batch_id in registered], period),
        pareto(inside),
        capabilities(readings, plant, inside, windows),
        tuple((plan, sampling_history(plan, inspected)) for plan in plant.section(SAMPLING_PLANS)),
    )


def _batches(snapshot: Snapshot, producer: int) -> Iterator[BatchView]:
    after: int | None = None
    while True:
        page = snapshot.batches(producer=producer, limit=_PAGE, after=after)
        yield from page
        if len(page) < _PAGE:
            return
        after = page[-1].cursor


def _yield_json(row: Yield) -> dict[str, Any]:
    facts: dict[str, Any] = {"start": row.start}
    facts |= {name: getattr(row, name) for name in NUMBERS}
    rates = {name: getattr(row, name) for name in ("first_pass_yield", "secondary_rate", "scrap_rate")}
    return facts | rates


def _sampling_row(plan: SamplingPlan, history: SamplingHistory) -> tuple[Any, ...]:
    decided = [decision.accepted for decision in history.decisions]
    state = history.state
    counts = len(decided), decided.count(False), decided.count(None)
    return (plan.id, state.severity.value, state.stopped, state.reason, *counts)


def _curve(name: str, y_label: str, points: Sequence[tuple[float, float]]) -> Curve:
    x, y = np.array(points).T
    return Curve(name, DATE, y_label, x, y)


def _days(iso_date: str) -> float:
    return float(date.fromisoformat(iso_date).toordinal())


def _cell(value: Any) -> Any:
    return f"'{value}" if isinstance(value, str) and value[:1] in ("=", "+", "-", "@", "\t", "\r") else value
