"""`chromatrace portal`: serve the portal and manage its accounts. An entry point adds it to the command line."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import IO, TYPE_CHECKING, Any

import click

from app.settings import PortalSettings
from chromatrace.cli.options import ADDRESS
from chromatrace.cli.output import emit, err, json_option, prompt_password
from chromatrace.cli.settings import settings_options
from chromatrace.domain.errors import InvalidInput
from chromatrace.services.workspace import Workspace
from chromatrace.settings import resolve
from chromatrace.storage.ports import held_port, url_at

if TYPE_CHECKING:
    from app.store.database import PortalDatabase
    from app.wallet import WalletLogins


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
@click.option("--wallet", type=ADDRESS, help="Address of the operator; its wallet signs instead of a keystore.")
@click.option("--message", type=click.File(), help="Message of `portal wallet-message` that the wallet signed.")
@click.option("--signature", help="The wallet's signature of the message: 0x and hexadecimal digits.")
@click.option("--demonstration", is_flag=True, hidden=True, help="Mark the account: production rejects it.")
@settings_options(PortalSettings, only=["database_url", "keys_folder", "account_password"])
@json_option
@click.pass_obj
def add_account(
    workspace: Workspace,
    /,
    name: str,
    wallet: str | None,
    message: IO[str] | None,
    signature: str | None,
    demonstration: bool,
    as_json: bool,
    **options: Any,
) -> None:
    """Create an account for an operator of the consortium.

    The password is the setting portal.account_password; without it, the command prompts. The new operator address has
    no rights until an administrator of its organisation runs `chromatrace org appoint`. It needs ether for gas: on a
    development chain it receives 1 ether.

    An account with --wallet acts as an existing operator, which must agree: sign with the operator's key (--keystore
    before the command), or let its wallet sign a message and give --message and --signature.
    """
    from app.accounts import create_account
    from chromatrace.services.funding import fund_if_empty

    config = portal_config(workspace, options)
    password = config.account_password or prompt_password(
        "Password", "CHROMATRACE_PORTAL_ACCOUNT_PASSWORD", confirm=True
    )
    with opened_database(config) as database:
        if wallet is not None:
            _require_consent(workspace, config, database, name, wallet, message.read() if message else None, signature)
        account = create_account(
            database, config.keys, name, password, wallet_address=wallet, demonstration=demonstration
        )
    funded = fund_if_empty(workspace, account.address)
    emit(as_json, {"account": account.name, "operator": account.address, "has_gas": funded})


@portal.command("wallet-message")
@click.argument("name")
@click.argument("address", type=ADDRESS)
@settings_options(PortalSettings, only=["database_url"])
@json_option
@click.pass_obj
def wallet_message(workspace: Workspace, /, name: str, address: str, as_json: bool, **options: Any) -> None:
    """Print the message by which the operator ADDRESS lets the account NAME act for it.

    The wallet signs the text without the final line break (EIP-191, personal_sign), within an hour.
    """
    from app.wallet import account_statement, utc_now

    config = portal_config(workspace, options)
    with opened_database(config) as database:
        wallets = _wallets(workspace, config, database)
        message = wallets.challenge(address, utc_now(), account_statement(name), valid_s=3600)
    if as_json:
        emit(as_json, {"message": message})
    else:
        click.echo(message)


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
        twin_url=settings.twin_url,
        vault=settings.vault,
        reader_password=settings.reader_password,
        label_font=settings.label_font,
        **portal_values(workspace, options),
    )


def _wallets(workspace: Workspace, config: PortalSettings, database: PortalDatabase) -> WalletLogins:
    from app.wallet import WalletLogins
    from chromatrace.ethereum.contract_wallets import contract_accepts_signature

    check = partial(contract_accepts_signature, workspace.rpc)
    return WalletLogins(database, config.base_url, config.domain, workspace.chain_id, check)


def _require_consent(
    workspace: Workspace,
    config: PortalSettings,
    database: PortalDatabase,
    name: str,
    wallet: str,
    message: str | None,
    signature: str | None,
) -> None:
    """Raise unless the operator at `wallet` signs, or signed, that the account `name` may act for it."""
    from app.sign_in_message import SignInMessage
    from app.wallet import account_statement, utc_now

    wallets, statement = _wallets(workspace, config, database), account_statement(name)
    if message is None and workspace.has_signer and workspace.signer.address == wallet:
        message = wallets.challenge(wallet, utc_now(), statement)
        signature = f"0x{workspace.signer.sign_digest(SignInMessage.parse(message).digest()).hex()}"
    if message is None or signature is None:
        raise InvalidInput(
            f"the operator {wallet} has not signed that the account may act for it",
            field="signature",
            hint=f"sign the output of `chromatrace portal wallet-message {name} {wallet}` with its wallet, then give "
            "--message and --signature",
        )
    signer = wallets.accept(message.rstrip("\n"), signature, utc_now(), statement)
    if signer != wallet:
        raise InvalidInput(f"the message is signed by {signer}, not by {wallet}", field="signature")


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
