"""`chromatrace portal`: serve the portal and manage its accounts. An entry point adds it to the command line."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import click

from app.config import PortalConfig
from chromatrace.cli.interrupts import stop_event
from chromatrace.cli.output import emit, err, json_option, prompt_password
from chromatrace.cli.settings import settings_options
from chromatrace.services.ports import held_port, url_at
from chromatrace.services.workspace import Workspace
from chromatrace.settings import resolve


@click.group()
def portal() -> None:
    """Serve the web portal and manage its accounts.

    \b
    Example: an account, then the portal on all networks behind one TLS proxy
      chromatrace portal add-account store-12@example-windows
      chromatrace --base-url https://trace.example.com --manifest 7357.json \\
        portal serve --host 0.0.0.0 --production --trusted-proxies 1
    """


@portal.command()
@settings_options(PortalConfig, omit=["account_password"])
@click.pass_obj
def serve(workspace: Workspace, /, **options: Any) -> None:
    """Serve the portal and follow the chain until Ctrl-C.

    Transactions that the portal accepted before an interruption are sent again. Links, and the messages that wallets
    sign, contain --base-url; without it, the listen address.

    Each option is also a key of the section [portal] in the settings file.
    """
    values = portal_values(workspace, options)
    host, port = values["host"], values["port"]
    with held_port(host, port) as port:
        url = url_at(host, port)
        if workspace.settings.base_url is None:
            workspace = workspace.with_settings(base_url=url)
        with workspace, serving(workspace, portal_config(workspace, options | {"port": port})):
            stop = stop_event()
            err().print(f"portal at {url}; press Ctrl-C to stop", highlight=False)
            stop.wait()


@portal.command("add-account")
@click.argument("name")
@click.option("--wallet", help="Address of a wallet that signs instead of a key kept here.")
@click.option("--demonstration", is_flag=True, hidden=True, help="Mark the account: production rejects it.")
@settings_options(PortalConfig, only=["database_url", "keys_folder", "account_password"])
@json_option
@click.pass_obj
def add_account(
    workspace: Workspace, /, name: str, wallet: str | None, demonstration: bool, as_json: bool, **options: Any
) -> None:
    """Create an account for an operator of the consortium.

    The password is the setting portal.account_password, or is asked for twice. The new operator address has no rights
    until an administrator of its organisation runs `chromatrace org appoint`. It needs currency for gas: on a
    development chain it receives 1 ether.
    """
    from app.accounts import create_account
    from chromatrace.services.funding import fund_if_empty

    config = portal_config(workspace, options)
    password = config.account_password or prompt_password(
        "Password", "CHROMATRACE_PORTAL_ACCOUNT_PASSWORD", confirm=True
    )
    with opened_store(config) as store:
        account = create_account(store, config.keys, name, password, wallet_address=wallet, demonstration=demonstration)
    funded = fund_if_empty(workspace, account.address)
    emit(as_json, {"account": account.name, "operator": account.address, "has_gas": funded})


@portal.command()
@settings_options(PortalConfig, only=["database_url"])
@json_option
@click.pass_obj
def accounts(workspace: Workspace, /, as_json: bool, **options: Any) -> None:
    """List accounts."""
    from app.accounts import list_accounts

    with opened_store(portal_config(workspace, options)) as store:
        rows = [{"name": account.name, "operator": account.address} for account in list_accounts(store)]
    emit(as_json, {"accounts": rows})


@portal.command("remove-account")
@click.argument("name")
@settings_options(PortalConfig, only=["database_url"])
@json_option
@click.pass_obj
def remove_account(workspace: Workspace, /, name: str, as_json: bool, **options: Any) -> None:
    """Remove an account and end its sessions."""
    from app.accounts import remove_account as remove

    with opened_store(portal_config(workspace, options)) as store:
        remove(store, name)
    emit(as_json, {"removed": name})


def portal_values(workspace: Workspace, options: dict[str, Any] | None = None) -> dict[str, Any]:
    """Return the portal's settings: options, environment, settings file."""
    resolved = resolve(PortalConfig, options, file=workspace.settings.config)
    return {name: found.value for name, found in resolved.items()}


def portal_config(workspace: Workspace, options: dict[str, Any] | None = None) -> PortalConfig:
    """Return the portal's configuration for this workspace and these options of the command line."""
    settings = workspace.settings
    return PortalConfig(
        data_folder=workspace.data,
        rpc_url=settings.rpc_url,
        manifest_path=settings.manifest_path(workspace.chain_id),
        base_url=settings.code_url,
        index_url=settings.index_url,
        vault=settings.vault,
        reader_password=settings.reader_password,
        **portal_values(workspace, options),
    )


@contextmanager
def opened_store(config: PortalConfig) -> Iterator[Any]:
    """Open the portal's own database."""
    from app.store.database import Store

    store = Store(config.portal_database)
    try:
        yield store
    finally:
        store.close()


@contextmanager
def serving(workspace: Workspace, config: PortalConfig) -> Iterator[None]:
    """Serve the portal, deliver its outbox and follow the chain while the block lasts."""
    from waitress.server import create_server

    from app import background, create_app
    from chromatrace.index import Follower
    from chromatrace.services.records import plant_of

    signer = workspace.signer if config.capture_department else None
    app = create_app(config, workspace.spool, signer, plant_of(workspace.settings.plant).record_kinds)
    server = create_server(
        app,
        host=config.host,
        port=config.port,
        threads=config.threads,
        ident="ChromaTrace",
        max_request_body_size=config.max_file_bytes,
    )
    stop = threading.Event()

    def answer() -> None:
        try:
            server.run()
        except OSError:  # closing its socket is how waitress is stopped from another thread
            if not stop.is_set():
                raise

    follow = Follower(workspace.index, workspace.rpc, workspace.manifest).run
    threads = [
        threading.Thread(target=answer, name="portal", daemon=True),
        threading.Thread(target=follow, args=(stop,), name="follower", daemon=True),
        threading.Thread(target=background.run, args=(app, stop), name="outbox", daemon=True),
    ]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        stop.set()
        server.close()
        for thread in threads:
            thread.join(timeout=10)
