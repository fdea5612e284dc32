"""Statements about result files: made, recomputed and compared."""

import hashlib

import msgspec
import pytest

from chromatrace.documents.content import InspectionEvidence
from chromatrace.documents.evidence import Instrument, LimitComparison, Measurement
from chromatrace.domain.errors import InvalidInput
from chromatrace.domain.identifiers import Gtin, Lot
from chromatrace.domain.rights import Stage
from chromatrace.exchange.result_check import check_results
from chromatrace.instruments import ReadOptions
from chromatrace.instruments.measurement import difference, read_measurement, recompute
from chromatrace.instruments.series import SeriesOptions
from chromatrace.quality.result_rules import check_measured_figures

FILES = {
    "clear.csv": "wavelength [nm],T [%]\n600,72\n650,72\n",
    "dark.csv": "wavelength [nm],T [%]\n600,9\n650,9\n",
    "charge.csv": "time [s],I [mA]\n0,-8\n10,-8\n",
    "steps.csv": "time [s],T [%],I [mA]\n0,72,-8\n5,20,-8\n10,9,-8\n",
    "both.csv": "wavelength [nm],T bleached [%],T coloured [%]\n600,72,9\n650,72,9\n",
}
CONTENTS = {hashlib.sha256(text.encode()).digest(): text.encode() for text in FILES.values()}
OPTIONS = ReadOptions(series=SeriesOptions(area_cm2=4))


@pytest.fixture
def measured(tmp_path):
    for name, text in FILES.items():
        (tmp_path / name).write_text(text)

    def read(*names, pair=None):
        states = pair and (tmp_path / pair[0], tmp_path / pair[1])
        return read_measurement([tmp_path / name for name in names], states, OPTIONS)

    return read


PAIR = ("clear.csv", "dark.csv")


@pytest.mark.parametrize(
    ("names", "pair"),
    [(("charge.csv",), PAIR), ((), PAIR), (("steps.csv",), None), (("both.csv", "charge.csv"), None)],
    ids=["pair and charge", "pair", "steps", "both states"],
)
def test_a_statement_is_repeated_from_the_contents(measured, names, pair):
    stated = measured(*names, pair=pair).attached()
    assert difference(stated, recompute(stated, CONTENTS)) is None


def test_a_table_of_both_states_and_a_charge_give_the_efficiency(measured):
    (figure,) = measured("both.csv", "charge.csv").attached().figures
    assert (figure.quantity, figure.value) == ("coloration efficiency", pytest.approx(0.90309 / 0.02, rel=1e-5))


def test_a_changed_figure_or_option_is_a_difference(measured):
    stated = measured("charge.csv", pair=PAIR).attached()
    figure = msgspec.structs.replace(stated.figures[0], value=64)
    changed = msgspec.structs.replace(stated, figures=(figure, *stated.figures[1:]))
    assert difference(changed, recompute(changed, CONTENTS)) == "optical modulation is 63 %; the evidence states 64"
    other = msgspec.structs.replace(stated, options=msgspec.structs.replace(stated.options, area_cm2=5))
    assert "area 5 cm²" in difference(other, recompute(other, CONTENTS))
    kind = msgspec.structs.replace(stated.files[0], kind="image")
    renamed = msgspec.structs.replace(stated, files=(kind, *stated.files[1:]))
    assert "charge.csv is series, table" in difference(renamed, recompute(renamed, CONTENTS))


@pytest.mark.parametrize(("efficiency", "consistent"), [(45.2, True), (47, True), (30, False), (75, False)])
def test_the_efficiency_of_the_instrument_is_compared(measured, efficiency, consistent):
    assert measured("charge.csv", pair=PAIR).consistency(efficiency).consistent is consistent


def test_the_steps_of_another_sample_contradict_the_pair(measured, tmp_path):
    assert measured("steps.csv", pair=PAIR).consistency().consistent
    (tmp_path / "steps.csv").write_text(FILES["steps.csv"].replace("10,9,-8", "10,2,-8"))
    other = read_measurement([tmp_path / "steps.csv"], (tmp_path / "clear.csv", tmp_path / "dark.csv"), OPTIONS)
    assert not other.consistency().consistent


def test_without_independent_values_nothing_is_compared(measured):
    assert measured("charge.csv", pair=PAIR).consistency() is None


def evidence(results, *values):
    measurements = [
        Measurement("optical modulation", value, "%", 40, LimitComparison.AT_LEAST, True, criterion)
        for value, criterion in values
    ]
    instrument = Instrument("Spectrophotometer", "SP-4", "2026-01-15")
    stage, at = Stage.FINAL, "2026-04-01T09:00:00Z"
    return InspectionEvidence(
        Gtin("09521234543213"), Lot("M-1"), stage, at, instrument, (), tuple(measurements), results=results
    )


def test_a_measurement_has_the_value_of_the_files(measured):
    results = (measured(pair=PAIR).attached(),)
    check_measured_figures(evidence(results, (63.2, "at 633 nm")))
    check_measured_figures(evidence(results, (63, None)))
    for value, criterion, field in ((65, "at 633 nm", "value"), (63, "at 550 nm", "criterion")):
        with pytest.raises(InvalidInput) as caught:
            check_measured_figures(evidence(results, (value, criterion)))
        assert caught.value.field == f"/measurements/0/{field}"


def statuses(document, files):
    return [(part.status.value, part.text) for finding in check_results(document, files) for part in finding.walk()]


def test_the_verifier_compares_the_files_with_the_statement(measured):
    stated = measured(pair=PAIR).attached()
    assert ("holds", "the files give the stated figures") in statuses(evidence((stated,), (63, None)), CONTENTS)
    figure = msgspec.structs.replace(stated.figures[0], value=64)
    changed = msgspec.structs.replace(stated, figures=(figure, stated.figures[1]))
    found = statuses(evidence((changed,), (63, None)), CONTENTS)
    assert ("fails", "optical modulation is 63 %; the evidence states 64") in found
    assert any(status == "warning" and "a measurement differs" in text for status, text in found)
    missing = statuses(evidence((stated,), (63, None)), {})
    assert [status for status, _ in missing].count("not checked") == 2


def test_a_document_with_results_has_one_canonical_form(measured):
    document = evidence((measured("charge.csv", pair=PAIR).attached(),), (63, None))
    assert InspectionEvidence.from_bytes(document.to_bytes()) == document
    with pytest.raises(InvalidInput, match="omit the member"):
        InspectionEvidence.from_bytes(document.to_bytes().replace(b'"sample":[]', b'"auxiliary":[],"sample":[]'))
