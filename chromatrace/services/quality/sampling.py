"""Acceptance sampling of a producer's lots: the state of the switching rules follows from the recorded inspections."""

from __future__ import annotations

import csv
from collections.abc import Iterable
from pathlib import Path

from chromatrace.domain.errors import InvalidInput, NotFound
from chromatrace.plant.records import Plant
from chromatrace.plant.sampling_plans import SAMPLING_PLANS
from chromatrace.quality.sampling import InspectedLot, SamplingHistory, SamplingPlan, decide
from chromatrace.services.quality.history import InspectedBatch

_COLUMNS = ("lot", "size", "sample", "nonconforming")


def sampling_plan(plant: Plant, plan_id: str) -> SamplingPlan:
    """Return a plan by its id. Raises `NotFound`."""
    plans = plant.section(SAMPLING_PLANS)
    for plan in plans:
        if plan.id == plan_id:
            return plan
    known = ", ".join(plan.id for plan in plans) or "none"
    raise NotFound(f"{plant.name} has no sampling plan {plan_id!r}", field="plan", hint=f"known plans: {known}")


def sampling_history(plan: SamplingPlan, inspected: Iterable[InspectedBatch]) -> SamplingHistory:
    """Apply a plan to the recorded inspections in their order. Only the first inspection of a lot counts."""
    return decide(
        plan,
        (
            InspectedLot(item.name, item.batch.quantity, item.inspection.sample_size, item.inspection.defects)
            for item in inspected
            if item.inspection.revision == 1
            and plan.covers(item.batch.gtin, item.inspection.stage.name.lower())
            and 0 < item.inspection.sample_size <= item.batch.quantity
        ),
    )


def read_lots(path: Path) -> list[InspectedLot]:
    """Read lots from a CSV file with the columns lot, size, sample and nonconforming. Raises `InvalidInput`."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file, strict=True)
            missing = [name for name in _COLUMNS if name not in (reader.fieldnames or ())]
            if missing:
                raise InvalidInput(f"{path} has no column {missing[0]!r}", field="history")
            return [_lot(row, f"{path}, line {reader.line_num}") for row in reader]
    except (UnicodeDecodeError, csv.Error) as error:
        raise InvalidInput(f"{path} is not a CSV file in UTF-8: {error}", field="history") from error


def _lot(row: dict[str, str | None], where: str) -> InspectedLot:
    numbers = {}
    for name in _COLUMNS[1:]:
        text = (row[name] or "").strip()
        if not text.isascii() or not text.isdigit() or len(text) > 9:
            raise InvalidInput(f"{where}: {name} is {text!r}; expected a whole number", field="history")
        numbers[name] = int(text)
    try:
        return InspectedLot((row["lot"] or "").strip(), **numbers)
    except InvalidInput as error:
        raise InvalidInput(f"{where}: {error.message}", field="history") from error
