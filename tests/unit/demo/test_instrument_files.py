"""The simulated result files of the demonstration give the values of its evidence."""

import pytest

from chromatrace.demo.instrument_files import with_files
from chromatrace.documents.content import InspectionEvidence, Instrument
from chromatrace.documents.results import StatedFigure
from chromatrace.documents.store import DocumentStore
from chromatrace.domain.identifiers import Gtin, Lot
from chromatrace.domain.rights import Stage
from chromatrace.plant import example_plant
from chromatrace.quality.result_rules import measurement_error
from chromatrace.services.result_files import check_results

FINAL = {
    "optical modulation": 47.512, "coloration efficiency": 41.337, "cycling stability": 91.94, "switching time": 11.482,
    "optical memory": 4.1,
}  # fmt: skip
FIRST = {"crystalline share": 3.2, "W5+ share": 1.5, "film thickness": 372.0, "grain size": 21.0}
AUXILIARY = (
    StatedFigure("bleached transmittance", 68.3, "%", ""),
    StatedFigure("coloured transmittance", 20.9, "%", ""),
    StatedFigure("charge density", 0.01245, "C/cm2", ""),
)


def evidence(stage, values, auxiliary=()):
    sheet = example_plant("electrochromic").check_sheet(stage.name.lower())
    measurements = tuple(check.measured(values[check.quantity]) for check in sheet.checks if check.quantity in values)
    instrument = Instrument("Meter", "M-1", "2026-01-01")
    at = "2026-02-01T09:00:00Z"
    return InspectionEvidence(
        Gtin("09521234543213"), Lot("D-1"), stage, at, instrument, (), measurements, auxiliary=auxiliary
    )


@pytest.mark.parametrize("measured", [5, 4, 2, 1])
def test_the_files_of_a_final_inspection_give_its_values(tmp_path, measured):
    store = DocumentStore(tmp_path)
    values = dict(list(FINAL.items())[:measured])
    document = with_files(evidence(Stage.FINAL, values, AUXILIARY), store)
    check_results(store, document)
    assert measurement_error(document) is None
    figures = {item.quantity for result in document.results for item in result.all_figures()}
    assert set(values) - {"optical memory"} <= figures


def test_the_files_of_a_first_inspection_are_a_pattern_and_an_image(tmp_path):
    store = DocumentStore(tmp_path)
    document = with_files(evidence(Stage.FIRST, FIRST), store)
    check_results(store, document)
    assert [file.kind for result in document.results for file in result.files] == ["diffraction", "image"]
    image = {figure.quantity: figure.value for figure in document.results[1].files[0].figures}
    assert image["pixel size"] == pytest.approx(2.5)


def test_a_sample_that_does_not_transmit_has_no_files(tmp_path):
    document = evidence(Stage.FINAL, FINAL)
    assert with_files(document, DocumentStore(tmp_path)).results == ()
