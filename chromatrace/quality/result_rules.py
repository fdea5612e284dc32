"""Rules between the measurements of an inspection and its result files."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from chromatrace.documents.content import InspectionEvidence
from chromatrace.documents.evidence import LimitComparison
from chromatrace.documents.results import StatedFigure
from chromatrace.domain.errors import InvalidInput
from chromatrace.quality.optical_consistency import OpticalCheck, optical_check

ROUNDING = 0.005
"""Relative difference of a measurement and the figure of a file that rounding explains."""

_CONDITIONS = re.compile(r"(?P<wavelength>[\d.,]+) nm|after (?P<cycles>[\d,]+) cycles")


def evidence_consistency(evidence: InspectionEvidence) -> OpticalCheck | None:
    """Return the optical consistency check of a record; None if it does not have the values."""
    values = [(item.quantity, item.value, item.unit) for item in evidence.measurements]
    values += [(item.quantity, item.value, item.unit) for item in evidence.auxiliary]
    measured = {quantity for quantity, _, _ in values}
    values += [(item.quantity, item.value, item.unit) for item in _figures(evidence) if item.quantity not in measured]
    return optical_check(values)


def measurement_error(evidence: InspectionEvidence) -> str | None:
    """Return why the values of a record contradict one another; None if they do not."""
    check = evidence_consistency(evidence)
    if check is None or check.consistent:
        return None
    return f"coloration efficiency x charge density must equal the optical density change, but {check.text}"


def check_measured_figures(evidence: InspectionEvidence) -> None:
    """Check that each measurement has the value that the result files give for its quantity.

    Raises `InvalidInput` with a JSON pointer.
    """
    for index, measured in enumerate(evidence.measurements):
        same = [item for item in _figures(evidence) if (item.quantity, item.unit) == (measured.quantity, measured.unit)]
        figure = measured_figure(
            same, measured.quantity, measured.unit, measured.comparison, criterion=measured.criterion
        )
        lines = [item for item in evidence.measurements if item.quantity == measured.quantity]
        if len(lines) > 1 and any(_rounded(item.value, measured.value) for item in same):
            continue  # a lower and an upper limit: no figure is the least favourable one for both
        if same and figure is None:
            raise InvalidInput(
                f"{measured.quantity} of the result files was measured {same[0].condition}; the criterion is "
                f"{measured.criterion!r}",
                field=f"/measurements/{index}/criterion",
            )
        if figure is not None and not _rounded(figure.value, measured.value):
            raise InvalidInput(
                f"{measured.quantity} is {measured.value:g} {measured.unit}; the result files give "
                f"{figure.value:.5g} {figure.unit}",
                field=f"/measurements/{index}/value",
            )


def measured_figure(
    figures: Iterable[StatedFigure], quantity: str, unit: str, comparison: LimitComparison, criterion: str | None
) -> StatedFigure | None:
    """Return the figure that measures a line of a check sheet; None if there is none.

    Of several figures, such as the switching times of bleaching and colouring, the least favourable one counts.
    """
    fitting = [
        item
        for item in figures
        if (item.quantity, item.unit) == (quantity, unit) and _same_conditions(item.condition, criterion or "")
    ]
    lowest = comparison in (LimitComparison.AT_LEAST, LimitComparison.ABOVE)
    return (min if lowest else max)(fitting, key=lambda figure: figure.value, default=None)


def _rounded(value: float, stated: float) -> bool:
    return abs(value - stated) <= ROUNDING * abs(value)


def _figures(evidence: InspectionEvidence) -> Iterator[StatedFigure]:
    for result in evidence.results:
        yield from result.all_figures()


def _same_conditions(first: str, second: str) -> bool:
    """Return whether two texts do not state different wavelengths or numbers of cycles."""
    stated = [_stated_conditions(text) for text in (first, second)]
    return all(stated[0][name] == stated[1][name] for name in stated[0].keys() & stated[1].keys())


def _stated_conditions(text: str) -> dict[str, float]:
    found: dict[str, float] = {}
    for match in _CONDITIONS.finditer(text):
        for name, value in match.groupdict().items():
            digits = (value or "").replace(",", "").strip(".")
            if digits and re.fullmatch(r"\d+(\.\d+)?", digits):
                found.setdefault(name, float(digits))
    return found
