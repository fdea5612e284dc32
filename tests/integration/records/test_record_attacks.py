"""Attempts of an organisation to read, share or destroy the records of another one, through the portal and commands."""

from __future__ import annotations

import json
import shutil
from unittest.mock import ANY

import pytest
from access_model import UNKNOWN, attempt
from three_organisations import (
    BINARY,
    DESIGN,
    JSON,
    ORGANISATIONS,
    READ,
    SALES,
    contract_order,
    design,
    digest_of,
    operator,
    secret_file,
)

from chromatrace.domain.identifiers import OrganisationId
from chromatrace.records.reader_key import ReaderIdentity, ReaderKey

DESIGNER, FOREIGN_DESIGNER, SELLER, FOREIGN_SELLER = (
    operator(organisation, department) for department in (DESIGN, SALES) for organisation in ("a", "b")
)


def of(world, organisation, department):
    return next(item for item in world.documents if (item.organisation, item.department) == (organisation, department))


@pytest.mark.parametrize("person", [FOREIGN_DESIGNER, SELLER, "stranger@none"])
@pytest.mark.parametrize("front_end", ["portal", "command line"])
def test_naming_a_document_or_file_of_another_department(world, person, front_end):
    """The digests are public on the chain. The response is the same as for a digest that is not stored."""
    drawing, order = of(world, "a", DESIGN), of(world, "b" if person == FOREIGN_DESIGNER else "a", SALES)
    others = [drawing.file[1], drawing.digest, of(world, "a", SALES).digest, UNKNOWN]
    base = design(world, order, UNKNOWN)
    results = {attempt(world, person, base | {"drawing_file": digest}, front_end) for digest in others}
    assert len(results) == 1, results
    status, *_, field, _ = results.pop()
    if person == FOREIGN_DESIGNER:
        assert (status, field) == (400 if front_end == "portal" else 1, "/drawing_file")
    else:
        assert status in (403, 1)


def test_a_document_is_not_a_file_of_its_own_department(world):
    """Documents and files have separate namespaces, also for the department that has written both."""
    drawing = of(world, "a", DESIGN)
    base = design(world, of(world, "a", SALES), UNKNOWN)
    for front_end in ("portal", "command line"):
        refused, unknown = (
            attempt(world, DESIGNER, base | {"drawing_file": digest}, front_end) for digest in (drawing.digest, UNKNOWN)
        )
        assert refused == unknown
        assert refused[0] in (400, 1)


def test_naming_a_file_in_an_imported_row(world):
    drawing = of(world, "a", DESIGN)
    row = design(world, of(world, "b", SALES), drawing.file[1])
    answers = []
    for digest in (drawing.file[1], drawing.digest, UNKNOWN):
        body = json.dumps({name: value for name, value in row.items() if name != "schema"} | {"drawing_file": digest})
        answer = world.request(
            FOREIGN_DESIGNER,
            "POST",
            "/records/import",
            query_string={"schema": row["schema"]},
            data=body.encode(),
            headers={"Content-Type": "application/x-ndjson"},
        )
        assert answer.json["appended"] == 0
        answers.append(answer.data.decode().replace(digest, "DIGEST"))
    assert len(set(answers)) == 1


def test_uploading_the_same_bytes_gives_no_access_to_the_other_record(world):
    """An organisation that has the bytes can store them for itself; readers and records stay separate."""
    drawing = of(world, "a", DESIGN)
    field, digest, content = drawing.file
    uploaded = world.upload(FOREIGN_DESIGNER, content, drawing.schema)
    assert (uploaded.status_code, uploaded.json["file"]) == (201, digest)
    own = design(world, of(world, "b", SALES), digest)
    added = world.add(FOREIGN_DESIGNER, own).json
    world.remember("b", DESIGN, own, added, drawing.file)
    readers = f"/records/{added['record']}/readers"
    revoked = world.request(FOREIGN_DESIGNER, "DELETE", f"{readers}/{world.fingerprints['a', DESIGN]}")
    assert (revoked.status_code, revoked.json["field"]) == (400, "reader")
    granted = world.request(FOREIGN_DESIGNER, "POST", readers, json={"reader": world.readers["b", SALES]})
    assert granted.status_code == 200
    world.documents[-1].readers.add(("b", SALES))
    for person, status in ((DESIGNER, 200), (FOREIGN_DESIGNER, 403), (FOREIGN_SELLER, 403)):
        assert world.show(person, drawing).status_code == status
    file = world.request(DESIGNER, "GET", f"/records/{drawing.record}/files/{field}")
    assert file.data == content


@pytest.mark.parametrize("department", [DESIGN, SALES])
def test_replayed_entry_is_shown_without_a_document(world, department):
    """Organisation B appends the record id and the digest of a record of A."""
    document, person = of(world, "a", DESIGN), operator("b", department)
    assert world.show(person, document).status_code == 403
    world.replay(person, document)
    assert world.show(person, document).status_code == 403
    for query in ({}, {"organisation": ORGANISATIONS["b"]}):
        shown = world.request(person, "GET", f"/records/{document.record}", query_string=query)
        assert shown.status_code == 200, shown.text
        assert (shown.json["organisation"], shown.json["document"]) == (ORGANISATIONS["b"], None)
        file = world.request(person, "GET", f"/records/{document.record}/files/drawing_file", query_string=query)
        assert file.status_code == 403
    body = {"reader": world.readers["b", department]}
    granted = world.request(person, "POST", f"/records/{document.record}/readers", json=body)
    assert granted.status_code in (403, 404)
    assert not any(secret in granted.data for secret in document.secrets)
    status, report = world.run(person, "record", "show", "product-design.design", document.key)
    assert status == 1, report
    own = world.show(DESIGNER, document)
    assert own.json["document"] == document.fields


def test_department_of_the_same_name_becomes_a_further_reader(world):
    """Both departments are called Sales. Both read the record, and only A's can change its readers."""
    order = contract_order(world)
    document = world.remember("a", SALES, order, world.add(SELLER, order).json)
    kind = "sales.contract-order"
    status, report = world.run(SELLER, "record", "grant", kind, document.key, "--to", world.readers["b", SALES])
    assert status == 0, report
    document.readers.add(("b", SALES))
    assert [reader["name"] for reader in report["readers"]] == [SALES, SALES]
    world.set_member("a", SALES, FOREIGN_SELLER, READ)
    for person in (SELLER, FOREIGN_SELLER):
        status, report = world.run(person, "record", "show", kind, document.key, "--organisation", 1)
        assert (status, report.get("fields", {}).get("customer")) == (0, order["customer"]), report
        assert world.show(person, document).json["document"] == order
    path = f"/records/{document.record}/readers"
    for request in (
        {"method": "POST", "path": path, "json": {"reader": world.readers["c", SALES]}},
        {"method": "DELETE", "path": f"{path}/{world.fingerprints['a', SALES]}"},
        {"method": "DELETE", "path": f"{path}/{world.fingerprints['b', SALES]}"},
    ):
        answer = world.request(FOREIGN_SELLER, **request)
        assert answer.status_code == 403, answer.text
        assert answer.json["error"] == "NotDepartmentOwner"
    for option in (("--to", world.readers["c", SALES]), ("--revoke", world.fingerprints["a", SALES])):
        status, report = world.run(FOREIGN_SELLER, "record", "grant", kind, document.key, *option, "--organisation", 1)
        assert (status, report["error"]) == (1, "NotDepartmentOwner"), report
    assert world.show(SELLER, document).json["document"] == order
    world.set_member("a", SALES, FOREIGN_SELLER, 0)
    assert world.show(FOREIGN_SELLER, document).status_code == 403
    status, report = world.run(FOREIGN_SELLER, "record", "show", kind, document.key, "--organisation", 1)
    assert (status, report["error"]) == (1, "RecordNotReadableError")


def test_key_that_claims_a_foreign_identity_replaces_no_reader(world):
    """A key proves its possession, not its department. A second key of a reader needs an explicit rotation."""
    document = of(world, "a", SALES)
    identity = ReaderIdentity(OrganisationId(ORGANISATIONS["a"]), world.departments["a", SALES])
    impostor = ReaderKey.generate(identity, SALES).reader
    path = f"/records/{document.record}/readers"
    refused = world.request(SELLER, "POST", path, json={"reader": str(impostor)})
    assert (refused.status_code, refused.json["error"]) == (409, "ReaderExistsError")
    rotated = world.request(SELLER, "POST", path, json={"reader": str(impostor), "rotate": True})
    assert (rotated.status_code, rotated.json["field"]) == (400, "reader"), "the department would be locked out"
    unknown = ReaderKey.generate(ReaderIdentity(OrganisationId(2), world.departments["a", SALES]), SALES).reader
    invented = world.request(SELLER, "POST", path, json={"reader": str(unknown)})
    assert (invented.status_code, invented.json["field"]) == (400, "reader")
    added = world.request(SELLER, "POST", "/records", json=contract_order(world), query_string={"reader": str(unknown)})
    assert (added.status_code, added.json["field"]) == (400, "reader")
    assert world.show(SELLER, document).json["document"] == document.fields


def test_revocation_on_one_record_does_not_affect_another_with_the_same_file(world):
    order, content = of(world, "a", SALES), secret_file()
    documents = []
    assert world.upload(DESIGNER, content, of(world, "a", DESIGN).schema).status_code == 201
    for _ in range(2):
        fields = design(world, order, digest_of(content))
        file = ("drawing_file", digest_of(content), content)
        documents.append(world.remember("a", DESIGN, fields, world.add(DESIGNER, fields).json, file))
        answer = world.request(
            DESIGNER, "POST", f"/records/{documents[-1].record}/readers", json={"reader": world.readers["b", DESIGN]}
        )
        assert answer.status_code == 200, answer.text
        documents[-1].readers.add(("b", DESIGN))
    revoked = world.request(
        DESIGNER, "DELETE", f"/records/{documents[0].record}/readers/{world.fingerprints['b', DESIGN]}"
    )
    assert revoked.status_code == 200, revoked.text
    documents[0].readers.discard(("b", DESIGN))
    world.set_member("a", DESIGN, FOREIGN_DESIGNER, READ)
    target = world.folder / "shared"
    for document, opened in zip(documents, (False, True), strict=True):
        save = ("--save", f"drawing_file={target}")
        status, report = world.run(
            FOREIGN_DESIGNER, "record", "show", "product-design.design", document.key, *save, "--organisation", 1
        )
        assert (status == 0) == opened, report
        assert target.exists() == opened
    assert target.read_bytes() == content
    world.set_member("a", DESIGN, FOREIGN_DESIGNER, 0)


WRONG_VALUES = [
    *(None, True, 0, -1, 1.5, 1e308, 2**70, "", "\x00", "\ud800", [], ["a"], [[]], {}, {"a": 1}, [None, {}]),
    "x" * 300_000,
]
"""Values of every JSON type, for members that expect another type."""


def test_wrong_types_are_errors_that_name_the_member(world):
    """No value of a body gives a traceback, a server error or a stored byte."""
    document, blocks = of(world, "a", SALES), world.rpc.call("eth_blockNumber")
    readers = f"/records/{document.record}/readers"
    new = contract_order(world)
    stored = sorted(path for path in world.vault.rglob("*") if path.is_file())
    for value in WRONG_VALUES:
        bodies = [(readers, value), (readers, {"reader": value}), ("/records", value)]
        bodies += [(readers, {"reader": world.readers["b", SALES], "rotate": value})] if value is not True else []
        bodies += [("/records", new | {name: value}) for name in ("schema", "salt", *new)]
        bodies += [("/records", new | {"products": [{"product_id": "P", "quantity": 1}, value]})]
        bodies += [("/records", new | {"products": [{"product_id": value, "quantity": value}]})]
        for path, body in bodies:
            answer = world.request(SELLER, "POST", path, data=json.dumps(body).encode(), headers=JSON)
            assert answer.status_code in (400, 413), (path, str(body)[:200], answer.text[:500])
            assert answer.mimetype == "application/problem+json"
            assert isinstance(answer.json.get("field"), str), (path, str(body)[:200], answer.text[:500])
    assert sorted(path for path in world.vault.rglob("*") if path.is_file()) == stored
    assert world.rpc.call("eth_blockNumber") == blocks


@pytest.mark.parametrize("file", ["file", "junk-0123456789abcdef"])
def test_junk_in_the_vault_does_not_affect_other_records(world, file):
    document = of(world, "a", DESIGN)
    for folder in [path for path in world.vault.rglob("*") if path.is_dir()]:
        (folder / file).write_bytes(b"junk")
        (folder / f"{file}.age").write_bytes(b"\xff" * 100)
        (folder / f"{file}.folder").mkdir()
    shown = world.show(DESIGNER, document)
    assert shown.json["document"] == document.fields
    assert world.upload(DESIGNER, b"after", document.schema).status_code == 201
    answer = world.request(
        DESIGNER, "POST", "/records/files", query_string={"schema": document.schema}, data=b"x", headers=BINARY
    )
    assert answer.status_code == 201


@pytest.mark.parametrize("content", [b"", b"5", b"[]", b'{"reader": 5}', b"\xff"])
def test_damaged_key_file_affects_its_department_only(world, content):
    """The portal reports that it cannot answer; the department's own data folder and other departments can."""
    drawing, order = of(world, "a", DESIGN), of(world, "a", SALES)
    held = world.key_file("a", DESIGN)
    path = world.portal_data / "keys" / "readers" / held.parent.name / held.name
    before = path.read_bytes()
    path.write_bytes(content)
    try:
        answer = world.show(DESIGNER, drawing)
        assert (answer.status_code, answer.mimetype) == (503, "application/problem+json"), answer.text
        assert str(world.portal_data) not in answer.text
        assert world.show(SELLER, order).json["document"] == order.fields
        assert world.run(DESIGNER, "record", "show", "product-design.design", drawing.key)[0] == 0
    finally:
        path.write_bytes(before)
    held.write_bytes(content)
    try:
        status, report = world.run(DESIGNER, "record", "show", "product-design.design", drawing.key)
        assert (status, report["error"]) == (1, "ReaderKeyFileError")
        assert str(held) in report["message"]
    finally:
        held.write_bytes(before)
    assert world.show(DESIGNER, drawing).json["document"] == drawing.fields


def test_rewrapping_with_invented_keys_of_another_organisation(world):
    """A reader of B creates keys and a recovery key that name A's department, and rewraps."""
    order = contract_order(world)
    document = world.remember("a", SALES, order, world.add(SELLER, order).json)
    body = {"reader": world.readers["b", SALES]}
    assert world.request(SELLER, "POST", f"/records/{document.record}/readers", json=body).status_code == 200
    document.readers.add(("b", SALES))
    held = world.data("b") / "keys" / "readers"
    before = set(held.iterdir())
    for command in (("reader", SALES), ("recovery", world.folder / "recovery.json")):
        world.run(FOREIGN_SELLER, "key", *command, "--organisation", ORGANISATIONS["a"])
    try:
        assert world.run(FOREIGN_SELLER, "record", "rewrap") == (0, {"checked": ANY, "changed": 0, "errors": []})
    finally:
        for added in set(held.iterdir()) - before:
            shutil.rmtree(added) if added.is_dir() else added.unlink()
    status, report = world.run(SELLER, "record", "show", "sales.contract-order", document.key)
    assert status == 0, report
    assert {item["fingerprint"] for item in report["readers"]} == {
        world.fingerprints[reader] for reader in document.readers
    }
