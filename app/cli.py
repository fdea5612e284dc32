"""`chromatrace portal`: serve the portal and manage its accounts. An entry point adds it to the command line."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import click

from app.settings import PortalSettings
from chromatrace.cli.options import ADDRESS
from chromatrace.cli.output import emit, err, json_option, prompt_password
from chromatrace.cli.settings import settings_options
from chromatrace.services.workspace import Workspace
from chromatrace.settings import resolve
from chromatrace.storage.ports import held_port, url_at

if TYPE_CHECKING:
    from app.store.database import PortalDatabase


@click.group()
def portal() -> None:
    """Serve the web portal and manage its accounts.

    \b
    Example: create an account, then serve the portal behind a TLS proxy on the same host
      chromatrace portal add-account store-12@example-windows
      chromatrace --base-url https://trace.example.com --manifest 7357.json \\
        portal serve --production --trusted-proxies 127.0.0.1
    """


@portal.command()
@settings_options(PortalSettings, omit=["account_password"])
@click.pass_obj
def serve(workspace: Workspace, /, **options: Any) -> None:
    """Serve the portal and follow the chain until Ctrl-C.

    Transactions that the portal accepted before an interruption are sent again. Links, and the messages that wallets
    sign, contain --base-url; without it, the listen address.

    Each option is also a key of the section [portal] in the settings file.
    """
    from app import workers

    values = portal_values(workspace, options)
    host, port = values["host"], values["port"]
    with held_port(host, port) as port:
        url = url_at(host, port)
        if workspace.settings.base_url is None:
            workspace = workspace.with_settings(base_url=url)
        with workspace:
            config = portal_config(workspace, options | {"port": port})
            start = workers.prepare(workspace, config)
        workers.serve(start, config, lambda: err().print(f"portal at {url}; press Ctrl-C to stop", highlight=False))


@portal.command("add-account")
@click.argument("name")
@click.option("--wallet", type=ADDRESS, help="Address of a wallet that signs instead of a keystore.")
@click.option("--demonstration", is_flag=True, hidden=True, help="Mark the account: production rejects it.")
@settings_options(PortalSettings, only=["database_url", "keys_folder", "account_password"])
@json_option
@click.pass_obj
def add_account(
    workspace: Workspace, /, name: str, wallet: str | None, demonstration: bool, as_json: bool, **options: Any
) -> None:
    """Create an account for an operator of the consortium.

    The password is the setting portal.account_password; without it, the command prompts. The new operator address has
    no rights until an administrator of its organisation runs `chromatrace org appoint`. It needs ether for gas: on a
    development chain it receives 1 ether.
    """
    from app.accounts import create_account
    from chromatrace.services.funding import fund_if_empty

    config = portal_config(workspace, options)
    password = config.account_password or prompt_password(
        "Password", "CHROMATRACE_PORTAL_ACCOUNT_PASSWORD", confirm=True
    )
    with opened_database(config) as database:
        account = create_account(
            database, config.keys, name, password, wallet_address=wallet, demonstration=demonstration
        )
    funded = fund_if_empty(workspace, account.address)
    emit(as_json, {"account": account.name, "operator": account.address, "has_gas": funded})


@portal.command()
@settings_options(PortalSettings, only=["database_url"])
@json_option
@click.pass_obj
def accounts(workspace: Workspace, /, as_json: bool, **options: Any) -> None:
    """List accounts."""
    from app.accounts import list_accounts

    with opened_database(portal_config(workspace, options)) as database:
        rows = [{"name": account.name, "operator": account.address} for account in list_accounts(database)]
    emit(as_json, {"accounts": rows})


@portal.command("remove-account")
@click.argument("name")
@settings_options(PortalSettings, only=["database_url"])
@json_option
@click.pass_obj
def remove_account(workspace: Workspace, /, name: str, as_json: bool, **options: Any) -> None:
    """Remove an account and end its sessions."""
    from app.accounts import remove_account as remove

    with opened_database(portal_config(workspace, options)) as database:
        remove(database, name)
    emit(as_json, {"removed": name})


def portal_values(workspace: Workspace, options: dict[str, Any] | None = None) -> dict[str, Any]:
    """Return the portal's settings: options, environment, settings file."""
    resolved = resolve(PortalSettings, options, file=workspace.settings.config)
    return {name: setting.value for name, setting in resolved.items()}


def portal_config(workspace: Workspace, options: dict[str, Any] | None = None) -> PortalSettings:
    """Return the portal's configuration for this workspace and these options of the command line."""
    settings = workspace.settings
    return PortalSettings(
        data_folder=workspace.data,
        rpc_url=settings.rpc_url,
        manifest_path=settings.manifest_path(workspace.chain_id),
        base_url=settings.code_url,
        index_url=settings.index_url,
        vault=settings.vault,
        reader_password=settings.reader_password,
        label_font=settings.label_font,
        **portal_values(workspace, options),
    )


@contextmanager
def opened_database(config: PortalSettings) -> Iterator[PortalDatabase]:
    """Open the portal's own database."""
    from app.store.database import PortalDatabase
    from app.store.installation import bind

    database = PortalDatabase(config.portal_database)
    try:
        bind(database, config.data_folder)
        yield database
    finally:
        database.close()
