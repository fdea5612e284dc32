"""Organisations, operators, batches and portal sessions."""

from __future__ import annotations

import time
import warnings
from hashlib import sha256

from dev_chain import wait_until_mined
from flask import session as cookie
from relations import accredit, own_items

from app import PortalSettings, create_app
from app.sessions import SessionUser
from chromatrace.chain import calls, reads
from chromatrace.chain.client import Chain
from chromatrace.chain.outbox import Outbox
from chromatrace.crypto.eip712 import Inspection, sign_inspection
from chromatrace.documents.content import (
    BatchContent,
    InspectionEvidence,
    Instrument,
    LimitComparison,
    Measurement,
    ProductDescription,
    ReadingWindow,
)
from chromatrace.documents.store import DocumentStore
from chromatrace.domain.genealogy import Input
from chromatrace.domain.identifiers import ZERO_BYTES32, BatchKey, Gln, Gtin, Lot, check_digit
from chromatrace.domain.rights import FOREVER, OrganisationKind, Role, SalesChannel, Stage, Verdict
from chromatrace.domain.serials import SerialRange
from chromatrace.ethereum.manifest import Manifest
from chromatrace.ethereum.signer import DevKeyWarning, dev_signer
from chromatrace.exchange.units import serial_root
from chromatrace.index import Follower, Index
from chromatrace.instruments import ReadOptions
from chromatrace.instruments.measurement import MeasuredFiles
from chromatrace.instruments.reading import result_of

ALL_ROLES = Role(sum(Role))
REGISTRAR = 0
MAKER, PARTNER, RIVAL, OFFICE = 1, 2, 3, 4
"""Numbers of the organisations, and the development accounts of their administrators."""

ORGANISATIONS = {
    MAKER: (OrganisationKind.MANUFACTURER, "Example Panes"),
    PARTNER: (OrganisationKind.FRANCHISEE, "Example Store"),
    RIVAL: (OrganisationKind.MANUFACTURER, "Example Mirrors"),
    OFFICE: (OrganisationKind.AUTHORITY, "Example Inspectorate"),
}


_READ_NS = 1_760_000_000 * 10**9


def gln(number):
    body = f"952990{number:06d}"
    return Gln(body + check_digit(body))


def gtin(number):
    body = f"0952990{number:06d}"
    return Gtin(body + check_digit(body))


def address_of(name):
    """Return an address without a known key."""
    return "0x" + sha256(name.encode()).hexdigest()[:40]


class Members:
    """A manufacturer, a store, a second manufacturer and an authority."""

    def __init__(self, node, manifest_path, folder):
        self.node, self.folder, self.manifest_path = node, folder, manifest_path
        self.manifest, self.rpc = Manifest.load(manifest_path), node.rpc()
        self.documents = DocumentStore(folder / "documents")
        self.index = Index(f"sqlite:///{folder / 'index.db'}")
        self.index.migrate()
        self.follower = Follower(self.index, self.rpc, self.manifest)
        self._chains = {}
        for number, (kind, name) in ORGANISATIONS.items():
            self.submit(REGISTRAR, calls.register_organisation(kind, gln(number), ALL_ROLES, name))
            self.appoint(self.chain(number).sender, number, ALL_ROLES)
        accredit(self.chain(MAKER).submit, RIVAL)

    def chain(self, account):
        """Return the chain with a development account as signer."""
        if account not in self._chains:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", DevKeyWarning)
                signer = dev_signer(account, self.node.chain_id)
            self._chains[account] = Chain(self.rpc, self.manifest, Outbox(self.folder / f"{account}.db"), signer)
        return self._chains[account]

    def submit(self, account, call):
        return self.chain(account).submit(call)

    def appoint(self, address, organisation, roles, valid_until=FOREVER):
        self.submit(REGISTRAR, calls.appoint_operator(address, organisation, roles, valid_until))

    def register(self, account, line, lot, name="Pane", made_of=(), **details):
        """Register a batch of an organisation with a document and return its key. It uses a unit of each input."""
        key = BatchKey(gtin(line), Lot(lot))
        own_items(self.chain(REGISTRAR), account, [key.gtin])
        content = BatchContent(key.gtin, key.lot, ProductDescription(name, ""), 10, "2026-10-14T06:30:00Z", **details)
        inputs = tuple(Input(used.batch_id, 1) for used in made_of)
        digest = self.documents.put(content.to_bytes())
        root = serial_root(details["serials"]) if "serials" in details else ZERO_BYTES32
        self.submit(account, calls.register_batch(calls.Registration(key, 10, digest, root, inputs=inputs)))
        return key

    def _spectrum(self):
        """Store a spectrum and return the statement about it."""
        data = b"wavelength [nm],T [%]\n600,88.5\n650,89.5\n"
        self.documents.put(data)
        options = ReadOptions()
        return MeasuredFiles((result_of(data, "haze.csv", options),), options).attached()

    def inspect(self, key, stage):
        """Record a passed inspection of the maker's batch, signed by the rival."""
        chain = self.chain(RIVAL)
        evidence = InspectionEvidence(
            gtin=key.gtin,
            lot=key.lot,
            stage=stage,
            inspected_at="2026-10-15T09:12:00Z",
            instrument=Instrument("Haze meter", "HM-3", "2026-08-03"),
            sample=(SerialRange(1, 10, 3).serial(1),),
            measurements=(Measurement("haze of the film", 0.4, "%", 1.0, LimitComparison.AT_MOST, True),),
            readings=ReadingWindow("line", gln(MAKER), 0, 9, 10, bytes(32), _READ_NS, _READ_NS + 10**9),
            results=(self._spectrum(),),
        )
        inspection = Inspection(
            batch=key.batch_id,
            stage=stage,
            verdict=Verdict.PASS,
            revision=1,
            sample_size=1,
            defects=0,
            instrument=sha256(b"HM-3").digest(),
            evidence=self.documents.put(evidence.to_bytes()),
            inspected_at=_READ_NS // 10**9,
            inspector=chain.sender,
            nonce=int.from_bytes(sha256(f"{key}{stage}".encode()).digest()[:20], "big") << 64,
            deadline=4_000_000_000,
        )
        ledger = self.manifest.address("InspectionLedger")
        signature = sign_inspection(inspection, chain.signer, self.manifest.chain_id, ledger)
        self.submit(MAKER, calls.record_inspection(inspection, signature))

    def sell(self, key, buyer, *, accept=True):
        """Release the maker's batch, offer it to another organisation and accept the offer."""
        batch = key.batch_id
        self.inspect(key, Stage.FIRST)
        self.submit(MAKER, calls.assemble(batch))
        self.inspect(key, Stage.FINAL)
        self.submit(MAKER, calls.grade(batch, 10, 0, 0))
        self.submit(MAKER, calls.release(batch, SalesChannel.STANDARD))
        self.submit(MAKER, calls.offer_custody(batch, buyer, 2**40))
        if accept:
            self.submit(buyer, calls.accept_custody(batch))

    def sync(self):
        """Bring the index up to the newest block."""
        wait_until_mined(self.rpc)
        self.follower.sync()

    def organisation_count(self):
        """Return the number of organisations on the chain."""
        return self.chain(REGISTRAR).read(reads.organisation_count())

    def portal(self, plant=None, readings=None, orders=None, **settings):
        """Return a portal without rate limits and without checks of form tokens."""
        unlimited = dict.fromkeys(("page_limit", "api_limit", "login_limit", "scan_limit"), "100000 per minute")
        app = create_app(
            PortalSettings(
                data_folder=self.folder,
                rpc_url=self.node.url,
                manifest_path=self.manifest_path,
                base_url="http://portal.example",
                query_limit_ms=60_000,
                **(unlimited | settings),
            ),
            readings=readings,
            plant=plant,
            orders=orders,
        )
        app.config["WTF_CSRF_ENABLED"] = False
        return app

    def close(self):
        self.index.close()
        for chain in self._chains.values():
            chain.outbox.close()


def client_of(app, address):
    """Return a test client with a session of an operator, or without one for None."""
    client = app.test_client()
    if address is not None:
        with app.test_request_context():
            app.extensions["portal"].sessions.start(SessionUser(address, None), int(time.time()))
            started = dict(cookie)
        with client.session_transaction() as stored:
            stored.update(started)
    return client
