"""Test the keys and readers of records by the command line: equal names, all keys, rotation, recovery, age."""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess

import pytest
from contract_order import CONTRACT, story
from department_shop import ADMINISTRATOR, COMPETITOR, DESIGN, SALES, address

DRAWING = b"ISO-10303-21;" * 20_000
ORDER, DESIGN_KIND = "sales.contract-order", "product-design.design"


@pytest.fixture(scope="module")
def competitor(shop):
    """Open the department Sales of the competitor, in the same data folder; return the public part of its key."""
    shop.run(COMPETITOR, "record", "open", "Sales")
    shop.run(COMPETITOR, "record", "member", "Sales", address(COMPETITOR))
    return shop.run(COMPETITOR, "key", "reader", "Sales")


@pytest.fixture(scope="module")
def order(shop):
    """Add a contract order; return the entry of its document and the key of its department."""
    shop.add(SALES, CONTRACT)
    return shop.run(SALES, "record", "show", ORDER, "C-2026-001")


@pytest.fixture(scope="module")
def design(shop, order):
    """Add two designs with the same drawing, D-1 and D-2."""
    drawing = shop.folder / "drawing.step"
    drawing.write_bytes(DRAWING)
    for product in ("P-1", "P-2"):
        shop.add(DESIGN, story(product)[0], "--attach", f"drawing_file={drawing}")
    return "0x" + hashlib.sha256(DRAWING).hexdigest()


def readers(shop, account, kind, key):
    """Return organisation and name of the readers of a record."""
    shown = shop.run(account, "record", "show", kind, key)
    return [(reader["organisation"], reader["name"]) for reader in shown["readers"]]


def test_department_with_the_same_name_does_not_replace_the_own_one(shop, order, competitor):
    own = order["readers"][0]
    assert own["department"] != competitor["department"]
    shop.run(SALES, "record", "grant", ORDER, "C-2026-001", "--to", competitor["reader"])
    assert readers(shop, SALES, ORDER, "C-2026-001") == [(1, "Sales"), (2, "Sales")]
    for fingerprint in (own["fingerprint"], competitor["fingerprint"]):
        shown = shop.run(SALES, "record", "show", ORDER, "C-2026-001", "--as", fingerprint)
        assert shown["fields"]["customer"] == "Example Windows"


def test_reader_of_another_organisation_cannot_change_readers(shop, order, competitor):
    shop.run(SALES, "record", "grant", ORDER, "C-2026-001", "--to", competitor["reader"])
    shop.run(ADMINISTRATOR, "record", "member", "Sales", address(COMPETITOR), "--rights", "read")
    own = order["readers"][0]["fingerprint"]
    for change in (("--revoke", own), ("--to", competitor["reader"])):
        rejected = shop.run(
            COMPETITOR, "record", "grant", ORDER, "C-2026-001", "--as", competitor["fingerprint"], *change, status=1
        )
        assert rejected["error"] == "NotDepartmentOwner"
    assert (1, "Sales") in readers(shop, SALES, ORDER, "C-2026-001")


def test_invented_reader_is_rejected(shop, order, competitor):
    invented = [
        "Sales=x25519:" + "1" * 64,
        competitor["reader"].replace("Sales=2", "Sales=1"),
        competitor["reader"].replace(competitor["department"], order["readers"][0]["department"]),
        competitor["reader"].replace(competitor["reader"].split(":")[1][:64], "1" * 64),
        "5",
    ]
    before = shop.run(SALES, "record", "show", ORDER, "C-2026-001")["readers"]
    for text in invented:
        assert shop.error(SALES, "record", "grant", ORDER, "C-2026-001", "--to", text) == ("InvalidInput", "reader")
        assert shop.error(SALES, "record", "add", shop.write(CONTRACT), "--reader", text) == ("InvalidInput", "reader")
    assert shop.run(SALES, "record", "show", ORDER, "C-2026-001")["readers"] == before


def test_second_key_of_a_department_is_rejected_without_writing(shop, order):
    from chromatrace.records.reader_key import ReaderIdentity, ReaderKey

    own = bytes.fromhex(order["readers"][0]["department"][2:])
    text, stored = str(ReaderKey.generate(ReaderIdentity(1, own), "Sales").reader), shop.stored()
    new = shop.write(CONTRACT | {"contract_id": "C-second"})
    assert shop.error(SALES, "record", "add", new, "--reader", text) == ("ReaderExistsError", "reader")
    assert shop.error(SALES, "record", "grant", ORDER, "C-2026-001", "--to", text) == ("ReaderExistsError", "reader")
    locked_out = ["record", "grant", ORDER, "C-2026-001", "--to", text, "--rotate"]
    assert shop.error(SALES, *locked_out) == ("InvalidInput", "reader")
    assert shop.stored() == stored


def test_reader_that_is_not_on_the_chain_is_rejected(shop, order):
    from chromatrace.records.reader_key import WHOLE_ORGANISATION, ReaderIdentity, ReaderKey

    own = bytes.fromhex(order["readers"][0]["department"][2:])
    for identity in (
        ReaderIdentity(2, own),
        ReaderIdentity(1, b"\7" * 32),
        ReaderIdentity(77, WHOLE_ORGANISATION),
        ReaderIdentity(10**14, WHOLE_ORGANISATION),
    ):
        text = str(ReaderKey.generate(identity, "Sales").reader)
        assert shop.error(SALES, "record", "grant", ORDER, "C-2026-001", "--to", text) == ("InvalidInput", "reader")
        new = shop.write(CONTRACT | {"contract_id": "C-unknown"})
        assert shop.error(SALES, "record", "add", new, "--reader", text) == ("InvalidInput", "reader")


def test_all_named_keys_are_used(shop, order, design, competitor):
    """The first key decrypts nothing, the second one decrypts the document and its file."""
    target = shop.folder / "saved"
    arguments = ["record", "show", DESIGN_KIND, "D-1", "--as", "Assembly line", "--as", "Product design"]
    shown = shop.run(DESIGN, *arguments, "--save", f"drawing_file={target}")
    assert shown["fields"]["drawing_file"] == design
    assert target.read_bytes() == DRAWING
    assert shop.error(DESIGN, *arguments[:6]) == ("KeyMissingError", "as")
    assert shop.error(DESIGN, *arguments[:4], "--as", "Unknown") == ("KeyMissingError", "as")
    assert shop.error(DESIGN, *arguments, "--save", f"contract_id={target}") == ("InvalidRecordError", "/contract_id")


def test_revoking_on_one_record_keeps_the_shared_file_of_another(shop, design):
    other = shop.run(DESIGN, "key", "reader", "Auditor", "--whole-organisation", "--organisation", 2)
    for key in ("D-1", "D-2"):
        shop.run(DESIGN, "record", "grant", DESIGN_KIND, key, "--to", other["reader"])
    shop.run(DESIGN, "record", "grant", DESIGN_KIND, "D-1", "--revoke", other["fingerprint"])
    target = shop.folder / "shared"
    arguments = ["--as", "Auditor", "--save", f"drawing_file={target}"]
    assert shop.error(DESIGN, "record", "show", DESIGN_KIND, "D-1", *arguments) == ("KeyMissingError", "as")
    shop.run(DESIGN, "record", "show", DESIGN_KIND, "D-2", *arguments)
    assert target.read_bytes() == DRAWING


@pytest.mark.parametrize("names", [("销售", "Продажи"), ("SALES!", "sales!")])
def test_departments_with_names_of_any_script_have_separate_keys(shop, names):
    shop.run(ADMINISTRATOR, "record", "open", *names, "--beyond-plant")
    keys = [shop.run(ADMINISTRATOR, "key", "reader", name) for name in names]
    assert [key["name"] for key in keys] == list(names)
    assert len({key["fingerprint"] for key in keys}) == len({key["key"] for key in keys}) == 2
    assert shop.error(ADMINISTRATOR, "key", "reader", names[0]) == ("InvalidInput", "name")


def test_key_of_an_unknown_department_or_organisation_is_rejected(shop):
    assert shop.error(ADMINISTRATOR, "key", "reader", "Nowhere") == ("NotFound", "name")
    assert shop.error(ADMINISTRATOR, "key", "reader", "Sales", "--organisation", 77) == ("NotFound", "name")
    arguments = ["key", "reader", "Auditor", "--whole-organisation", "--organisation", 77]
    assert shop.error(ADMINISTRATOR, *arguments) == ("NotFound", "organisation")


def test_rotation_and_recovery(shop, order, design, competitor):
    """Rotate the key of Product design; then lose all its keys and restore access with the recovery key."""
    offline = shop.folder / "offline.json"
    recovery = shop.run(ADMINISTRATOR, "key", "recovery", offline)
    assert shop.error(ADMINISTRATOR, "key", "recovery", shop.folder / "second.json") == ("InvalidInput", "organisation")
    new = shop.run(DESIGN, "key", "reader", "Product design", "--rotate")
    assert shop.run(DESIGN, "record", "show", DESIGN_KIND, "D-1")["fields"]["drawing_file"] == design
    report = shop.run(DESIGN, "record", "rewrap")
    assert (report["changed"] >= 3, report["errors"]) == (True, [])
    assert shop.run(DESIGN, "record", "rewrap")["changed"] == 0
    shown = {reader["fingerprint"] for reader in shop.run(DESIGN, "record", "show", DESIGN_KIND, "D-1")["readers"]}
    assert {new["fingerprint"], recovery["fingerprint"]} <= shown

    ring = shop.folder / "data" / "keys" / "readers"
    shutil.rmtree(ring / f"1-{new['department'][2:]}")
    (ring / "1.recovery").unlink()
    assert shop.error(DESIGN, "record", "show", DESIGN_KIND, "D-1") == ("KeyMissingError", "as")
    newer = shop.run(DESIGN, "key", "reader", "Product design")
    assert shop.error(DESIGN, "record", "show", DESIGN_KIND, "D-1") == ("KeyMissingError", "as")
    own = next(path for path in ring.rglob("*.json") if newer["department"][2:] not in str(path))
    assert shop.error(DESIGN, "record", "rewrap", "--recovery", own) == ("InvalidInput", "recovery")
    assert shop.run(DESIGN, "record", "rewrap", "--recovery", offline)["changed"] == 2
    assert recovery["reader"] == (ring / "1.recovery").read_text().strip()
    target = shop.folder / "recovered"
    shop.run(DESIGN, "record", "show", DESIGN_KIND, "D-1", "--save", f"drawing_file={target}")
    assert target.read_bytes() == DRAWING
    granted = shop.run(DESIGN, "record", "grant", DESIGN_KIND, "D-1", "--to", competitor["reader"])
    assert {newer["fingerprint"], recovery["fingerprint"], competitor["fingerprint"]} == {
        reader["fingerprint"] for reader in granted["readers"]
    }


def test_changed_manifest_is_named_and_affects_no_other_record(shop, order):
    shop.add(SALES, CONTRACT | {"contract_id": "C-changed"})
    shown = shop.run(SALES, "record", "show", ORDER, "C-changed")["entry"]
    (path,) = (shop.folder / "data" / "vault").rglob(f"*-{shown['digest'][2:]}.age")
    before = path.read_bytes()
    try:
        for junk in (b"", b'{"reader": 5}', before[:-1], before + b"\0"):
            path.write_bytes(junk)
            rejected = shop.run(SALES, "record", "show", ORDER, "C-changed", status=1)
            assert rejected["error"] == "ContentCorruptError"
            assert path.name in rejected["message"]
            keys = [record["key"] for record in shop.run(SALES, "record", "list", "P-1")["records"]]
            assert (None in keys, "C-2026-001" in keys) == (True, True)
    finally:
        path.write_bytes(before)


@pytest.mark.skipif(shutil.which("age") is None, reason="the program age is not installed")
def test_program_age_reads_a_record(shop, design, tmp_path):
    """The commands of docs/records.md."""

    def age(identity, path):
        command = ["age", "-d", "-i", str(tmp_path / identity), str(path)]
        return subprocess.run(command, capture_output=True, check=True, timeout=60).stdout

    entry = shop.run(DESIGN, "record", "show", DESIGN_KIND, "D-2")["entry"]
    vault = shop.folder / "data" / "vault"
    (manifest,) = vault.rglob(f"*-{entry['digest'][2:]}.age")
    folder = shop.folder / "data" / "keys" / "readers" / f"1-{entry['department'][2:]}"
    key = max(folder.iterdir(), key=lambda path: int(path.stem))
    shop.run(None, "key", "export", key, tmp_path / "department.age")
    contents = json.loads(age("department.age", manifest))["contents"]
    plain = {}
    for item in contents:
        (tmp_path / "content.age").write_text(item["key"] + "\n")
        plain[item["purpose"]] = age("content.age", vault / "contents" / item["blob"][:2] / item["blob"][2:])
    assert plain["file"] == DRAWING
    assert hashlib.sha256(plain["document"]).hexdigest() == entry["digest"][2:]
