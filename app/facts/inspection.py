"""Inspection results in plain words, each measurement beside its limit."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from app.facts.consensus import Decision
from app.facts.documents import CheckedDocument
from app.facts.notation import formula_words, unit_words
from app.facts.parties import Party
from app.facts.window import WindowFacts
from chromatrace.documents.content import InspectionEvidence, LimitComparison, Measurement
from chromatrace.domain.rights import Stage, Verdict
from chromatrace.index.views import InspectionView

_LIMIT_WORDS = {
    LimitComparison.AT_LEAST: "at least",
    LimitComparison.AT_MOST: "at most",
    LimitComparison.ABOVE: "more than",
    LimitComparison.BELOW: "less than",
}

STAGE_TITLES = {Stage.FIRST: "First inspection", Stage.FINAL: "Final inspection"}
STAGE_PURPOSES = {
    Stage.FIRST: "Before assembly: is what was made fit to be built into a product?",
    Stage.FINAL: "After assembly: does the finished product do what it should?",
}


def number_words(value: float) -> str:
    """A measured number without noise: at most four significant digits, no exponent for everyday sizes."""
    if value != 0 and not 1e-3 <= abs(value) < 1e6:
        return f"{value:.3g}"
    return f"{value:,.0f}" if value == int(value) or abs(value) >= 1000 else f"{value:.4g}"


def _with_unit(value: float, unit: str) -> str:
    return f"{number_words(value)} {unit_words(unit)}".strip()


@dataclass(frozen=True, slots=True)
class MeasurementFacts:
    """One measurement as a page shows it; `upper` where the same quantity has an upper limit beside the lower one."""

    measurement: Measurement
    upper: Measurement | None = None

    @property
    def quantity(self) -> str:
        name = self.measurement.quantity
        return formula_words(name[:1].upper() + name[1:])

    @property
    def value(self) -> str:
        return number_words(self.measurement.value)

    @property
    def unit(self) -> str:
        return unit_words(self.measurement.unit)

    @property
    def limit(self) -> str:
        unit = self.measurement.unit
        if self.upper is not None:
            return f"{number_words(self.measurement.limit)} to {_with_unit(self.upper.limit, unit)}"
        return f"{_LIMIT_WORDS[self.measurement.comparison]} {_with_unit(self.measurement.limit, unit)}"

    @property
    def passed(self) -> bool:
        return self.measurement.passed and (self.upper is None or self.upper.passed)

    @property
    def criterion(self) -> str | None:
        return self.measurement.criterion and formula_words(self.measurement.criterion)


def measurement_facts(measurements: Iterable[Measurement]) -> tuple[MeasurementFacts, ...]:
    """One row for each; a lower and an upper limit of the same value that follow each other share one."""
    rows: list[MeasurementFacts] = []
    for item in measurements:
        if rows and rows[-1].upper is None and _is_range(rows[-1].measurement, item):
            rows[-1] = MeasurementFacts(rows[-1].measurement, item)
        else:
            rows.append(MeasurementFacts(item))
    return tuple(rows)


def _is_range(lower: Measurement, upper: Measurement) -> bool:
    same = all(getattr(lower, name) == getattr(upper, name) for name in ("quantity", "value", "unit", "criterion"))
    return same and (lower.comparison, upper.comparison) == (LimitComparison.AT_LEAST, LimitComparison.AT_MOST)


def _as_dict(item: Measurement) -> dict[str, object]:
    return {
        "quantity": item.quantity,
        "value": item.value,
        "unit": item.unit,
        "comparison": item.comparison.value,
        "limit": item.limit,
        "passed": item.passed,
        "criterion": item.criterion,
    }


@dataclass(frozen=True, slots=True)
class InspectionFacts:
    """One inspection: what the chain has, and what its document adds where it matches.

    decision  the round that gave the verdict; None where one inspector did
    """

    view: InspectionView
    organisation: Party
    document: CheckedDocument[InspectionEvidence]
    window: WindowFacts | None
    decision: Decision | None

    @property
    def title(self) -> str:
        return STAGE_TITLES[self.view.stage]

    @property
    def purpose(self) -> str:
        return STAGE_PURPOSES[self.view.stage]

    @property
    def slug(self) -> str:
        return self.view.stage.name.lower()

    @property
    def passed(self) -> bool:
        return self.view.verdict is Verdict.PASS

    @property
    def tx_hash(self) -> str:
        return f"0x{self.view.recorded.tx_hash.hex()}"

    @property
    def contradiction(self) -> str | None:
        """Where document and chain disagree, said plainly; None where they agree or no document can be read."""
        evidence = self.document.value
        if evidence is None or evidence.passed == self.passed:
            return None
        said = "pass" if evidence.passed else "fail"
        ruled = "pass" if self.passed else "fail"
        return f"By its measurements this would be a {said}, but the inspector's signed verdict is {ruled}."

    @property
    def needs_a_look(self) -> bool:
        """Whether a page shows at once how it was inspected: it failed, or something about it does not fit."""
        fits = self.document.matches and self.contradiction is None
        return not (self.passed and fits) or (self.window is not None and self.window.contradicts)

    @property
    def measurements(self) -> tuple[MeasurementFacts, ...]:
        evidence = self.document.value
        return measurement_facts(evidence.measurements) if evidence else ()

    @property
    def sample_words(self) -> str:
        count, bad = self.view.sample_size, self.view.defects
        units = "1 unit" if count == 1 else f"{count:,} units"
        return f"{units} measured, {'none' if bad == 0 else f'{bad:,}'} out of limits"

    def as_dict(self) -> dict[str, object]:
        evidence = self.document.value
        return {
            "stage": self.slug,
            "verdict": self.view.verdict.name.lower(),
            "revision": self.view.revision,
            "superseded": self.view.superseded,
            "sample_size": self.view.sample_size,
            "defects": self.view.defects,
            "inspected_at": self.view.inspected_at,
            "inspector": self.view.inspector,
            "organisation": self.organisation.as_dict(),
            "document": self.document.as_dict(),
            "instrument": evidence
            and {
                "name": evidence.instrument.name,
                "serial": evidence.instrument.serial,
                "calibrated_on": evidence.instrument.calibrated_on,
            },
            "measurements": [_as_dict(item) for item in evidence.measurements] if evidence else [],
            "decision": self.decision and self.decision.as_dict(),
            "readings": self.window.as_dict() if self.window else None,
            "tx_hash": self.tx_hash,
            "block_number": self.view.recorded.block_number,
            "block_time": self.view.recorded.block_time,
        }
