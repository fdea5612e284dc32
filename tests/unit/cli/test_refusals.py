"""Bad input at the command line: one clear message that names the field, exit status 1, nothing half-written."""

import json

import pytest
from click.testing import CliRunner

from chromatrace.cli import main


def refused(monkeypatch, *words):
    """The JSON refusal of a command that must fail."""
    monkeypatch.setattr("sys.argv", ["chromatrace", *words])
    answer = CliRunner().invoke(main, list(words))
    assert answer.exit_code == 1, answer.output
    return json.loads(answer.stdout)


@pytest.fixture
def nowhere(tmp_path):
    """Options of a chain that does not answer, and a data folder of its own."""
    return ["--rpc-url", "http://127.0.0.1:9", "--data", str(tmp_path / "data")]


def test_no_chain_at_the_url(monkeypatch, nowhere):
    said = refused(monkeypatch, *nowhere, "status", "--json")
    assert (said["error"], said["field"]) == ("ChainUnavailableError", "rpc_url")
    assert "chromatrace up" in said["hint"]


def test_no_chain_to_deploy_to(monkeypatch, nowhere):
    said = refused(monkeypatch, *nowhere, "deploy", "--json")
    assert (said["error"], said["field"]) == ("ChainUnavailableError", "rpc_url")
    assert "chromatrace up" in said["hint"]


def test_a_wrong_check_digit(monkeypatch, nowhere, tmp_path):
    said = refused(monkeypatch, *nowhere, "qr", "code", "09521234543214", "L1", "-o", str(tmp_path / "a.svg"), "--json")
    assert (said["error"], said["field"]) == ("InvalidInput", "gtin")
    assert "expected 3" in said["message"]


def test_a_lot_over_twenty_characters(monkeypatch, nowhere, tmp_path):
    words = ["qr", "code", "09521234543213", "L" * 21, "-o", str(tmp_path / "a.svg"), "--json"]
    said = refused(monkeypatch, *nowhere, *words)
    assert (said["field"], said["message"]) == ("lot", "expected 1 to 20 characters of a lot, got 21")
    assert not (tmp_path / "a.svg").exists()


def test_a_file_of_the_wrong_kind(monkeypatch, nowhere, tmp_path):
    words = ["qr", "code", "09521234543213", "L1", "-o", str(tmp_path / "a.gif"), "--json"]
    assert refused(monkeypatch, *nowhere, *words)["field"] == "output"


def test_a_broken_row_in_the_middle_is_reported_and_the_rest_taken(monkeypatch, nowhere, tmp_path):
    table = tmp_path / "table.dat"
    table.write_text("1 2\n3 oops\n5 6\n")
    words = [*nowhere, "ingest", "file", str(table), "--channel", "c", "--columns", "a,b"]
    words += ["--start", "2026-01-01T00:00:00Z", "--step", "1s", "--json"]
    said = refused(monkeypatch, *words)
    assert (said["taken"], said["refused"]) == (5, 1)
    assert (said["refusals"][0]["line"], said["refusals"][0]["field"]) == (2, "b")


def test_a_table_without_its_start(monkeypatch, nowhere, tmp_path):
    table = tmp_path / "table.dat"
    table.write_text("1 2\n")
    words = [*nowhere, "ingest", "file", str(table), "--channel", "c", "--columns", "a,b", "--step", "1s", "--json"]
    assert refused(monkeypatch, *words)["field"] == "start"


def test_a_bundle_that_is_no_bundle(monkeypatch, tmp_path):
    path = tmp_path / "bundle.json"
    path.write_text('{"schema": "other"}')
    assert refused(monkeypatch, "verify", "bundle", str(path), "--json")["error"] == "InvalidInput"


def test_a_block_hash_that_is_none(monkeypatch, tmp_path):
    path = tmp_path / "bundle.json"
    path.write_text("{}")
    assert refused(monkeypatch, "verify", "bundle", str(path), "--block-hash", "0x12", "--json")["field"]


def epcis_event(**changes):
    goods = {"epcClass": "https://id.gs1.org/01/09521234543213/10/L1", "quantity": 2.5, "uom": "KGM"}
    event = {
        "type": "ObjectEvent",
        "action": "OBSERVE",
        "eventTime": "2026-03-31T14:05:00Z",
        "eventTimeZoneOffset": "+02:00",
        "quantityList": [goods | changes.pop("goods", {})],
    }
    return event | changes


def epcis_document(event):
    return {
        "@context": ["https://ref.gs1.org/standards/epcis/2.0.0/epcis-context.jsonld"],
        "type": "EPCISDocument",
        "schemaVersion": "2.0",
        "creationDate": "2026-03-31T14:05:00Z",
        "epcisBody": {"eventList": [event]},
    }


@pytest.mark.parametrize(
    ("data", "field"),
    [
        (epcis_event(goods={"uom": "kg"}), "/epcisBody/eventList/0/quantityList/0/uom"),
        (epcis_event(goods={"uom": "KGMS"}), "/epcisBody/eventList/0/quantityList/0/uom"),
        (epcis_event(note="bare"), "/epcisBody/eventList/0/note"),
        (epcis_event(goods={"note": 1}), "/epcisBody/eventList/0/quantityList/0/note"),
        (epcis_event(**{"other:note": 1}), "/epcisBody/eventList/0/other:note"),
        (json.dumps({"type": "EPCISDocument"}).encode("utf-16"), None),
        (b"{" + b" " * (9 * 1024 * 1024), None),
    ],
    ids=lambda value: str(value)[:40] if isinstance(value, bytes) else None,
)
def test_an_epcis_document_that_is_wrong(monkeypatch, tmp_path, data, field):
    path = tmp_path / "events.json"
    path.write_bytes(data if isinstance(data, bytes) else json.dumps(epcis_document(data)).encode())
    said = refused(monkeypatch, "epcis", "validate", str(path), "--json")
    assert (said["error"], said.get("field") or None) == ("InvalidInput", field)


def test_an_epcis_document_that_is_right(monkeypatch, tmp_path):
    path = tmp_path / "events.json"
    path.write_text(json.dumps(epcis_document(epcis_event())))
    monkeypatch.setattr("sys.argv", ["chromatrace"])
    answer = CliRunner().invoke(main, ["epcis", "validate", str(path), "--json"])
    assert (answer.exit_code, json.loads(answer.stdout)) == (0, {"valid": True, "events": 1})


def test_brackets_in_what_was_given_are_shown_as_they_are(nowhere):
    answer = CliRunner().invoke(main, [*nowhere, "qr", "code", "[/]", "L1", "-o", "a.svg"])
    assert (answer.exit_code, "[/]" in answer.stderr) == (1, True)


def test_a_cell_with_brackets_is_reported(nowhere, tmp_path):
    table = tmp_path / "table.dat"
    table.write_text("1 a[/b]\n")
    words = ["ingest", "file", str(table), "--channel", "c", "--columns", "a,b"]
    answer = CliRunner().invoke(main, [*nowhere, *words, "--start", "2026-01-01T00:00:00Z", "--step", "1s"])
    assert (answer.exit_code, "a[/b]" in answer.stderr) == (1, True)


def test_a_folder_that_cannot_be_made_is_named(monkeypatch):
    said = refused(monkeypatch, "--data", "/proc/nope", "batch", "list", "--json")
    assert (said["error"], said["field"]) == ("Unavailable", "/proc/nope")


def test_a_long_address_is_not_folded(nowhere):
    answer = CliRunner().invoke(main, ["--rpc-url", f"http://127.0.0.1:9/{'x' * 120}", *nowhere[2:], "status"])
    assert f"http://127.0.0.1:9/{'x' * 120}" in answer.stderr


def test_a_missing_folder_of_a_code_is_made(nowhere, tmp_path):
    output = tmp_path / "new" / "code.svg"
    words = ["qr", "code", "09521234543213", "L1", "-o", str(output)]
    unasked = CliRunner().invoke(main, [*nowhere, *words])
    assert (unasked.exit_code, output.parent.exists(), "--ahead" in unasked.stderr) == (1, False, True)
    answer = CliRunner().invoke(main, [*nowhere, *words, "--ahead"])
    assert (answer.exit_code, output.exists()) == (0, True)


def test_a_label_sheet_is_a_pdf(monkeypatch, nowhere, tmp_path):
    words = ["qr", "labels", "09521234543213", "L1", "--count", "2", "-o", str(tmp_path / "l.txt"), "--json"]
    assert refused(monkeypatch, *nowhere, *words)["field"] == "output"


def test_columns_with_an_open_bracket_are_refused(monkeypatch, nowhere, tmp_path):
    table = tmp_path / "table.dat"
    table.write_text("1 2\n")
    words = ["ingest", "file", str(table), "--channel", "c", "--columns", "XMEAS(1..41", "--json"]
    said = refused(monkeypatch, *nowhere, *words, "--start", "2026-01-01T00:00:00Z", "--step", "1s")
    assert said["field"] == "columns"
