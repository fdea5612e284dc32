"""Three organisations with the same department names, and an authority, on one chain, one portal and one vault.

`World` executes operations through the portal's API and the command line. It records what each principal received, and
which rights the chain should have: `Rights` is the model that the tests compare with both.
"""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
import shutil
import sys
import warnings
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from click.testing import CliRunner
from dev_chain import wait_until_mined
from querying import query

from chromatrace.chain import calls, reads
from chromatrace.chain.client import Chain
from chromatrace.chain.outbox import Outbox
from chromatrace.cli import main
from chromatrace.domain.identifiers import DepartmentId, check_digit
from chromatrace.domain.ledger_entries import LedgerEntry, RecordId, SubjectId, kind_hash, subject_id
from chromatrace.domain.rights import OrganisationKind, Role
from chromatrace.ethereum.manifest import Manifest
from chromatrace.ethereum.signer import DevKeyWarning, dev_signer, keystore_signer
from chromatrace.index import Follower, Index
from chromatrace.plant import example_plant
from chromatrace.records.catalogue import Catalogue
from chromatrace.records.key_ring import load_key
from chromatrace.records.reader_key import ReaderKey

PLANT = "engineer-to-order"
CATALOGUE = Catalogue(example_plant(PLANT).record_kinds)
DEPARTMENTS = CATALOGUE.departments
SALES, DESIGN = DEPARTMENTS[0], DEPARTMENTS[1]
MANUFACTURERS = ("a", "b", "c")
ORGANISATIONS = {"a": 1, "b": 2, "c": 3, "authority": 4, "other": 5}
READ, APPEND, BOTH = 1, 2, 3
FOREVER = 2**64 - 1
READER_PASSWORD = f"reader password {secrets.token_hex(8)}"
JSON, BINARY = {"Content-Type": "application/json"}, {"Content-Type": "application/octet-stream"}


@dataclass(frozen=True)
class Person:
    """An operator, its account at the portal and its keystore."""

    name: str
    organisation: str
    department: str | None
    supervisor: bool
    address: str
    keystore: Path
    password: str


@dataclass(eq=False)
class Document:
    """A record that was added: what is on the chain, and the secrets that its readers learn."""

    organisation: str
    department: str
    schema: str
    key: str
    record: str
    digest: str
    subject: bytes
    fields: Mapping[str, Any]
    file: tuple[str, str, bytes] | None = None
    """Name of the field, digest and content of the attached file."""
    readers: set[tuple[str, str]] = field(default_factory=set)
    """Organisation and department of the readers in the vault."""
    ever_readable: set[str] = field(default_factory=set)
    """Organisations of which a member was ever allowed to read it."""

    @property
    def secrets(self):
        """Texts that only the document and its file contain."""
        values = [item for value in self.fields.values() for item in (value if isinstance(value, list) else [value])]
        texts = [value for value in values if isinstance(value, str) and value.startswith("secret-")]
        return [text.encode() for text in texts] + ([self.file[2][:64]] if self.file else [])


@dataclass(eq=False)
class Replay:
    """An entry that another department appended with the record id and the digest of a document."""

    organisation: str
    department: str
    document: Document


@dataclass
class Rights:
    """The rights on the chain, as a model."""

    people: dict[str, Person] = field(default_factory=dict)
    members: dict[tuple[str, str, str], int] = field(default_factory=dict)
    """Mask by organisation, department and person."""
    dismissed: set[str] = field(default_factory=set)

    def may_read(self, person, organisation, department):
        who = self.people.get(person)
        if who is None or person in self.dismissed or who.organisation == "none":
            return False
        supervises = who.supervisor and who.organisation in (organisation, "authority")
        return supervises or bool(self.members.get((organisation, department, person), 0) & READ)

    def may_append(self, person, organisation, department):
        who = self.people.get(person)
        return (
            who is not None
            and person not in self.dismissed
            and who.organisation == organisation
            and not who.supervisor
            and bool(self.members.get((organisation, department, person), 0) & APPEND)
        )


class World:
    """The chain, the portal, and a data folder with the reader keys of each organisation."""

    def __init__(self, node, manifest_path, folder):
        self.node, self.manifest_path, self.folder = node, manifest_path, folder
        self.manifest, self.rpc = Manifest.load(manifest_path), node.rpc()
        self.vault, self.portal_data, self.temporary = folder / "vault", folder / "portal", folder / "temporary"
        self.rights, self.departments = Rights(), {}
        self.documents: list[Document] = []
        self.replays: list[Replay] = []
        self.received: dict[str, list[bytes]] = {}
        """Everything that each person's organisation received, by organisation."""
        self._chains: dict[object, Chain] = {}
        self._outboxes: list[Outbox] = []
        self.counts: Counter[str] = Counter()
        self.readers: dict[tuple[str, str], str] = {}
        """Public part of each department's reader key, as text."""
        self.fingerprints: dict[tuple[str, str], str] = {}
        self._count = 0
        self._register()
        self._create_keys()
        self._open_portal()

    # -- set-up

    def _register(self):
        from app.accounts import create_account
        from app.store import PortalDatabase

        registrar = self.chain(0)
        kinds = {"authority": OrganisationKind.AUTHORITY}
        for name, number in ORGANISATIONS.items():
            registrar.submit(
                calls.register_organisation(
                    kinds.get(name, OrganisationKind.MANUFACTURER), _gln(number), int(sum(Role)), f"Org {name}", FOREVER
                )
            )
            registrar.submit(calls.appoint_operator(self.chain(number).sender, number, Role.ADMIN, FOREVER))
        self.portal_data.mkdir()
        database = PortalDatabase(f"sqlite:///{self.portal_data / 'portal.db'}")

        def person(name, organisation, department=None, *, supervisor=False):
            password = f"password {secrets.token_hex(12)}"
            account = create_account(database, self.portal_data / "keys", name, password)
            keystore = self.portal_data / "keys" / account.keystore
            self.rights.people[name] = Person(
                name, organisation, department, supervisor, account.address, keystore, password
            )
            if organisation != "none":
                role = Role.SUPERVISOR if supervisor else Role.GATEWAY
                number = ORGANISATIONS[organisation]
                registrar.submit(calls.appoint_operator(account.address, number, role, FOREVER))
                self.rpc.call("anvil_setBalance", account.address, hex(10**19))

        for organisation in MANUFACTURERS:
            admin = self.chain(ORGANISATIONS[organisation])
            for department in DEPARTMENTS:
                opened = admin.submit(calls.open_department(department)).event("DepartmentOpened")
                self.departments[organisation, department] = opened.args["department"]
                name = operator(organisation, department)
                person(name, organisation, department)
                self.set_member(organisation, department, name, BOTH)
            person(f"supervisor@{organisation}", organisation, supervisor=True)
        person("inspector@authority", "authority", supervisor=True)
        person("member@other", "other")
        person("stranger@none", "none")
        database.close()

    def _create_keys(self):
        for organisation in MANUFACTURERS:
            for department in DEPARTMENTS:
                status, report = self.run(operator(organisation, department), "key", "reader", department)
                assert status == 0, report
                self.readers[organisation, department] = report["reader"]
                self.fingerprints[organisation, department] = report["fingerprint"]
            held = self.data(organisation) / "keys" / "readers"
            shutil.copytree(held, self.portal_data / "keys" / "readers", dirs_exist_ok=True)

    def _open_portal(self):
        from app import PortalSettings, create_app

        self.index = Index(f"sqlite:///{self.portal_data / 'index.db'}")
        self.follower = Follower(self.index, self.rpc, self.manifest)
        self.follower.sync()
        config = PortalSettings(
            self.portal_data,
            self.node.url,
            self.manifest_path,
            vault=str(self.vault),
            reader_password=READER_PASSWORD,
            api_limit="1000000 per minute",
            page_limit="1000000 per minute",
        )
        self.app = create_app(config, plant=example_plant(PLANT))

    def close(self):
        self.index.close()
        for outbox in self._outboxes:
            outbox.close()

    def add_records_of_all_departments(self):
        """Let each department of each organisation add a record, over HTTP."""
        for organisation in MANUFACTURERS:
            order = self._must_add(organisation, SALES, contract_order(self))
            content = secret_file()
            drawing = design(self, order, digest_of(content))
            assert self.upload(operator(organisation, DESIGN), content, drawing["schema"]).status_code == 201
            self._must_add(organisation, DESIGN, drawing, ("drawing_file", digest_of(content), content))
            for fields in following_records(order, drawing["drawing_id"]):
                self._must_add(organisation, CATALOGUE.by_schema(fields["schema"]).department, fields)

    def _must_add(self, organisation, department, fields, file=None):
        answer = self.add(operator(organisation, department), fields)
        assert answer.status_code == 202, answer.text
        return self.remember(organisation, department, fields, answer.json, file)

    # -- the chain

    def chain(self, account):
        """Return the chain for a development account (number) or a person (name)."""
        if account not in self._chains:
            if isinstance(account, int):
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore", DevKeyWarning)
                    signer = dev_signer(account, self.node.chain_id)
            else:
                who = self.rights.people[account]
                signer = keystore_signer(who.keystore, who.password)
            path = self.folder / "outboxes" / f"{account}.db"
            path.parent.mkdir(exist_ok=True)
            self._outboxes.append(Outbox(path))
            self._chains[account] = Chain(self.rpc, self.manifest, self._outboxes[-1], signer)
        return self._chains[account]

    def set_member(self, organisation, department, person, mask):
        """Set the rights of a person in a department; those of a dismissed person begin with the next appointment."""
        who = self.rights.people[person]
        if person not in self.rights.dismissed:
            call = calls.set_member(self.departments[organisation, department], who.address, mask)
            self.chain(ORGANISATIONS[organisation]).submit(call)
        self.rights.members[organisation, department, person] = mask
        self._note_readers()

    def set_active(self, person, *, active):
        """Appoint or dismiss an operator."""
        who = self.rights.people[person]
        if active:
            number = ORGANISATIONS[who.organisation]
            self.chain(0).submit(calls.appoint_operator(who.address, number, Role.GATEWAY, FOREVER))
            self.rights.dismissed.discard(person)
            # The rights in departments ended with the earlier appointment.
            for (organisation, department, name), mask in list(self.rights.members.items()):
                if name == person:
                    self.set_member(organisation, department, name, mask)
        else:
            self.chain(0).submit(calls.dismiss_operator(who.address))
            self.rights.dismissed.add(person)
        self._note_readers()

    def chain_may_read(self, person, organisation, department):
        """Return the answer of the contract."""
        who = self.rights.people[person]
        return self.chain(0).read(reads.may_read_department(self.departments[organisation, department], who.address))

    def replay(self, person, document):
        """Append the record id and digest of a document to the department of the person."""
        who = self.rights.people[person]
        entry = LedgerEntry(
            RecordId(bytes.fromhex(document.record[2:])),
            SubjectId(document.subject),
            None,
            bytes.fromhex(document.digest[2:]),
        )
        department = DepartmentId(self.departments[who.organisation, who.department])
        self.chain(person).submit(calls.append_records(department, kind_hash(document.schema), entry.to_bytes()))
        self.replays.append(Replay(who.organisation, who.department, document))
        self.sync()

    def sync(self):
        """Bring the portal's index to the newest block."""
        wait_until_mined(self.rpc)
        self.follower.sync()

    def _note_readers(self):
        for document in self.documents:
            for name, who in self.rights.people.items():
                if self.rights.may_read(name, document.organisation, document.department):
                    document.ever_readable.add(who.organisation)

    # -- the portal

    def request(self, person, method, path, **arguments):
        """Send a request to the portal's API as a person (None: without credentials), and keep the response."""
        who = self.rights.people.get(person)
        auth = None if who is None else (who.name, who.password)
        answer = self.app.test_client().open(f"/api/v1{path}", method=method, auth=auth, **arguments)
        organisation = who.organisation if who is not None else "none"
        self.received.setdefault(organisation, []).append(answer.data + str(answer.headers).encode())
        return answer

    def show(self, person, document, organisation=None):
        """Get the record of a document's id in an organisation (default: that of the document)."""
        number = ORGANISATIONS[organisation or document.organisation]
        return self.request(person, "GET", f"/records/{document.record}", query_string={"organisation": number})

    def add(self, person, fields, **parameters):
        """Add a record over HTTP."""
        return self.request(person, "POST", "/records", json=fields, query_string=parameters)

    def upload(self, person, content, schema):
        """Upload a file over HTTP."""
        return self.request(
            person, "POST", "/records/files", query_string={"schema": schema}, data=content, headers=BINARY
        )

    # -- the command line

    def data(self, organisation):
        return self.folder / f"data-{organisation}"

    def command(self, person):
        """Return the options of a person's command."""
        who = self.rights.people[person]
        options = ["--rpc-url", self.node.url, "--manifest", self.manifest_path, "--data", self.data(who.organisation)]
        return [*map(str, options), "--plant", PLANT, "--vault", str(self.vault), "--keystore", str(who.keystore)]

    def run(self, person, *arguments):
        """Run a command as a person; return the exit status and the JSON output. The output is kept."""
        who = self.rights.people[person]
        command = [*self.command(person), *map(str, arguments), "--json"]
        environment = {"CHROMATRACE_KEY_PASSWORD": who.password, "CHROMATRACE_READER_PASSWORD": READER_PASSWORD}
        before, sys.argv = sys.argv, ["chromatrace", *command]
        try:
            result = CliRunner().invoke(main, command, env=environment)
        finally:
            sys.argv = before
        self.received.setdefault(who.organisation, []).append(result.output.encode())
        assert "Traceback" not in result.output, result.output
        assert result.exit_code in (0, 1), (arguments, result.output)
        return result.exit_code, json.loads(result.stdout)

    def write(self, fields):
        """Write a document to a file for a command."""
        path = self.folder / "document.json"
        path.write_text(json.dumps(fields))
        return path

    # -- documents

    def count(self, what):
        self.counts[what] += 1

    def rename_reader(self, organisation, department, name):
        """Print the reader key of a department under another name."""
        key = load_key(self.key_file(organisation, department), READER_PASSWORD)
        self.readers[organisation, department] = str(ReaderKey(key.identity, name, key.private).reader)

    def transaction_of(self, document):
        """Return the transaction that appended a document."""
        entries = query(self.index).record(RecordId(bytes.fromhex(document.record[2:])))
        department = self.departments[document.organisation, document.department]
        return "0x" + next(entry for entry in entries if entry.department == department).appended.tx_hash.hex()

    def is_about(self, item, product):
        document = item.document if isinstance(item, Replay) else item
        return bytes(subject_id(product)) == bytes(document.subject)

    def replays_of(self, document):
        """Return the entries that other departments appended with the record id of a document."""
        return [item for item in self.replays if item.document.record == document.record]

    @property
    def key_folders(self):
        """The folders of private keys and keystores."""
        return [self.portal_data / "keys", *(self.data(organisation) / "keys" for organisation in MANUFACTURERS)]

    def key_secrets(self, organisation):
        """Return the passwords of an organisation and the forms of its private keys."""
        secrets_ = [who.password.encode() for who in self.rights.people.values() if who.organisation == organisation]
        for department in DEPARTMENTS:
            raw = load_key(self.key_file(organisation, department), READER_PASSWORD).private.private_bytes_raw()
            secrets_ += [raw, raw.hex().encode(), base64.b64encode(raw).rstrip(b"=")]
        return [*secrets_, READER_PASSWORD.encode()]

    def key_file(self, organisation, department):
        """Return the file of a department's reader key in the data folder of its organisation."""
        identifier = self.departments[organisation, department].hex()
        (path,) = (self.data(organisation) / "keys" / "readers").glob(f"*{identifier}*/*.json")
        return path

    def new_key(self, prefix):
        self._count += 1
        return f"{prefix}-{self._count}"

    def remember(self, organisation, department, fields, answer, file=None):
        """Record an accepted document and bring the index up to date."""
        self.sync()
        (entry, *_) = query(self.index).record(RecordId(bytes.fromhex(answer["record"][2:])))
        document = Document(
            *(organisation, department, fields["schema"], answer["key"], answer["record"], answer["digest"]),
            *(bytes(entry.subject), fields, file),
            readers={(organisation, department)},
        )
        self.documents.append(document)
        self._note_readers()
        return document


def operator(organisation, department):
    """Return the name of the operator of a department."""
    return f"{department.split()[0].lower()}@{organisation}"


def _gln(number):
    body = f"95212340000{number}"
    return int(body + check_digit(body))


def secret_text():
    """Return a text that occurs nowhere else."""
    return f"secret-{secrets.token_hex(12)}"


def secret_file():
    """Return the content of a file, of random size."""
    return base64.b64encode(secrets.token_bytes(3_000 + secrets.randbelow(90_000)))


def contract_order(world, product=None):
    key = world.new_key("C")
    return {
        "schema": "chromatrace.record/sales.contract-order/1",
        "contract_id": key,
        "name": secret_text(),
        "customer": secret_text(),
        "products": [{"product_id": product or f"P-{key}", "quantity": 1}],
    }


def design(world, order, digest):
    return {
        "schema": "chromatrace.record/product-design.design/1",
        "product_id": order.fields["products"][0]["product_id"],
        "drawing_id": world.new_key("D"),
        "drawing_file": digest,
        "process_route": [secret_text()],
        "contract_id": order.key,
    }


def following_records(order, drawing_id):
    """Return the records of the departments after the design, with secrets in their texts."""
    product = order.fields["products"][0]["product_id"]
    about = {"product_id": product}
    work_order, component = f"W-{drawing_id}", f"K-{drawing_id}"
    return [
        {
            "schema": "chromatrace.record/production-management.work-order/1",
            "work_order_id": work_order,
            "schedule": secret_text(),
            "planned_completion": "2026-04-10T16:00:00Z",
            "kind": "processing",
            "contract_id": order.key,
            "drawing_id": drawing_id,
        }
        | about,
        {
            "schema": "chromatrace.record/discrete-processing.component/1",
            "component_id": component,
            "line_id": "L-2",
            "workers": [secret_text()],
            "processing_route": ["mill"],
            "route_signature": "0x" + "0c" * 48,
            "work_order_id": work_order,
        }
        | about,
        {
            "schema": "chromatrace.record/assembly-line.assembly/1",
            "component_ids": [component],
            "workers": [secret_text()],
            "process_description": secret_text(),
            "completion_time": "2026-04-09T11:00:00Z",
            "work_order_id": work_order,
        }
        | about,
        {
            "schema": "chromatrace.record/quality-inspection.inspection/1",
            "inspector": secret_text(),
            "time": "2026-04-09T15:00:00Z",
            "result": "pass",
        }
        | about,
    ]


def digest_of(content):
    return "0x" + hashlib.sha256(content).hexdigest()
