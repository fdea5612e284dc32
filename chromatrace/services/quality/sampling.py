"""Acceptance sampling of a producer's lots: the state of the switching rules follows from the recorded inspections."""

from __future__ import annotations

import csv
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from chromatrace.chain import reads
from chromatrace.domain.errors import InvalidInput, NotFound
from chromatrace.domain.identifiers import BatchKey
from chromatrace.domain.rights import Verdict
from chromatrace.plant.records import Plant
from chromatrace.plant.sampling_plans import SAMPLING_PLANS
from chromatrace.quality.sampling import InspectedLot, SamplingHistory, SamplingPlan, Severity, SinglePlan, decide
from chromatrace.services.quality.history import InspectedBatch, inspected_batches
from chromatrace.services.workspace import Workspace


@dataclass(frozen=True, slots=True)
class LotSampling:
    """The sampling of one lot: id of the plan, severity, and sample size with its numbers."""

    plan: str
    severity: Severity
    required: SinglePlan

    def check(self, sample_size: int, defects: int, verdict: Verdict, overrule: str | None) -> None:
        """Check a result before it is signed. Raises `InvalidInput` that names the option.

        A person may overrule the number of defects with a reason, but not the sample size.
        """
        if sample_size < self.required.sample:
            raise InvalidInput(
                f"the sample has {sample_size} units; sampling plan {self.plan} requires {self.required.sample} "
                f"({self.severity} inspection)",
                field="sample_size",
            )
        if verdict is Verdict.PASS and defects >= self.required.reject and overrule is None:
            raise InvalidInput(
                f"{defects} units are out of limits; sampling plan {self.plan} rejects the lot at "
                f"{self.required.reject} ({self.severity} inspection)",
                field="defects",
                hint="sign the verdict fail, or give a reason with --overrule",
            )


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


def required_plan(workspace: Workspace, plant: Plant, key: BatchKey, stage: str) -> LotSampling | None:
    """Return what a sampling plan of the plant requires for a batch; None if no plan is for it.

    The severity follows from the inspections of the producer's earlier lots. An unknown batch has normal inspection.
    """
    plan = next((plan for plan in plant.section(SAMPLING_PLANS) if plan.covers(key.gtin, stage)), None)
    if plan is None:
        return None
    quantity = workspace.reader.read(reads.batch(key.batch_id)).quantity
    severity = Severity.NORMAL
    with workspace.index.snapshot() as snapshot:
        batch = snapshot.batch_by_key(key)
        if batch is not None:
            earlier = [
                item
                for item in inspected_batches(snapshot, workspace.documents, batch.producer)
                if item.batch.batch_id != batch.batch_id
            ]
            severity = sampling_history(plan, earlier).state.severity
    return LotSampling(plan.id, severity, plan.for_lot(max(quantity, 1), severity))


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
