"""Build a portal worker."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flask import Flask

from app import api, console, consumer, franchisee, inspector, workshop
from app.accounts import reject_demonstration_accounts
from app.context import Portal, close_snapshot
from app.password_logins import PasswordLogins
from app.presenters.batch import BatchLoader
from app.presenters.reading_window import ReadingsSource
from app.proxies import ReverseProxyMiddleware
from app.request_bodies import BodyLimits
from app.responses import register_error_handlers
from app.rights import CONSOLE_ROLES
from app.secret_key import load_secret_key
from app.security import add_headers, build_limiter, csrf, flask_settings, protect_from_other_sites
from app.services import ChainService, Key, Manifest
from app.sessions import SessionStore
from app.settings import PortalSettings
from app.store.database import PortalDatabase
from app.store.dispositions import Dispositions
from app.store.installation import bind
from app.store.scans import ScanLog
from app.template_filters import register_filters
from app.twin import open_workshop
from app.wallet import WalletLogins
from chromatrace.documents.store import DocumentStore
from chromatrace.domain.errors import InvalidInput
from chromatrace.domain.rights import Role
from chromatrace.index import Index
from chromatrace.plant import Plant
from chromatrace.quality.disposition_store import FILE_NAME as DISPOSITIONS
from chromatrace.records.catalogue import Catalogue
from chromatrace.services.orders.desk import OrderDesk


def create_app(
    config: PortalSettings,
    readings: ReadingsSource | None = None,
    signer: Key | None = None,
    plant: Plant | None = None,
    orders: Callable[[Index], OrderDesk] | None = None,
) -> Flask:
    """Build one worker of the portal, a WSGI application. Several workers may share the same databases.

    readings  the store to plot reading windows from (`Spool`); without it pages have no plots
    signer    the key that records captured EPCIS documents; required by `capture_department`
    plant     the plant whose departments keep records and whose tags have limits; without it no records are served
    orders    opens the orders of the plant with an index; without it no orders are served
    Raises `InsecureConfigurationError` in production, and `NotFound` without a manifest. Does not contact the chain.
    """
    if config.capture_department is not None and signer is None:
        raise InvalidInput(
            "recording captured documents requires a signing key",
            field="capture_department",
            hint="configure the keystore of an operator that has the role gateway and is a member of the department",
        )
    manifest = Manifest.load(config.manifest_path)
    config.reject_dev_chain(manifest.chain_id)
    secret = config.secret_key.encode() if config.secret_key else load_secret_key(config.data_folder)
    database = PortalDatabase(config.portal_database)
    bind(database, config.data_folder)
    if config.production:
        reject_demonstration_accounts(database)

    app = Flask(__name__)
    app.config.update(flask_settings(config), SECRET_KEY=secret)
    app.wsgi_app = ReverseProxyMiddleware(  # type: ignore[method-assign]
        app.wsgi_app, config.proxy_networks, config.base_url
    )
    index, documents = Index(config.index_database), DocumentStore(config.documents)
    limiter = build_limiter(app, database)
    chain = ChainService(config.rpc_url, manifest, config.outbox)
    recorder = None
    if signer is not None and config.capture_department is not None:
        recorder = chain.recorder(signer, config.capture_department)
    app.extensions["portal"] = Portal(
        config=config,
        database=database,
        index=index,
        batches=BatchLoader(
            documents,
            readings,
            config.plot_tags,
            Dispositions(config.data_folder / DISPOSITIONS, documents, manifest.chain_id, chain.registry),
        ),
        chain=chain,
        sessions=SessionStore(database, config.session_hours * 3600, config.session_idle_minutes * 60),
        logins=PasswordLogins(database, limiter.storage, secret, config),
        wallets=WalletLogins(
            database, config.base_url, config.domain, manifest.chain_id, chain.contract_accepts_signature
        ),
        scans=ScanLog(database, secret),
        limiter=limiter,
        recorder=recorder,
        kinds=Catalogue(plant.record_kinds if plant else ()).kinds,
        readings=readings,
        plant=plant,
        workshop=open_workshop(config, plant),
        orders=orders(index) if orders is not None else None,
    )
    app.teardown_appcontext(close_snapshot)
    BodyLimits(app)  # before CSRF protection, which reads forms
    protect_from_other_sites(app)
    csrf.init_app(app)
    add_headers(app, config)
    register_error_handlers(app)
    register_filters(app)
    app.context_processor(lambda: _template_globals(config))
    app.jinja_env.trim_blocks = app.jinja_env.lstrip_blocks = True
    for package in (consumer, franchisee, console, workshop, inspector, api):
        package.register(app, limiter, config)
    return app


def _template_globals(config: PortalSettings) -> dict[str, Any]:
    return {
        "portal_title": config.title,
        "explorer_tx_url": config.explorer_tx_url,
        "console_roles": CONSOLE_ROLES,
        "inspector_role": Role.INSPECTOR,
        "sees_workshop": workshop.is_member,
    }
