"""Commands that register organisations, policies and batches."""

import base64
import json
import re
import zlib

import pytest

from chromatrace.documents.store import DocumentStore

CONTENT = {
    "schema": "chromatrace.batch/1",
    "gtin": "09521234543213",
    "product": {"name": "Electrochromic pane", "description": ""},
    "quantity": 100,
    "made_at": "2026-01-01T08:00:00Z",
    "serials": {"first": 1, "count": 100, "width": 6},
    "materials": [],
}


@pytest.fixture
def document(tmp_path):
    """Return a function that writes the document of a lot to a file and returns its path."""

    def write(lot):
        path = tmp_path / f"{lot}.json"
        path.write_text(json.dumps(CONTENT | {"lot": lot}))
        return path

    return write


def test_a_rejected_registration_leaves_no_document(site, document, tmp_path):
    data, path = tmp_path / "data", document("R-1")
    stored = DocumentStore(data / "documents")
    rejected = site("batch", "register", path, data=data, account=5, status=1)
    assert "is not an operator of any organisation" in rejected.stderr
    assert list(stored.digests()) == []
    registered = json.loads(site("batch", "register", path, "--json", data=data, account=2).stdout)
    assert [f"0x{digest.hex()}" for digest in stored.digests()] == [registered["content_digest"]]
    repeated = site("batch", "register", path, data=tmp_path / "2", account=2, status=1)
    assert "batch 09521234543213/R-1 already exists" in repeated.stderr
    early = site("batch", "assemble", "09521234543213", "R-1", account=2, status=1)
    assert "this step is not valid in state registered of batch 09521234543213/R-1" in early.stderr
    options = ("--input", "09521234543213/R-1=101")
    assert (
        "units of input 09521234543213/R-1 are requested"
        in site("batch", "register", document("R-4"), *options, account=2, status=1).stderr
    )
    assert list(DocumentStore(tmp_path / "2" / "documents").digests()) == []


@pytest.mark.parametrize("route", ["0x" + "77" * 32, "0x12", "seven"])
def test_a_route_that_is_not_designed_is_an_error(site, document, route):
    rejected = site("batch", "register", document("R-2"), "--route", route, account=2, status=1)
    assert "error: route: " in rejected.stderr


def test_a_gln_is_registered_once(site):
    options = ("--kind", "franchisee", "--roles", "franchisee")
    again = site("org", "register", "9521234500001", "Example Impostor", *options, status=1)
    assert "GLN 9521234500001 already belongs to organisation 1" in again.stderr


def test_the_permitted_roles_of_an_organisation_can_be_changed(site):
    address = site.node.rpc().call("eth_accounts")[6]
    appoint = ("org", "appoint", address, "9521234510000", "--roles", "inspector")
    assert "ask the registrar to permit more roles" in site(*appoint, status=1).stderr
    site("org", "change", "9521234510000", "--roles", "producer,gateway,admin,inspector")
    site(*appoint)


def test_a_new_operator_on_a_development_chain_receives_gas_once(site):
    address = "0x" + "5a" * 20
    appoint = ("org", "appoint", address, "9521234500001", "--roles", "gateway", "--json")
    for _ in range(2):
        assert json.loads(site(*appoint).stdout)["has_gas"] is True
        assert int(site.node.rpc().call("eth_getBalance", address, "latest"), 16) == 10**18


def test_a_validity_without_end_is_shown_as_no_end(site):
    shown, listed = site("key", "show", account=2).stdout, site("org", "list").stdout
    assert re.search(r"valid until +no end", shown)
    assert re.search(r"9521234500001  manufacturer  active     no end +Example Works 2", listed)
    assert str(2**64 - 1) not in shown + listed
    assert json.loads(site("key", "show", "--json", account=2).stdout)["valid_until"] == 2**64 - 1


def test_a_development_key_is_a_warning_and_times_are_readable(site):
    shown = site("key", "show", account=2)
    assert shown.stderr == "INSECURE signing with development key 2, which is public (chain 31337)\n"
    site("index", "sync")
    status = site("index", "status").stdout
    assert len(re.findall(r"^(?:indexed time|checked at) +\d{4}-\d\d-\d\d \d\d:\d\d UTC$", status, re.MULTILINE)) == 2


def test_codes_of_an_unregistered_lot_require_ahead(site, document, tmp_path):
    code, sheet = tmp_path / "code.svg", tmp_path / "sheet.pdf"
    commands = (
        ("qr", "code", "09521234543213", "R-9", "-o", code),
        ("qr", "labels", "09521234543213", "R-9", "--count", "2", "-o", sheet),
    )
    for command in commands:
        error = site(*command, status=1).stderr
        assert "no batch 09521234543213/R-9 is registered on this chain" in error
        assert "--ahead" in error
    assert not code.exists()
    assert not sheet.exists()
    site(*commands[0], "--ahead")
    ahead = code.read_bytes()
    site("batch", "register", document("R-9"), account=2)
    for command in commands:
        site(*command)
    assert code.read_bytes() == ahead
    assert "NOT RELEASED FOR SALE WHEN PRINTED" in printed_text(sheet)
    error = site(*commands[1], "--title", "Fenster 电致变色 źle", status=1).stderr
    assert "does not have '电' (U+7535), '致' (U+81F4)" in error
    assert "label_font" in error


def printed_text(sheet):
    """Return the drawing operators of a label sheet, in which ASCII text is readable."""
    pattern = rb"/Filter \[ /ASCII85Decode /FlateDecode \][^>]*>>\s*stream\r?\n(.*?)endstream"
    streams = re.findall(pattern, sheet.read_bytes(), re.DOTALL)
    pages = (zlib.decompress(base64.a85decode(stream.strip().removesuffix(b"~>"))) for stream in streams)
    return b"".join(pages).decode("latin-1")


def test_a_recalled_or_stopped_lot_gets_no_codes(site, document, tmp_path):
    roles, address = ("--roles", "producer,supervisor"), site.node.rpc().call("eth_accounts")[4]
    site("org", "register", "9521234530008", "Example Recaller", "--kind", "manufacturer", *roles)
    site("org", "appoint", address, "9521234530008", *roles)
    site("org", "withdraw-licence", "952123454321")
    site("org", "license", "9521234530008", "952123454321")
    site("batch", "register", document("R-withdrawn"), account=4)
    site("org", "withdraw-licence", "952123454321")
    site("org", "license", "9521234500001", "952123454321")
    site("batch", "recall", "09521234543213", "R-withdrawn", "--reason", "leak", account=4)
    lot = ("09521234543213", "R-withdrawn")
    for command in (
        ("qr", "code", *lot, "-o", tmp_path / "a.svg"),
        ("qr", "labels", *lot, "--count", "2", "-o", tmp_path / "a.pdf"),
    ):
        for options in ((), ("--ahead",)):
            error = site(*command, *options, status=1).stderr
            assert "lot (01)09521234543213(10)R-withdrawn is recalled; its units must not get labels" in error
    assert list(tmp_path.glob("a.*")) == []


def test_only_the_licensee_registers_a_product(site, document):
    error = site("batch", "register", document("R-foreign"), account=3, status=1).stderr
    assert "GTIN 09521234543213 is not licensed to organisation 2" in error
    site("index", "sync")
    listed = json.loads(site("org", "licences", "--json").stdout)["licences"]
    assert [(licence["prefix"], licence["organisation"]) for licence in listed] == [("952123454321", 1)]
    assert "Example Works 2" in site("org", "licences").stdout
    error = site("org", "license", "9521234510000", "9521", status=1).stderr
    assert "overlaps a licence" in error


def test_an_accreditation_is_listed_and_withdrawn(site):
    gln, gtin = "9521234510000", "09521234543213"
    site("org", "accredit", gln, "--stages", "final", "--gtin", gtin, account=2)
    site("org", "accredit", gln, "--stages", "first", "--gtin", gtin, "--as-registrar")
    site("index", "sync")
    listed = json.loads(site("org", "accreditations", "--json").stdout)["accreditations"]
    own = [(item["accreditor"], item["gtin"], item["stages"]) for item in listed if item["body"] == 2]
    assert sorted(own, key=str) == [(1, gtin, ["final"]), (None, gtin, ["first"])]
    assert f"Example Works 3  final  {gtin}  by Example Works 2" in site("org", "accreditations").stdout
    error = site("org", "accredit", gln, "--stages", "first", "--as-registrar", status=1).stderr
    assert "the registrar accredits for product lines" in error
    site("org", "accredit", gln, "--stages", "none", "--gtin", gtin, account=2)
    site("org", "accredit", gln, "--stages", "none", "--gtin", gtin, "--as-registrar")
    site("index", "sync")
    assert "Example Works 3" not in site("org", "accreditations").stdout


def test_the_policy_of_a_stage_can_be_set(site):
    command = ("inspection", "set-policy", "final", "--units-per-sample", "50", "--independent")
    assert "error" in site(*command, account=2, status=1).stderr
    site(*command)


def test_identifiers_are_text_in_json(site, document):
    site("batch", "register", document("R-3"), account=2)
    shown = json.loads(site("batch", "show", "09521234543213", "R-3", "--json").stdout)
    assert (shown["batch"]["gtin"], shown["batch"]["lot"]) == ("09521234543213", "R-3")
