"""Table of every route and command of records and imports, with the right and the department that it checks.

Each row is executed as each caller, and the result is compared with the rights on the chain. A route or command
without a row fails the test.
"""

from __future__ import annotations

import hashlib
import json
import time

import pytest
from flask import session as cookie
from three_organisations import (
    APPEND,
    BINARY,
    BOTH,
    CATALOGUE,
    DESIGN,
    ORGANISATIONS,
    READ,
    SALES,
    contract_order,
    design,
    digest_of,
    operator,
    secret_file,
    secret_text,
)

from app.sessions import SessionUser

CALLERS = (
    operator("a", DESIGN),  # a member of the department, with both rights
    "sales@a",  # a member of another department
    "production@a",  # may read
    "assembly@a",  # may append
    "quality@a",  # had both rights, and is dismissed
    operator("b", DESIGN),  # a member of the department with the same name
    "sales@b",  # may read
    "supervisor@a",
    "supervisor@b",
    "inspector@authority",
    "member@other",
    "stranger@none",
    None,  # without credentials
)
OWNER = "a"


@pytest.fixture(scope="module")
def drawing(world):
    """Return a design of organisation A with a file, after setting the rights of `CALLERS`."""
    for person, mask in {"production@a": READ, "assembly@a": APPEND, "quality@a": BOTH, "sales@b": READ}.items():
        world.set_member(OWNER, DESIGN, person, mask)
    world.set_active("quality@a", active=False)
    return next(item for item in world.documents if (item.organisation, item.department) == (OWNER, DESIGN))


class Call:
    """One row executed as one caller."""

    def __init__(self, world, person, document):
        self.world, self.person, self.document = world, person, document
        self.who = world.rights.people.get(person)

    @property
    def organisation(self):
        return None if self.who is None else self.who.organisation

    @property
    def may_act(self):
        """Whether the caller is an active operator."""
        return self.organisation not in (None, "none") and self.person not in self.world.rights.dismissed

    @property
    def may_read(self):
        return self.world.rights.may_read(self.person, OWNER, DESIGN)

    @property
    def may_change_readers(self):
        return self.may_read and self.world.rights.may_append(self.person, OWNER, DESIGN)

    @property
    def may_append_design(self):
        """Whether the caller may append to the design department of its own organisation."""
        return self.who is not None and self.world.rights.may_append(self.person, self.organisation, DESIGN)

    @property
    def holds_a_key(self):
        return self.organisation == OWNER

    @property
    def own_order(self):
        """A contract of the caller's organisation, which a new design must refer to."""
        orders = [item for item in self.world.documents if item.department == SALES]
        return next((item for item in orders if item.organisation == self.organisation), orders[0])

    def send(self, method, path, **arguments):
        query = arguments.pop("query_string", {}) | (
            {"organisation": ORGANISATIONS[OWNER]} if self.document.record in path else {}
        )
        return self.world.request(self.person, method, path, query_string=query, **arguments)

    def new_design(self):
        content = secret_file()
        schema = self.document.schema
        self.world.request(
            self.person, "POST", "/records/files", query_string={"schema": schema}, data=content, headers=BINARY
        )
        return design(self.world, self.own_order, digest_of(content))

    def run(self, *arguments):
        return self.world.run(self.person, *arguments)[0] == 0


def kinds(call):
    return call.send("GET", "/record-kinds"), call.may_act


def list_(call):
    product = call.document.fields["product_id"]
    return call.send("GET", "/records", query_string={"product": product}), reads_a_department_of_the_product(call)


def reads_a_department_of_the_product(call):
    rights = call.world.rights
    return any(rights.may_read(call.person, OWNER, department) for department in CATALOGUE.departments)


def list_by_key(call):
    query = {"schema": call.document.schema, "key": call.document.key, "organisation": ORGANISATIONS[OWNER]}
    return call.send("GET", "/records", query_string=query), call.may_read


def list_of_transaction(call):
    transaction = call.world.transaction_of(call.document)
    return call.send("GET", "/records", query_string={"transaction": transaction}), call.may_read


def show_by_transaction(call):
    transaction = call.world.transaction_of(call.document)
    path = f"/records/{call.document.record}"
    return call.world.request(call.person, "GET", path, query_string={"transaction": transaction}), call.may_read


def show(call):
    answer = call.send("GET", f"/records/{call.document.record}")
    assert (answer.status_code == 200) == (call.document.fields["drawing_file"].encode() in answer.data)
    return answer, call.may_read


def download(call):
    answer = call.send("GET", f"/records/{call.document.record}/files/drawing_file")
    assert (answer.data == call.document.file[2]) == call.may_read
    return answer, call.may_read


def upload(call):
    answer = call.send(
        "POST", "/records/files", query_string={"schema": call.document.schema}, data=b"content", headers=BINARY
    )
    return answer, call.may_append_design


def add(call):
    return call.send("POST", "/records", json=call.new_design()), call.may_append_design


def import_(call):
    row = {name: value for name, value in call.new_design().items() if name != "schema"}
    answer = call.send(
        "POST",
        "/records/import",
        query_string={"schema": call.document.schema},
        data=json.dumps(row).encode(),
        headers={"Content-Type": "application/x-ndjson"},
    )
    return answer, call.may_append_design


def grant(call):
    body = {"reader": call.world.readers["c", SALES]}
    return call.send("POST", f"/records/{call.document.record}/readers", json=body), call.may_change_readers


def revoke(call):
    """Remove the reader that `grant` added; for a caller without the right, it must stay."""
    call.world.request(
        operator(OWNER, DESIGN),
        "POST",
        f"/records/{call.document.record}/readers",
        json={"reader": call.world.readers["c", SALES]},
        query_string={"organisation": ORGANISATIONS[OWNER]},
    )
    path = f"/records/{call.document.record}/readers/{call.world.fingerprints['c', SALES]}"
    return call.send("DELETE", path), call.may_change_readers


ROUTES = {
    ("GET", "/api/v1/record-kinds"): [kinds],
    ("GET", "/api/v1/records"): [list_, list_by_key, list_of_transaction],
    ("POST", "/api/v1/records"): [add],
    ("POST", "/api/v1/records/import"): [import_],
    ("POST", "/api/v1/records/files"): [upload],
    ("GET", "/api/v1/records/<record:record>"): [show, show_by_transaction],
    ("GET", "/api/v1/records/<record:record>/files/<name>"): [download],
    ("POST", "/api/v1/records/<record:record>/readers"): [grant],
    ("DELETE", "/api/v1/records/<record:record>/readers/<fingerprint>"): [revoke],
}


def test_every_route_has_a_row(world):
    routes = {
        (method, rule.rule)
        for rule in world.app.url_map.iter_rules()
        if rule.endpoint.startswith("records.")
        for method in rule.methods - {"HEAD", "OPTIONS"}
    }
    assert routes == set(ROUTES)


@pytest.mark.parametrize("row", [row for rows in ROUTES.values() for row in rows], ids=lambda row: row.__name__)
def test_routes_check_the_department_of_the_entry(world, drawing, row):
    for person in CALLERS:
        answer, allowed = row(Call(world, person, drawing))
        refused = (401,) if person is None else (403, 404)
        assert (answer.status_code in (200, 201, 202)) == allowed, (person, answer.text)
        assert allowed or answer.status_code in refused, (person, answer.text)
        world.sync()


def show_command(call):
    return call.run(
        "record", "show", "product-design.design", call.document.key, "--organisation", ORGANISATIONS[OWNER]
    ), (call.may_read and call.holds_a_key)


def list_command(call):
    return call.run("record", "list", call.document.fields["product_id"]), reads_a_department_of_the_product(call)


def add_command(call):
    path = call.world.folder / "attached"
    path.write_bytes(secret_file())
    fields = design(call.world, call.own_order, "0x" + hashlib.sha256(path.read_bytes()).hexdigest())
    attach = ("--attach", f"drawing_file={path}")
    return call.run("record", "add", call.world.write(fields), *attach), call.may_append_design


def import_command(call):
    """Import an order, because the rows of a table cannot attach files."""
    path = call.world.folder / "rows.jsonl"
    path.write_text(json.dumps({k: v for k, v in contract_order(call.world).items() if k != "schema"}))
    allowed = call.world.rights.may_append(call.person, call.organisation, SALES)
    return call.run("record", "import", path, "--kind", "sales.contract-order"), allowed


def grant_command(call):
    return call.run(
        *("record", "grant", "product-design.design", call.document.key, "--to", call.world.readers["c", SALES]),
        *("--organisation", ORGANISATIONS[OWNER]),
    ), call.may_change_readers


def revoke_command(call):
    other = call.world.fingerprints["c", SALES]
    grant(Call(call.world, operator(OWNER, DESIGN), call.document))
    return call.run(
        *("record", "grant", "product-design.design", call.document.key, "--revoke", other),
        *("--organisation", ORGANISATIONS[OWNER]),
    ), call.may_change_readers


def order_command(call):
    order = next(item for item in call.world.documents if (item.organisation, item.department) == (OWNER, SALES))
    allowed = call.world.rights.may_read(call.person, OWNER, SALES)
    return call.run("record", "order", order.key, "--organisation", ORGANISATIONS[OWNER]), allowed


def member_command(call):
    """Only an administrator of the organisation can set members, in its own departments."""
    return call.run("record", "member", DESIGN, call.who.address), False


def open_command(call):
    return call.run("record", "open", secret_text(), "--beyond-plant"), False


COMMANDS = {
    "show": [show_command],
    "list": [list_command],
    "add": [add_command],
    "import": [import_command],
    "grant": [grant_command, revoke_command],
    "order": [order_command],
    "member": [member_command],
    "open": [open_command],
}
WITHOUT_RIGHTS = {"rewrap", "design"}
"""`rewrap` needs keys and no rights; the commands of `design` have tests of their own."""
COMMAND_CALLERS = (operator("a", DESIGN), "production@a", "assembly@a", "quality@a", operator("b", DESIGN), "sales@b")


def test_every_command_has_a_row():
    from chromatrace.cli.record import record

    assert set(record.commands) == set(COMMANDS) | WITHOUT_RIGHTS


@pytest.mark.parametrize("row", [row for rows in COMMANDS.values() for row in rows], ids=lambda row: row.__name__)
def test_commands_check_the_department_of_the_entry(world, drawing, row):
    for person in COMMAND_CALLERS:
        succeeded, allowed = row(Call(world, person, drawing))
        assert succeeded == allowed, person


def test_capture_job_belongs_to_the_organisation_of_the_capturer(world, drawing):
    event = {
        "type": "ObjectEvent",
        "action": "OBSERVE",
        "eventTime": "2026-03-31T10:00:00Z",
        "eventTimeZoneOffset": "+00:00",
        "epcList": ["https://id.gs1.org/01/09521234543213/21/1"],
    }
    document = {
        "@context": ["https://ref.gs1.org/standards/epcis/2.0.0/epcis-context.jsonld"],
        "type": "EPCISDocument",
        "schemaVersion": "2.0",
        "creationDate": "2026-03-31T10:00:00Z",
        "epcisBody": {"eventList": [event]},
    }
    client = world.app.test_client()

    def auth(person):
        who = world.rights.people.get(person)
        return None if who is None else (who.name, who.password)

    captured = client.post("/epcis/v2/capture", json=document, auth=auth(operator("a", DESIGN)))
    assert captured.status_code == 202, captured.text
    for person in CALLERS:
        call = Call(world, person, drawing)
        answer = client.get(captured.headers["Location"], auth=auth(person))
        allowed = call.may_act and call.organisation == OWNER
        refused = 401 if person is None else 404 if call.may_act else 403
        assert answer.status_code == (200 if allowed else refused), (person, answer.text)


def test_console_pages_check_the_department_of_the_entry(world, drawing):
    """The chain has only hashes of the product names; the pages show them to readers of the contract."""
    order = next(item for item in world.documents if (item.organisation, item.department) == (OWNER, SALES))
    product = order.fields["products"][0]["product_id"]
    for person in CALLERS:
        client, allowed = session_of(world, person), world.rights.may_read(person, OWNER, SALES)
        page = client.get(f"/console/orders/{order.key}")
        assert ((page.status_code, f">{product}<" in page.text) == (200, True)) == allowed, (person, page.text)
        found = client.get("/console/find", query_string={"q": order.key})
        assert (order.digest[2:10] in found.text or ("Contract" in found.text and found.status_code == 200)) == allowed


def session_of(world, person):
    """Return a client with a session of a person, or without one for None."""
    client = world.app.test_client()
    if person is not None:
        with world.app.test_request_context():
            user = SessionUser(world.rights.people[person].address, None)
            world.app.extensions["portal"].sessions.start(user, int(time.time()))
            started = dict(cookie)
        with client.session_transaction() as stored:
            stored.update(started)
    return client
