"""Invalid input at the command line: one message that names the field, exit status 1, no file written."""

import json

import pytest
from click.testing import CliRunner

from chromatrace.cli import main


def error_of(monkeypatch, *arguments):
    """Return the JSON error of a command that must fail."""
    monkeypatch.setattr("sys.argv", ["chromatrace", *arguments])
    result = CliRunner().invoke(main, list(arguments))
    assert result.exit_code == 1, result.output
    return json.loads(result.stdout)


@pytest.fixture
def unreachable(tmp_path):
    """Return options with a chain that does not respond and an empty data folder."""
    return ["--rpc-url", "http://127.0.0.1:9", "--data", str(tmp_path / "data")]


def test_status_without_a_chain(monkeypatch, unreachable):
    error = error_of(monkeypatch, *unreachable, "chain", "status", "--json")
    assert (error["error"], error["field"]) == ("ChainUnavailableError", "rpc_url")
    assert "chromatrace chain start" in error["hint"]


def test_deploy_without_a_chain(monkeypatch, unreachable):
    error = error_of(monkeypatch, *unreachable, "chain", "deploy", "--json")
    assert (error["error"], error["field"]) == ("ChainUnavailableError", "rpc_url")
    assert "chromatrace chain start" in error["hint"]


def test_a_wrong_check_digit(monkeypatch, unreachable, tmp_path):
    error = error_of(
        monkeypatch, *unreachable, "qr", "code", "09521234543214", "L1", "-o", str(tmp_path / "a.svg"), "--json"
    )
    assert (error["error"], error["field"]) == ("InvalidInput", "gtin")
    assert "expected 3" in error["message"]


def test_a_lot_over_twenty_characters(monkeypatch, unreachable, tmp_path):
    arguments = ["qr", "code", "09521234543213", "L" * 21, "-o", str(tmp_path / "a.svg"), "--json"]
    error = error_of(monkeypatch, *unreachable, *arguments)
    assert (error["field"], error["message"]) == ("lot", "expected 1 to 20 characters of a lot, got 21")
    assert not (tmp_path / "a.svg").exists()


def test_a_file_of_the_wrong_kind(monkeypatch, unreachable, tmp_path):
    arguments = ["qr", "code", "09521234543213", "L1", "-o", str(tmp_path / "a.gif"), "--json"]
    assert error_of(monkeypatch, *unreachable, *arguments)["field"] == "output"


def test_an_invalid_row_is_reported_and_the_others_are_stored(monkeypatch, unreachable, tmp_path):
    table = tmp_path / "table.dat"
    table.write_text("1 2\n3 oops\n5 6\n")
    arguments = [*unreachable, "ingest", "file", str(table), "--channel", "c", "--columns", "a,b"]
    arguments += ["--start", "2026-01-01T00:00:00Z", "--step", "1s", "--json"]
    error = error_of(monkeypatch, *arguments)
    assert (error["taken"], error["refused"]) == (5, 1)
    assert (error["refusals"][0]["line"], error["refusals"][0]["field"]) == (2, "b")


def test_a_table_without_its_start(monkeypatch, unreachable, tmp_path):
    table = tmp_path / "table.dat"
    table.write_text("1 2\n")
    options = ("--channel", "c", "--columns", "a,b", "--step", "1s", "--json")
    assert error_of(monkeypatch, *unreachable, "ingest", "file", str(table), *options)["field"] == "start"


def test_a_file_that_is_not_a_bundle(monkeypatch, tmp_path):
    path = tmp_path / "bundle.json"
    path.write_text('{"schema": "other"}')
    assert error_of(monkeypatch, "verify", str(path), "--json")["error"] == "InvalidInput"


def test_an_invalid_block_hash(monkeypatch, tmp_path):
    path = tmp_path / "bundle.json"
    path.write_text("{}")
    assert error_of(monkeypatch, "verify", str(path), "--block-hash", "0x12", "--json")["field"]


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
def test_an_invalid_epcis_document(monkeypatch, tmp_path, data, field):
    path = tmp_path / "events.json"
    path.write_bytes(data if isinstance(data, bytes) else json.dumps(epcis_document(data)).encode())
    error = error_of(monkeypatch, "epcis", "validate", str(path), "--json")
    assert (error["error"], error.get("field") or None) == ("InvalidInput", field)


def test_a_valid_epcis_document(monkeypatch, tmp_path):
    path = tmp_path / "events.json"
    path.write_text(json.dumps(epcis_document(epcis_event())))
    monkeypatch.setattr("sys.argv", ["chromatrace"])
    result = CliRunner().invoke(main, ["epcis", "validate", str(path), "--json"])
    assert (result.exit_code, json.loads(result.stdout)) == (0, {"valid": True, "events": 1})


def test_brackets_in_an_argument_are_not_markup(unreachable):
    result = CliRunner().invoke(main, [*unreachable, "qr", "code", "[/]", "L1", "-o", "a.svg"])
    assert (result.exit_code, "[/]" in result.stderr) == (1, True)


def test_brackets_in_a_cell_are_not_markup(unreachable, tmp_path):
    table = tmp_path / "table.dat"
    table.write_text("1 a[/b]\n")
    arguments = ["ingest", "file", str(table), "--channel", "c", "--columns", "a,b"]
    result = CliRunner().invoke(main, [*unreachable, *arguments, "--start", "2026-01-01T00:00:00Z", "--step", "1s"])
    assert (result.exit_code, "a[/b]" in result.stderr) == (1, True)


def test_a_folder_that_cannot_be_created_is_named(monkeypatch):
    error = error_of(monkeypatch, "--data", "/proc/nope", "batch", "list", "--json")
    assert (error["error"], error["field"]) == ("Unavailable", "/proc/nope")


def test_a_long_url_is_not_wrapped(unreachable):
    result = CliRunner().invoke(
        main, ["--rpc-url", f"http://127.0.0.1:9/{'x' * 120}", *unreachable[2:], "chain", "status"]
    )
    assert f"http://127.0.0.1:9/{'x' * 120}" in result.stderr


def test_the_folder_of_a_code_is_created(unreachable, tmp_path):
    output = tmp_path / "new" / "code.svg"
    arguments = ["qr", "code", "09521234543213", "L1", "-o", str(output)]
    rejected = CliRunner().invoke(main, [*unreachable, *arguments])
    assert (rejected.exit_code, output.parent.exists(), "--ahead" in rejected.stderr) == (1, False, True)
    result = CliRunner().invoke(main, [*unreachable, *arguments, "--ahead"])
    assert (result.exit_code, output.exists()) == (0, True)


def test_a_label_sheet_must_be_a_pdf(monkeypatch, unreachable, tmp_path):
    arguments = ["qr", "labels", "09521234543213", "L1", "--count", "2", "-o", str(tmp_path / "l.txt"), "--json"]
    assert error_of(monkeypatch, *unreachable, *arguments)["field"] == "output"


def test_columns_with_an_open_bracket_are_an_error(monkeypatch, unreachable, tmp_path):
    table = tmp_path / "table.dat"
    table.write_text("1 2\n")
    arguments = ["ingest", "file", str(table), "--channel", "c", "--columns", "XMEAS(1..41", "--json"]
    error = error_of(monkeypatch, *unreachable, *arguments, "--start", "2026-01-01T00:00:00Z", "--step", "1s")
    assert error["field"] == "columns"


@pytest.mark.parametrize(
    "command",
    [
        ["org", "appoint", "ADDRESS", "9521234000006", "--roles", "gateway"],
        ["org", "dismiss", "ADDRESS"],
        ["record", "member", "sales", "ADDRESS"],
        ["inspection", "enrol", "ADDRESS"],
        ["key", "fund", "ADDRESS"],
        ["portal", "add-account", "shop@example", "--wallet", "ADDRESS"],
    ],
)
def test_an_address_with_a_wrong_checksum_is_named(monkeypatch, unreachable, command):
    address = "0x52908400098527886E0F7030069857D2E4169Ee7"
    error = error_of(monkeypatch, *unreachable, *(address if word == "ADDRESS" else word for word in command), "--json")
    assert error["error"] == "InvalidInput"
    assert error["message"] == f"{address} does not have a valid EIP-55 checksum"
