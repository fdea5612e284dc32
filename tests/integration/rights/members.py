"""Organisations, operators, batches and portal sessions."""

from __future__ import annotations

import time
import warnings
from hashlib import sha256

from dev_chain import wait_until_mined
from flask import session as cookie

from app import PortalSettings, create_app
from app.sessions import SessionUser
from chromatrace.chain import calls
from chromatrace.chain.client import Chain
from chromatrace.chain.outbox import Outbox
from chromatrace.documents.content import BatchContent, ProductDescription
from chromatrace.documents.store import DocumentStore
from chromatrace.domain.identifiers import BatchKey, Gln, Gtin, Lot, check_digit
from chromatrace.domain.rights import FOREVER, OrganisationKind, Role
from chromatrace.ethereum.manifest import Manifest
from chromatrace.ethereum.signer import DevKeyWarning, dev_signer
from chromatrace.index import Follower, Index

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

    def register(self, account, line, lot, name="Pane", **details):
        """Register a batch of an organisation with a document and return its key."""
        key = BatchKey(gtin(line), Lot(lot))
        content = BatchContent(key.gtin, key.lot, ProductDescription(name, ""), 10, "2026-10-14T06:30:00Z", **details)
        self.submit(account, calls.register_batch(calls.Registration(key, 10, self.documents.put(content.to_bytes()))))
        return key

    def sync(self):
        """Bring the index up to the newest block."""
        wait_until_mined(self.rpc)
        self.follower.sync()

    def portal(self, **settings):
        """Return a portal without rate limits and without checks of form tokens."""
        unlimited = dict.fromkeys(("page_limit", "api_limit", "login_limit", "scan_limit"), "100000 per minute")
        app = create_app(
            PortalSettings(
                data_folder=self.folder,
                rpc_url=self.node.url,
                manifest_path=self.manifest_path,
                base_url="http://portal.example",
                **(unlimited | settings),
            )
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
