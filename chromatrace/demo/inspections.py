"""The inspections of the demonstration: simulated instruments measure the films that the readings describe."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from chromatrace.demo.line import Run
from chromatrace.documents.content import InspectionEvidence, Instrument
from chromatrace.documents.results import StatedFigure
from chromatrace.domain.identifiers import BatchKey, Serial
from chromatrace.domain.rights import Stage
from chromatrace.domain.serials import SerialRange
from chromatrace.plant import example_plant
from chromatrace.plant.devices.electrochromic import AUXILIARY
from chromatrace.plant.inspection import inspect

INSTRUMENTS = {
    Stage.FIRST: Instrument(
        "X-ray diffractometer, photoelectron spectrometer, electron microscope", "XL-12", "2026-03-02"
    ),
    Stage.FINAL: Instrument("Spectrophotometer with potentiostat", "SP-07", "2026-05-18"),
}


@dataclass(frozen=True, slots=True)
class SampleInspection:
    """An inspection: its evidence document, and the number of sampled units out of limits."""

    evidence: InspectionEvidence
    defects: int


def examine(stage: Stage, key: BatchKey, run: Run, serials: SerialRange, seed: int, at: datetime) -> SampleInspection:
    """Inspect a sample from the middle of the lot: one unit per hundred, at least one."""
    plant = example_plant("electrochromic")
    sheet = plant.check_sheet(stage.name.lower())
    size = sheet.sample_size(serials.count)
    middle = serials.first + serials.count // 2
    sample = tuple(SerialRange(middle, size, serials.width))
    result = inspect(plant, sheet.stage, run.readings, [serial.value for serial in sample], seed=seed)
    evidence = InspectionEvidence(
        gtin=key.gtin,
        lot=key.lot,
        stage=stage,
        inspected_at=at.isoformat(),
        instrument=INSTRUMENTS[stage],
        sample=tuple(Serial(unit.serial) for unit in result.units),
        measurements=result.measurements,
        readings=run.window,
        auxiliary=tuple(
            StatedFigure(quantity, float(f"{result.decisive.values[quantity]:.5g}"), unit, "")
            for quantity, unit in AUXILIARY.items()
            if quantity in result.decisive.values
        ),
    )
    return SampleInspection(evidence, result.defects)
