"""Evidence windows, and the checks before an inspection is signed, on a real chain."""

import json
from importlib.resources import files
from itertools import count

import pytest

from app.factory import create_app
from app.settings import PortalSettings
from chromatrace.plant import example_plant

GTIN, LOT, CHANNEL = "09521234543213", "EV-1", "coater-7"
OWNER, LABORATORY, INSPECTOR = "9521234500001", "9521234570004", 9
FROM, TO = "2026-02-01T06:00:02Z", "2026-02-01T06:00:05Z"
VALUES = {
    "first": {"crystalline share": 3.2, "W5+ share": 1.5, "film thickness": 372.0, "grain size": 21.0},
    "final": {
        "optical modulation": 47.5,
        "coloration efficiency": 41.0,
        "cycling stability": 92.0,
        "switching time": 11.0,
        "optical memory": 4.0,
    },
}


@pytest.fixture(scope="module")
def line(site):
    """Register a lot with serials 000101 to 000140, and anchor the first 14 of 20 readings of a channel."""
    content = {
        "schema": "chromatrace.batch/1", "gtin": GTIN, "lot": LOT, "quantity": 40, "made_at": "2026-02-01T07:00:00Z",
        "product": {"name": "Electrochromic pane", "description": ""}, "materials": [],
        "serials": {"first": 101, "count": 40, "width": 6},
    }  # fmt: skip
    (site.folder / "evidence-lot.json").write_text(json.dumps(content))
    site("batch", "register", site.folder / "evidence-lot.json", account=2)
    address = site.node.rpc().call("eth_accounts")[INSPECTOR]
    site("org", "register", LABORATORY, "Example Optics Laboratory", "--kind", "laboratory", "--roles", "inspector")
    site("org", "appoint", address, LABORATORY, "--roles", "inspector")
    site("org", "accredit", LABORATORY, "--stages", "first,final", account=2)
    for rows in (range(7), range(7, 10)):
        table = site.folder / f"coater-{rows[0]}.csv"
        lines = "".join(f"2026-02-01T06:00:{row:02}Z,{row / 4},{300 + row}\n" for row in rows)
        table.write_text(f"time,pressure [Pa],power [W]\n{lines}")
        site("ingest", "file", table, "--channel", CHANNEL)
        if rows[0] == 0:
            site("log", "anchor", "--channel", CHANNEL, account=2)
    return site


def window_of(site, start=FROM, end=TO, **options):
    result = site("inspection", "window", "--channel", CHANNEL, "--from", start, "--to", end, "--json", **options)
    return result if options else json.loads(result.stdout)


def evidence(stage="first", plant="electrochromic", **values):
    values = VALUES[stage] | values
    checks = example_plant(plant).check_sheet(stage).checks
    quantities = {check.quantity for check in checks}
    used = next(item for item in example_plant(plant).instruments if quantities <= item.quantities.keys())
    return {
        "schema": "chromatrace.inspection/1", "gtin": GTIN, "lot": LOT, "stage": stage,
        "inspected_at": "2026-02-01T09:00:00Z", "sample": ["000117"], "readings": None,
        "instrument": {"name": used.name, "serial": used.id, "calibrated_on": "2026-01-12"},
        "measurements": [check.measured(values[check.quantity]).as_json() for check in checks],
    }  # fmt: skip


numbers = count()


def sign(site, document, *options, plant="electrochromic", defects=0, size=1, status=0, submit=False):
    """Sign a document and return the result of the command. The signed result goes to a file unless `submit`."""
    number = next(numbers)
    path = site.folder / f"inspection-{number}.json"
    path.write_text(json.dumps(document))
    output = () if submit else ("-o", site.folder / f"signed-{number}.json")
    words = ("--plant", plant, "--sample-size", size, "--defects", defects, "--json", *output, *options)
    return site("inspection", "sign", path, *words, account=INSPECTOR, status=status)


def error_of(result):
    assert result.stdout == ""
    return result.stderr


def test_the_window_has_the_leaves_the_times_and_the_anchored_root(line):
    window = window_of(line)
    head = json.loads(line("log", "verify", "--channel", CHANNEL, "--source", "coater-0", "--tag", "power",
                           "--time-ns", 1769925602000000000, "--json").stdout)  # fmt: skip
    assert window == {
        "channel": CHANNEL, "organisation": OWNER, "first_leaf": 4, "last_leaf": 11, "tree_size": 14,
        "root": head["root"], "first_time_ns": "1769925602000000000", "last_time_ns": "1769925605000000000",
    }  # fmt: skip
    assert window_of(line, "2026-02-01T07:00:02+01:00", TO) == window


@pytest.mark.parametrize(
    ("options", "text"),
    [
        (("--from", "2026-02-01T05:00:00Z", "--to", "2026-02-01T05:59:59Z"), "from: channel 'coater-7' has no reading"),
        (("--from", FROM, "--to", "2026-02-01T06:00:08Z"), "not anchored yet"),
        (("--from", TO, "--to", FROM), "from: the time is after --to"),
        (("--from", "2026-02-01 06:00:02", "--to", TO), "from: '2026-02-01 06:00:02' has no offset"),
        (("--from", FROM, "--to", TO, "--organisation", "9521234555551"), "organisation: no organisation has GLN"),
        (("--from", FROM, "--to", TO, "--organisation", "9521234555552"), "organisation: check digit"),
        (("--from", FROM, "--to", TO, "--organisation", "9521234510000"), "log anchor --channel coater-7"),
        (("--from", FROM, "--to", TO, "--channel", "coater-8"), "channel: the spool has no channel 'coater-8'"),
    ],
)
def test_a_window_without_anchored_readings_is_an_error(line, options, text):
    assert text in error_of(line("inspection", "window", "--channel", CHANNEL, *options, status=1))


def change_window(document, **changes):
    return document | {"readings": document["readings"] | changes}


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"root": "0x" + "5a" * 32}, "/readings/root"),
        ({"channel": "coater-9"}, "/readings/channel"),
        ({"organisation": "9521234510000"}, "/readings/channel"),
        ({"organisation": "9521234555551"}, "/readings/organisation"),
        ({"tree_size": 13}, "/readings/tree_size"),
        ({"first_time_ns": "1769925000000000000"}, "/readings/first_time_ns"),
    ],
)
def test_a_false_window_is_not_signed(line, changes, field):
    document = change_window(evidence() | {"readings": window_of(line)}, **changes)
    assert f"error: {field}: " in error_of(sign(line, document, status=1))


@pytest.mark.parametrize("serial", ["000100", "000141", "117", "0000117"])
def test_a_foreign_serial_is_not_signed(line, serial):
    document = evidence() | {"sample": ["000101", serial]}
    assert f"error: /sample/1: unit {serial} does not belong" in error_of(sign(line, document, size=2, status=1))


def test_the_sample_has_the_stated_size(line):
    assert "error: /sample: " in error_of(sign(line, evidence(), size=2, status=1))


def test_an_unknown_batch_is_not_signed(line):
    assert "error: /lot: " in error_of(sign(line, evidence() | {"lot": "EV-404"}, status=1))


@pytest.mark.parametrize("verdict", [("--verdict", "pass"), ("--verdict", "fail")])
def test_a_verdict_against_the_values_is_not_signed(line, verdict):
    document = evidence() if verdict[1] == "fail" else evidence(**{"grain size": 55.0})
    result = sign(line, document, *verdict, defects=1, size=1, status=1)
    assert "error: verdict: " in error_of(result) or "error: defects: " in result.stderr


def test_a_failing_value_in_a_larger_sample_is_not_signed_as_passed(line):
    document = evidence(**{"W5+ share": 8.5}) | {"sample": ["000117", "000118"]}
    text = error_of(sign(line, document, "--verdict", "pass", defects=1, size=2, status=1))
    assert "error: verdict: the verdict is pass, but W5+ share is 8.5 %; the limit is <= 8 %" in text


def changed(document, index, **members):
    measurements = list(document["measurements"])
    measurements[index] = measurements[index] | members
    return document | {"measurements": measurements}


def without(document, index):
    return document | {"measurements": document["measurements"][:index] + document["measurements"][index + 1 :]}


@pytest.mark.parametrize(
    ("document", "field"),
    [
        (changed(evidence(), 1, quantity="smell"), "/measurements/1/quantity"),
        (changed(evidence(), 0, unit="1"), "/measurements/0/unit"),
        (changed(evidence(), 0, comparison="<"), "/measurements/0/comparison"),
        (changed(evidence(), 0, limit=60), "/measurements/0/limit"),
        (changed(evidence(), 3, value=371.0), "/measurements/3/value"),
        (without(evidence(), 2), "/measurements"),
        (evidence() | {"measurements": evidence()["measurements"] * 2}, "/measurements/6/quantity"),
        (evidence("final") | {"measurements": evidence("final")["measurements"][::-1]}, "/measurements/0/quantity"),
        (without(evidence("final"), 1), "/measurements/1/quantity"),
    ],
)
def test_values_that_are_not_of_the_check_sheet_are_not_signed(line, document, field):
    assert f"error: {field}: " in error_of(sign(line, document, status=1))


INSTRUMENTS = """
[[instruments]]
id = "HC-31"
name = "Haze and colour meter"
kind = "spectrophotometer"
station = "303"
calibration_due = 2026-02-01

[instruments.quantities]
"optical modulation" = "%"
"coloration efficiency" = "cm2/C"
"cycling stability" = "%"
"switching time" = "s"

[[instruments]]
id = "HC-30"
name = "Haze and colour meter"
kind = "spectrophotometer"
station = "303"
calibration_due = 2026-01-31
quantities = { "optical modulation" = "%" }
"""


@pytest.fixture(scope="module")
def equipped(line):
    """Return the path of a plant file that lists two instruments."""
    path = line.folder / "equipped.toml"
    path.write_text(files("chromatrace.plant").joinpath("plants/electrochromic.toml").read_text() + INSTRUMENTS)
    return str(path)


METER = {"name": "Haze and colour meter", "serial": "HC-31", "calibrated_on": "2026-01-12"}


def failed(**instrument):
    document = evidence("final", **{"optical modulation": 22.0})
    return document | {"measurements": document["measurements"][:1], "instrument": METER | instrument}


def test_an_instrument_of_the_plant_gives_a_verdict(line, equipped):
    assert json.loads(sign(line, failed(), plant=equipped, defects=1).stdout)["check_sheet"] == "final-inspection"


@pytest.mark.parametrize(
    ("document", "text"),
    [
        (failed(serial="HC-32"), "/instrument/serial: the plant has no instrument 'HC-32'"),
        (failed(name="Ruler"), "/instrument/name: instrument HC-31 is 'Haze and colour meter', not 'Ruler'"),
        (failed(serial="HC-30"), "/instrument: the calibration of HC-30 was due on 2026-01-31"),
        (failed(calibrated_on="2026-02-02"), "/instrument/calibrated_on: the date 2026-02-02 is after"),
        (
            evidence("final") | {"instrument": METER},
            "/measurements/4/quantity: instrument HC-31 measures not optical memory",
        ),
    ],
    ids=["unknown", "name", "expired", "future", "quantity"],
)
def test_an_instrument_that_cannot_give_a_verdict(line, equipped, document, text):
    assert text in error_of(
        sign(line, document, plant=equipped, defects=int(len(document["measurements"]) == 1), status=1)
    )


def test_an_ordered_inspection_may_stop_at_the_first_failure(line):
    document = evidence("final", **{"optical modulation": 22.0})
    document["measurements"] = document["measurements"][:1]
    assert json.loads(sign(line, document, defects=1).stdout)["check_sheet"] == "final-inspection"


def test_a_product_without_check_sheet_is_signed_with_a_note(line):
    document = changed(evidence(), 1, quantity="smell")
    result = sign(line, document, plant="desktop-computer")
    assert "note: plant 'desktop-computer' has no check sheet for the first inspection" in result.stderr
    assert "check_sheet" not in json.loads(result.stdout)


@pytest.mark.parametrize("options", [("--overrule", "no reason"), ("--overrule", "x", "--verdict", "pass")])
def test_an_overrule_needs_a_verdict_against_the_values(line, options):
    assert "error: overrule: " in error_of(sign(line, evidence(), *options, status=1))


def test_an_empty_reason_is_an_error(line):
    options = ("--verdict", "pass", "--overrule", " ")
    document = evidence(**{"grain size": 55.0})
    assert "error: /overrule: the reason is empty" in error_of(sign(line, document, *options, defects=1, status=1))


def test_an_overruled_verdict_is_recorded_with_its_reason(line):
    window = line.folder / "window.json"
    window.write_text(json.dumps(window_of(line)))
    reason = "the grain size was read at the edge of the film"
    options = ("--verdict", "pass", "--overrule", reason, "--window", window)
    document = evidence(**{"grain size": 55.0})
    facts = json.loads(sign(line, document, *options, defects=1).stdout)
    assert facts["overrule"] == reason
    line("inspection", "submit", facts["signed"], account=2)
    bundle = line.folder / "overruled.bundle.json"
    line("batch", "prove", GTIN, LOT, "-o", bundle)
    assert f"overruled the verdict of the measurements: {reason}" in line("verify", bundle, "--json", status=3).stdout


def test_the_batch_page_shows_the_reason_of_an_overruled_verdict(line):
    reason = "probe <17> was cold"
    document = evidence(**{"W5+ share": 9.25})
    sign(line, document, "--verdict", "pass", "--overrule", reason, defects=1, submit=True)
    line("index", "sync")
    settings = PortalSettings(
        data_folder=line.folder / "data",
        rpc_url=line.node.url,
        manifest_path=line.manifest,
        base_url="http://portal.example",
        query_limit_ms=60_000,
    )
    client = create_app(settings).test_client()
    path = f"/01/{GTIN}/10/{LOT}"
    page = client.get(path, headers={"Accept": "text/html"}).text
    assert "A person overruled the verdict of the measurements. Reason: <bdi>probe &lt;17&gt; was cold</bdi>" in page
    assert "the inspector&#39;s signed verdict is pass" not in page
    facts = client.get(path, headers={"Accept": "application/json"}).json
    (first,) = [part for part in facts["inspections"] if part["stage"] == "first" and not part["superseded"]]
    assert (first["verdict"], first["overrule"]) == ("pass", reason)


def test_honest_evidence_is_recorded(line):
    facts = json.loads(sign(line, evidence() | {"readings": window_of(line)}, submit=True).stdout)
    assert (facts["verdict"], facts["check_sheet"]) == ("pass", "first-inspection")
