"""Presenters: status, timeline, routes, numbers and plots."""

from __future__ import annotations

from dataclasses import replace

import pytest

from app.presenters.consensus import round_decision
from app.presenters.inspection import format_number, present_measurements
from app.presenters.notation import format_formula, format_unit
from app.presenters.organisations import OrganisationSummary
from app.presenters.plots import HEIGHT, WIDTH, line_plots
from app.presenters.route import RoutePresenter, RouteState, route_status
from app.presenters.status import StatusTone, batch_progress, batch_status
from app.presenters.timeline import batch_timeline
from app.template_filters import format_rfc3339, format_tag, format_time, iso_time, shell_quote, short_hash
from chromatrace.documents.content import LimitComparison, Measurement
from chromatrace.domain.identifiers import BatchId, Gtin, Lot
from chromatrace.domain.reading import Reading
from chromatrace.domain.rights import BatchState, HoldKind, RouteKind, SalesChannel, Stage, Verdict
from chromatrace.index.views import (
    BatchView,
    ComponentView,
    EventRef,
    EventView,
    HoldView,
    RoundView,
    RouteProofView,
    RouteStepView,
    RouteView,
    SeatView,
)

REF = EventRef(7, b"\1" * 32, 1_792_000_000, b"\2" * 32, 0)
ID = BatchId(b"\3" * 32)
RELEASED = BatchView(
    batch_id=ID,
    gtin=Gtin("09521234543213"),
    lot=Lot("L1"),
    producer=1,
    custodian=1,
    state=BatchState.RELEASED,
    holds=(),
    recalled=False,
    recall_cause=None,
    recall_reason=None,
    quantity=200,
    standard=190,
    defective=7,
    scrap=3,
    channels=frozenset({SalesChannel.STANDARD}),
    first_verdict=Verdict.PASS,
    final_verdict=Verdict.PASS,
    first_revision=1,
    final_revision=1,
    serial_root=None,
    content_digest=b"\4" * 32,
    route=None,
    cursor=1,
    registered=REF,
    changed=REF,
)


@pytest.mark.parametrize("state", [state for state in BatchState if state is not BatchState.UNKNOWN])
def test_every_state_has_a_description(state):
    status = batch_status(replace(RELEASED, state=state))
    assert status.code != "unknown"
    assert status.headline
    assert status.explanation.endswith(".")


def test_recall_precedes_hold_and_hold_precedes_release():
    held = replace(RELEASED, holds=(HoldView(HoldKind.PRODUCER, "x"), HoldView(HoldKind.AUTHORITY, "drift")))
    assert (batch_status(held).code, batch_status(held).reason) == ("on-hold", "drift")
    recalled = replace(held, recalled=True, recall_reason="leak", recall_cause=ID)
    assert (batch_status(recalled).code, batch_status(recalled).tone, batch_status(recalled).reason) == (
        "recalled",
        StatusTone.ALARM,
        "leak",
    )
    assert "another recalled batch" not in batch_status(recalled).explanation
    inherited = replace(recalled, recall_cause=BatchId(b"\5" * 32))
    assert "another recalled batch" in batch_status(inherited).explanation


@pytest.mark.parametrize(
    ("channels", "code"),
    [
        ({SalesChannel.STANDARD}, "released"),
        ({SalesChannel.DEFECTIVE}, "released-defective"),
        ({SalesChannel.STANDARD, SalesChannel.DEFECTIVE}, "released-mixed"),
    ],
)
def test_status_names_sales_channel(channels, code):
    status = batch_status(replace(RELEASED, channels=frozenset(channels)))
    assert status.code == code
    assert f"of {RELEASED.quantity:,} units" in status.explanation
    assert status.explanation.endswith("The grade of a single unit is not recorded.")
    assert "quality" not in status.headline + status.explanation


def test_progress_stages():
    assert all(stop.reached for stop in batch_progress(RELEASED))
    stopped = batch_progress(
        replace(RELEASED, state=BatchState.STOPPED, first_verdict=Verdict.FAIL, final_verdict=Verdict.NONE)
    )
    assert [(stop.reached, stop.failed) for stop in stopped] == [
        (True, False),
        (True, True),
        (False, False),
        (False, False),
        (False, False),
    ]


def _event(name, args, log_index=0, tx=b"\2" * 32, contract="BatchRegistry"):
    return EventView(7, b"\1" * 32, 1_792_000_000, tx, log_index, contract, name, args)


def _name(number):
    return OrganisationSummary(number, f"Organisation {number}", "Carrier", "", active=True)


def test_duplicate_events_of_two_contracts_are_merged():
    accepted = {"from": 1, "to": 2}
    steps = batch_timeline(
        [
            _event("CustodyTransferred", accepted),
            _event("CustodyAccepted", accepted, 1, contract="CustodyLedger"),
            _event("CustodyTransferred", accepted, 2, tx=b"\6" * 32),
        ],
        [],
        _name,
    )
    assert [(step.event, step.title) for step in steps] == [
        ("CustodyAccepted", "Handed over"),
        ("CustodyTransferred", "Handed over"),
    ]
    assert steps[0].detail == "Organisation 2 accepted the batch from Organisation 1."


def test_event_without_description_is_shown_by_name():
    (step,) = batch_timeline([_event("SomethingNew", {})], [], _name)
    assert (step.title, step.detail) == ("SomethingNew", "")


def test_superseding_verdict_names_its_revision():
    args = {
        "stage": Stage.FINAL,
        "verdict": Verdict.FAIL,
        "revision": 2,
        "organisation": 3,
        "sampleSize": 1,
        "defects": 1,
    }
    (step,) = batch_timeline([_event("InspectionRecorded", args)], [], _name)
    assert (step.title, step.tone) == ("Final inspection failed", StatusTone.ALARM)
    assert "measured 1 unit, 1 out of limits. Revision 2 replaces" in step.detail


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (63.2, "63.2"),
        (40.0, "40"),
        (0.0, "0"),
        (1234567.0, "1.23e+06"),
        (1520.4, "1,520"),
        (0.00012, "0.00012"),
        (-3.14159, "-3.142"),
    ],
)
def test_format_number(value, text):
    assert format_number(value) == text


def test_format_times_and_hashes():
    assert format_time(1_792_000_000) == "14 Oct 2026, 17:46 UTC"
    assert iso_time(1_792_000_000) == "2026-10-14T17:46:40Z"
    assert format_time(2**64 - 1) == "no end"
    assert (shell_quote("L2410A"), shell_quote("L;rm -r 'x"), shell_quote("")) == ("L2410A", "'L;rm -r '\"'\"'x'", "''")
    assert iso_time(2**64 - 1) == "9999-12-31T23:59:59Z"
    assert format_rfc3339("2026-10-14T19:46:40+02:00") == "14 Oct 2026, 17:46 UTC"
    assert short_hash("0x" + "ab" * 32) == "0xababab…abab"
    assert format_tag("Line1.Chamber/working_pressure") == "Working pressure"


@pytest.mark.parametrize(
    ("code", "text"),
    [
        ("cm2/C", "cm²/C"),
        ("m3.h-1", "m³/h"),
        ("K.s-1", "K/s"),
        ("W.m-2", "W·m⁻²"),
        ("N.m", "N·m"),
        ("Cel", "°C"),
        ("um", "µm"),
        ("1", ""),
        ("Pa", "Pa"),
        ("%/24h", "%/24h"),
        ("10*3/L", "10*3/L"),
        ("m[H2O]", "m[H2O]"),
        ("{count}", "{count}"),
    ],
)
def test_format_unit(code, text):
    assert format_unit(code) == text


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("WO3 and NiO films", "WO₃ and NiO films"),
        ("W5+ share, Li+ ions", "W⁵⁺ share, Li⁺ ions"),
        ("Al2O3, LiClO4.", "Al₂O₃, LiClO₄."),
        ("lot L2611A of PS5, class C+, W 4f, A4", "lot L2611A of PS5, class C+, W 4f, A4"),
    ],
)
def test_format_formula(text, expected):
    assert format_formula(text) == expected


def test_measurement_is_formatted_on_pages_and_unchanged_in_json():
    measured = Measurement("W5+ share", 41.2, "cm2/C", 30, LimitComparison.AT_LEAST, True, "of WO3")
    (row,) = present_measurements([measured])
    assert (row.quantity, row.unit, row.limit) == ("W⁵⁺ share", "cm²/C", "at least 30 cm²/C")
    assert row.criterion == "of WO₃"
    assert row.measurement.unit == "cm2/C"


def _readings(tag, values, quality=0):
    return [
        Reading("m", tag, 1_000 + number, 1_000 + number, value, "Pa", quality=quality, sequence=number)
        for number, value in enumerate(values)
    ]


def test_plot_keeps_every_excursion():
    values = [1.0] * 5_000
    values[1_234], values[4_321] = 9.0, -9.0
    (plot,) = line_plots(_readings("p", values), ["p"])
    heights = [float(point.split(",")[1]) for point in plot.points.split()]
    assert (plot.minimum, plot.maximum, plot.count) == (-9.0, 9.0, 5_000)
    assert min(heights) == 4.0
    assert max(heights) == HEIGHT - 4.0
    assert len(heights) <= 160
    assert plot.points.split()[-1].startswith(f"{WIDTH:.1f},")


def test_plots_prefer_requested_and_varying_tags():
    readings = _readings("flat", [1.0, 1.0]) + _readings("wavy", [1.0, 2.0]) + _readings("single", [1.0])
    assert [plot.tag for plot in line_plots(readings, [])] == ["wavy", "flat"]
    assert [plot.tag for plot in line_plots(readings, ["flat", "absent"])] == ["flat"]
    assert line_plots(_readings("bad", [1.0, 2.0], quality=0x80000000), []) == ()


# -- routes

ROUTE = RouteView(
    id=b"\7" * 32,
    organisation=1,
    name="pane",
    version=1,
    kind=RouteKind.PROCESSING,
    requires_proof=True,
    steps=tuple(RouteStepView(n, f"process {n}", b"\x08" * 32, f"process {n}", 1, None, True) for n in range(1, 5)),
    designed_by="0x" + "11" * 20,
    designed=REF,
)
PROOF = RouteProofView(ROUTE.id, ID, b"\x09" * 32, "0x" + "22" * 20, REF, None, ())
RECORDED = replace(PROOF, proven=None, recorded=REF)
ON_ROUTE = replace(RELEASED, route=ROUTE.id)


@pytest.mark.parametrize(
    ("state", "view", "proof", "expected", "headline"),
    [
        (BatchState.RELEASED, ROUTE, PROOF, RouteState.PROVEN, "Proven in order"),
        (BatchState.STOPPED, ROUTE, PROOF, RouteState.PROVEN, "Proven in order"),
        (BatchState.RELEASED, ROUTE, replace(PROOF, recorded=REF), RouteState.PROVEN, "Proven in order"),
        (BatchState.RELEASED, ROUTE, RECORDED, RouteState.RECORDED, "Not verified by the chain"),
        (BatchState.ASSEMBLED, ROUTE, None, RouteState.PENDING, "Not yet proven"),
        (BatchState.RELEASED, ROUTE, None, RouteState.NOT_PROVEN, "Not proven"),
        (BatchState.STOPPED, ROUTE, None, RouteState.INCOMPLETE, "Route not completed"),
        (BatchState.SCRAPPED, ROUTE, None, RouteState.INCOMPLETE, "Route not completed"),
        (BatchState.RELEASED, None, None, RouteState.UNKNOWN, "Unknown route"),
        (BatchState.RELEASED, None, PROOF, RouteState.UNKNOWN, "Unknown route"),
    ],
)
def test_route_status(state, view, proof, expected, headline):
    actual, tone, actual_headline, explanation = route_status(replace(ON_ROUTE, state=state), view, proof)
    assert (actual, actual_headline) == (expected, headline)
    assert (tone is StatusTone.CLEAR) == (expected is RouteState.PROVEN)
    assert ("signed its step, in the designed order" in explanation) == (expected is RouteState.PROVEN)
    assert explanation.endswith(".")


def test_only_required_proof_prevents_release():
    waiting = replace(ON_ROUTE, state=BatchState.GRADED)
    assert "cannot be released" in route_status(waiting, ROUTE, None)[3]
    assert "cannot be released" not in route_status(waiting, replace(ROUTE, requires_proof=False), None)[3]


def test_proof_text_counts_stations_and_parts():
    assert "Each of the 4 stations" in route_status(ON_ROUTE, ROUTE, PROOF)[3]
    assert "The only station" in route_status(ON_ROUTE, replace(ROUTE, steps=ROUTE.steps[:1]), PROOF)[3]
    assembly = replace(ROUTE, kind=RouteKind.ASSEMBLY)
    parts = tuple(ComponentView(ROUTE.id, bytes([n]) * 32) for n in range(3))
    assert (
        "3 parts, each with a proof of its own" in route_status(ON_ROUTE, assembly, replace(PROOF, components=parts))[3]
    )
    assert (
        "one part with a proof of its own" in route_status(ON_ROUTE, assembly, replace(PROOF, components=parts[:1]))[3]
    )


@pytest.mark.parametrize("count", [1, 2, 5, 8, 12, 64])
def test_route_shades_increase_to_the_last_step(count):
    route = RoutePresenter(ROUTE.id, RouteState.PROVEN, StatusTone.CLEAR, "", "", ROUTE, None, (None,) * count, PROOF)
    shades = [route.shade(step) for step in range(1, count + 1)]
    assert shades == sorted(shades)
    assert set(shades) <= {1, 2, 3, 4, 5}
    assert shades[-1] == 5


def test_proof_of_another_route_is_labelled():
    own = _event("RouteProven", {"route": ROUTE.id, "subject": ID}, contract="RouteVerifier")
    other = _event("RouteProven", {"route": b"\x0a" * 32, "subject": ID}, 1, contract="RouteVerifier")
    recorded = _event("RouteRecordedUnverified", {"route": ROUTE.id, "subject": ID}, 2, contract="RouteVerifier")
    titles = [(step.title, step.tone) for step in batch_timeline([own, other, recorded], [], _name, ROUTE)]
    assert titles == [
        ("Route proven in order", StatusTone.CLEAR),
        ("Another route", StatusTone.CAUTION),
        ("Route recorded, not verified by the chain", StatusTone.CAUTION),
    ]
    assert [step.title for step in batch_timeline([own], [], _name)] == ["Another route"]


def test_proofs_of_routes_of_other_organisations_are_named_and_last():
    foreign, early = (
        b"\x0a" * 32,
        _event("RouteProven", {"route": b"\x0a" * 32, "subject": ID}, contract="RouteVerifier"),
    )
    own = _event("RouteProven", {"route": ROUTE.id, "subject": ID}, 1, contract="RouteVerifier")
    listed = batch_timeline([early, own], [], _name, ROUTE, {foreign: 7}, producer=1)
    assert [(entry.title, entry.unrelated) for entry in listed] == [
        ("Route proven in order", False),
        ("Another route", True),
    ]
    assert f"a route of {_name(7).name} that" in listed[1].detail
    (of_producer,) = batch_timeline([early], [], _name, ROUTE, {foreign: 1}, producer=1)
    assert not of_producer.unrelated


def test_assembly_proof_is_listed_once():
    assembled = _event("AssemblyProven", {"route": ROUTE.id, "subject": ID, "components": []}, contract="RouteVerifier")
    own = _event("RouteProven", {"route": ROUTE.id, "subject": ID}, 1, contract="RouteVerifier")
    assert [step.event for step in batch_timeline([assembled, own], [], _name, ROUTE)] == ["RouteProven"]


def thickness(limit, comparison, value=375.6, criterion="cross section"):
    return Measurement("film thickness", value, "nm", limit, comparison, value >= limit, criterion)


def test_lower_and_upper_limit_share_a_row():
    low, high = thickness(300, LimitComparison.AT_LEAST), Measurement("film thickness", 375.6, "nm", 450, "<=", True)
    assert [row.limit for row in present_measurements([low, high])] == ["at least 300 nm", "at most 450 nm"]
    high = replace(high, criterion="cross section")
    (row,) = present_measurements([low, high])
    assert (row.limit, row.passed) == ("300 to 450 nm", True)
    thin, below = thickness(300, LimitComparison.AT_LEAST, 295.0), replace(high, value=295.0)
    assert [(row.limit, row.passed) for row in present_measurements([thin, below])] == [("300 to 450 nm", False)]
    thick, above = thickness(300, LimitComparison.AT_LEAST, 455.0), replace(high, value=455.0, passed=False)
    assert [(row.limit, row.passed) for row in present_measurements([thick, above])] == [("300 to 450 nm", False)]
    assert len(present_measurements([low, high, low])) == 2
    assert len(present_measurements([low, replace(high, value=300.0)])) == 2


def test_decision_summary_counts_dissent():
    def seat(inspector, state):
        return SeatView(inspector, "stalled" if state is None else "revealed", state, None, None)

    view = RoundView(
        id=b"\7" * 32, panel=1, subject=bytes(ID), step=0, stage=Stage.FIRST, phase="decided", decides_verdict=True,
        seats=(seat(3, 0), seat(5, 1), seat(2, None), seat(1, 0)), state=0, score=0.9, recorder=3,
        threshold_reached=True, verdict_rejected=False, opened=REF, changed=REF,
    )  # fmt: skip
    decision = round_decision([view], REF.tx_hash, {1: ("pass", "fail")})
    assert decision is not None
    assert decision.summary == "3 inspectors selected by the contract, with sealed answers; 1 dissenting"
    assert [(answer.inspector, answer.text, answer.dissents) for answer in decision.answers] == [
        (3, "pass", False),
        (5, "fail", True),
        (1, "pass", False),
    ]
    assert round_decision([view], rb"\8" * 32, {1: ("pass", "fail")}) is None
    assert round_decision([replace(view, decides_verdict=False)], REF.tx_hash, {}) is None
    agreed = replace(view, seats=(seat(3, 0), seat(1, 0)))
    assert round_decision([agreed], REF.tx_hash, {1: ("pass", "fail")}).summary.endswith("unanimous")
