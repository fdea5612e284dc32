"""Puts a portal worker together."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from flask import Flask
from werkzeug.middleware.proxy_fix import ProxyFix

from app import api, console, consumer, epcis, franchisee, inspector, records
from app.accounts import reject_demonstration_accounts
from app.config import PortalConfig
from app.context import Portal
from app.presenters.batch import BatchLoader
from app.presenters.reading_window import ReadingsSource
from app.responses import register_error_handlers
from app.rights import CONSOLE_ROLES
from app.secret_key import secret_key
from app.security import add_headers, build_limiter, cookie_settings, csrf
from app.services import ChainService, Key, Manifest
from app.sessions import SessionStore
from app.store.database import PortalDatabase
from app.store.scans import ScanLog
from app.template_filters import register_filters
from app.wallet import WalletLogins
from chromatrace.documents.store import DocumentStore
from chromatrace.domain.errors import InvalidInput
from chromatrace.domain.record_kinds import RecordKind
from chromatrace.domain.rights import Role
from chromatrace.index import Index
from chromatrace.records.catalogue import Catalogue


def create_app(
    config: PortalConfig,
    readings: ReadingsSource | None = None,
    signer: Key | None = None,
    kinds: Iterable[RecordKind] = (),
) -> Flask:
    """One worker of the portal, a WSGI application. Several may run beside each other on the same databases.

    readings  where plots of reading windows come from (`Spool`); without it the page names the windows and draws none
    signer    who records captured EPCIS documents, where `capture_department` is set
    kinds     records of the plant's departments; without them no records are served
    Raises `InsecureConfiguration` in production, `NotFound` without a manifest. The chain need not answer yet.
    """
    if config.capture_department is not None and signer is None:
        raise InvalidInput(
            "recording captures needs a key that signs without a password being asked for",
            field="capture_department",
            hint="name the keystore of an operator with the role gateway, a member of that department",
        )
    manifest = Manifest.load(config.manifest_path)
    config.reject_dev_chain(manifest.chain_id)
    secret = secret_key(config.data_folder)
    store = PortalDatabase(config.portal_database)
    if config.production:
        reject_demonstration_accounts(store)

    app = Flask(__name__)
    app.config.update(cookie_settings(config), SECRET_KEY=secret)
    if config.trusted_proxies:
        hops = config.trusted_proxies
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=hops, x_proto=hops, x_host=hops)  # type: ignore[method-assign]
    index = Index(config.index_database)
    limiter = build_limiter(app, store)
    chain = ChainService(config.rpc_url, manifest, config.outbox)
    recorder = None
    if signer is not None and config.capture_department is not None:
        recorder = chain.recorder(signer, config.capture_department)
    app.extensions["portal"] = Portal(
        config=config,
        store=store,
        index=index,
        batches=BatchLoader(index, DocumentStore(config.documents), readings, config.plot_tags),
        chain=chain,
        logins=SessionStore(store, config.session_hours * 3600, config.session_idle_minutes * 60),
        wallets=WalletLogins(store, config.base_url, config.domain, manifest.chain_id),
        scans=ScanLog(store, secret),
        limiter=limiter,
        recorder=recorder,
        kinds=Catalogue(kinds).kinds,
    )
    csrf.init_app(app)
    add_headers(app, config)
    register_error_handlers(app)
    register_filters(app)
    app.context_processor(lambda: _context(config))
    app.jinja_env.trim_blocks = app.jinja_env.lstrip_blocks = True
    for package in (consumer, franchisee, console, inspector, api, records, epcis):
        package.register(app, limiter, config)
    return app


def _context(config: PortalConfig) -> dict[str, Any]:
    return {
        "portal_title": config.title,
        "explorer_tx_url": config.explorer_tx_url,
        "console_roles": CONSOLE_ROLES,
        "reading_role": Role.INSPECTOR,
    }
