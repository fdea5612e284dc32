"""Inspection results in plain language, with each measurement next to its limit."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from app.presenters.consensus import RoundDecision
from app.presenters.documents import CheckedDocument
from app.presenters.notation import format_formula, format_unit
from app.presenters.organisations import OrganisationSummary
from app.presenters.reading_window import ReadingWindowPresenter
from chromatrace.documents.content import InspectionEvidence, LimitComparison, Measurement
from chromatrace.documents.results import AttachedResult, ResultFile, StatedFigure
from chromatrace.domain.rights import Stage, Verdict
from chromatrace.index.views import InspectionView
from chromatrace.quality.result_rules import measurement_error
from chromatrace.services.result_drawings import MAX_DRAWN_PIXELS, has_plot

_COMPARISONS = {
    LimitComparison.AT_LEAST: "at least",
    LimitComparison.AT_MOST: "at most",
    LimitComparison.ABOVE: "more than",
    LimitComparison.BELOW: "less than",
}

STAGES = {"first": Stage.FIRST, "final": Stage.FINAL}
"""Stages by their name in URLs."""
STAGE_TITLES = {Stage.FIRST: "First inspection", Stage.FINAL: "Final inspection"}
STAGE_PURPOSES = {
    Stage.FIRST: "Before assembly: is the material fit for use in a product?",
    Stage.FINAL: "After assembly: does the finished product meet its specification?",
}


def format_number(value: float) -> str:
    """Format a measured number with at most four significant digits, and no exponent for common magnitudes."""
    if value != 0 and not 1e-3 <= abs(value) < 1e6:
        return f"{value:.3g}"
    return f"{value:,.0f}" if value == int(value) or abs(value) >= 1000 else f"{value:.4g}"


def _with_unit(value: float, unit: str) -> str:
    return f"{format_number(value)} {format_unit(unit)}".strip()


@dataclass(frozen=True, slots=True)
class MeasurementPresenter:
    """One measurement. `upper` is the upper limit if the same value has both a lower and an upper one."""

    measurement: Measurement
    upper: Measurement | None = None

    @property
    def quantity(self) -> str:
        """The measured quantity, capitalised."""
        name = self.measurement.quantity
        return format_formula(name[:1].upper() + name[1:])

    @property
    def value(self) -> str:
        """The measured value without its unit."""
        return format_number(self.measurement.value)

    @property
    def unit(self) -> str:
        """The unit in typographic notation."""
        return format_unit(self.measurement.unit)

    @property
    def limit(self) -> str:
        """The limit or range, with its unit."""
        unit = self.measurement.unit
        if self.upper is not None:
            return f"{format_number(self.measurement.limit)} to {_with_unit(self.upper.limit, unit)}"
        return f"{_COMPARISONS[self.measurement.comparison]} {_with_unit(self.measurement.limit, unit)}"

    @property
    def passed(self) -> bool:
        """Whether the value is within its limits."""
        return self.measurement.passed and (self.upper is None or self.upper.passed)

    @property
    def criterion(self) -> str | None:
        """The condition of the measurement, such as a wavelength."""
        return self.measurement.criterion and format_formula(self.measurement.criterion)


def present_measurements(measurements: Iterable[Measurement]) -> tuple[MeasurementPresenter, ...]:
    """Return a row for each measurement. Adjacent lower and upper limits of the same value share a row."""
    rows: list[MeasurementPresenter] = []
    for measurement in measurements:
        if rows and rows[-1].upper is None and _is_range(rows[-1].measurement, measurement):
            rows[-1] = MeasurementPresenter(rows[-1].measurement, measurement)
        else:
            rows.append(MeasurementPresenter(measurement))
    return tuple(rows)


def _is_range(lower: Measurement, upper: Measurement) -> bool:
    same = all(getattr(lower, name) == getattr(upper, name) for name in ("quantity", "value", "unit", "criterion"))
    return same and (lower.comparison, upper.comparison) == (LimitComparison.AT_LEAST, LimitComparison.AT_MOST)


@dataclass(frozen=True, slots=True)
class ResultPresenter:
    """Files of instruments that were read together, and their key figures.

    `plot` and the images of files are paths; None if there is nothing to draw or the reader may not see the files.
    """

    result: AttachedResult
    path: str | None

    @property
    def plot(self) -> str | None:
        """The path of the drawing of the curves."""
        return f"{self.path}.svg" if self.path and has_plot(self.result) else None

    @property
    def files(self) -> tuple[tuple[ResultFile, str | None], ...]:
        """Each file with the path of its download."""
        paths = [self.path and f"{self.path}/{number}" for number in range(len(self.result.files))]
        return tuple(zip(self.result.files, paths, strict=True))

    @property
    def images(self) -> tuple[tuple[str, str], ...]:
        """The name and the path of each image that can be shown."""
        return tuple(
            (file.name, f"{path}.jpg")
            for file, path in self.files
            if path and file.kind == "image" and 0 < _pixels(file) <= MAX_DRAWN_PIXELS
        )

    @property
    def figures(self) -> tuple[StatedFigure, ...]:
        """The figures of several files first, then those of each file."""
        return tuple(dict.fromkeys(self.result.all_figures()))

    @property
    def rows(self) -> tuple[tuple[str, str, str, str], ...]:
        """Quantity, value, unit and condition of each figure as text."""
        return tuple(
            (
                figure.quantity[:1].upper() + figure.quantity[1:],
                format_number(figure.value),
                format_unit(figure.unit),
                figure.condition,
            )
            for figure in self.figures
        )

    def as_dict(self) -> dict[str, object]:
        """Return the members that the JSON API publishes."""
        return {
            "files": [
                {"name": file.name, "sha256": file.sha256.hex(), "bytes": file.bytes, "kind": file.kind, "path": path}
                for file, path in self.files
            ],
            "figures": [
                {name: getattr(figure, name) for name in ("quantity", "value", "unit", "condition")}
                for figure in self.figures
            ],
            "plot": self.plot,
        }


def _pixels(file: ResultFile) -> float:
    sizes = {figure.quantity: figure.value for figure in file.figures if figure.unit == "pixels"}
    return sizes.get("width", 0.0) * sizes.get("height", 0.0)


def _as_dict(measurement: Measurement) -> dict[str, object]:
    return {
        "quantity": measurement.quantity,
        "value": measurement.value,
        "unit": measurement.unit,
        "comparison": measurement.comparison.value,
        "limit": measurement.limit,
        "passed": measurement.passed,
        "criterion": measurement.criterion,
    }


@dataclass(frozen=True, slots=True)
class InspectionPresenter:
    """One inspection: the record on the chain, and the contents of its document if that matches.

    `decision` is the consensus round that gave the verdict; None if a single inspector did. `results_path` is the path
    of drawings and files; None if the reader may not see them.
    """

    view: InspectionView
    organisation: OrganisationSummary
    document: CheckedDocument[InspectionEvidence]
    window: ReadingWindowPresenter | None
    decision: RoundDecision | None
    results_path: str | None = None

    @property
    def title(self) -> str:
        """The stage, such as "First inspection"."""
        return STAGE_TITLES[self.view.stage]

    @property
    def purpose(self) -> str:
        """The question that the stage answers."""
        return STAGE_PURPOSES[self.view.stage]

    @property
    def slug(self) -> str:
        """The stage in URLs and HTML ids."""
        return self.view.stage.name.lower()

    @property
    def passed(self) -> bool:
        """Whether the verdict is pass."""
        return self.view.verdict is Verdict.PASS

    @property
    def tx_hash(self) -> str:
        """The transaction that recorded the verdict."""
        return f"0x{self.view.recorded.tx_hash.hex()}"

    @property
    def contradiction(self) -> str | None:
        """How the document disagrees with the chain; None if it agrees or cannot be read."""
        evidence = self.document.value
        if evidence is None or evidence.passed == self.passed or evidence.overrule is not None:
            return None
        measured = "pass" if evidence.passed else "fail"
        verdict = "pass" if self.passed else "fail"
        return f"The measurements indicate a {measured}, but the inspector's signed verdict is {verdict}."

    @property
    def overrule(self) -> str | None:
        """The reason of a person who overruled the verdict of the measurements; None if the document has none."""
        return self.document.value.overrule if self.document.value else None

    @property
    def measurement_error(self) -> str | None:
        """How the values contradict one another; None if they do not."""
        return measurement_error(self.document.value) if self.document.value else None

    @property
    def results(self) -> tuple[ResultPresenter, ...]:
        """The result files that the document names."""
        evidence = self.document.value
        return tuple(
            ResultPresenter(result, self.results_path and f"{self.results_path}/{number}")
            for number, result in enumerate(evidence.results if evidence else ())
        )

    @property
    def needs_attention(self) -> bool:
        """Whether the page shows the details unfolded: the inspection failed or something does not match."""
        consistent = self.document.matches and self.contradiction is None and self.overrule is None
        consistent = consistent and self.measurement_error is None
        return not (self.passed and consistent) or (self.window is not None and self.window.mismatched)

    @property
    def measurements(self) -> tuple[MeasurementPresenter, ...]:
        """The measurements in the document; empty if it does not match."""
        evidence = self.document.value
        return present_measurements(evidence.measurements) if evidence else ()

    @property
    def sample_text(self) -> str:
        """The sample size and the number of defects."""
        count, defects = self.view.sample_size, self.view.defects
        units = "1 unit" if count == 1 else f"{count:,} units"
        return f"{units} measured, {'none' if defects == 0 else f'{defects:,}'} out of limits"

    def as_dict(self) -> dict[str, object]:
        """Return the members that the JSON API publishes."""
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
            "measurements": [_as_dict(measurement) for measurement in evidence.measurements] if evidence else [],
            "measurement_error": self.measurement_error,
            "results": [result.as_dict() for result in self.results],
            "overrule": self.overrule,
            "decision": self.decision and self.decision.as_dict(),
            "readings": self.window.as_dict() if self.window else None,
            "tx_hash": self.tx_hash,
            "block_number": self.view.recorded.block_number,
            "block_time": self.view.recorded.block_time,
        }
