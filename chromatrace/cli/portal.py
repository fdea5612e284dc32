"""`chromatrace portal`: serve the portal, and keep its enterprise accounts."""

from __future__ import annotations

import errno
import os
import socket
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

import click
from click.core import ParameterSource

from chromatrace.cli.interrupts import told_to_end
from chromatrace.cli.options import plant_option
from chromatrace.cli.output import ask_password, emit, err, json_option
from chromatrace.domain.errors import Conflict, InvalidInput
from chromatrace.services.workspace import Workspace

if TYPE_CHECKING:
    from app import PortalConfig
    from app.store.database import PortalDatabase


PLOTTED = ("201.working_pressure", "201.target_power", "201.film_thickness")
"""Tags whose course the page of a lot draws, where its readings have them."""


@click.group()
def portal() -> None:
    """The web portal: consumer pages at the scanned URIs, and the area of franchisees and staff."""


@portal.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Where it listens; 0.0.0.0: on all networks.")
@click.option("--port", default=8000, show_default=True, type=click.IntRange(0, 65535), help="0: any that is free.")
@click.option("--production", is_flag=True, help="Refuse dev keys, demonstration accounts and plain http.")
@click.option("--threads", default=8, show_default=True, type=click.IntRange(1, 64), help="Requests answered at once.")
@click.option(
    "--record-captures",
    metavar="DEPARTMENT",
    help="Put the digest of each captured EPCIS document on the chain, as a record of this department, signed by "
    "--keystore: a gateway of its organisation that may append there. Only one portal of an outbox should.",
)
@plant_option
@click.pass_obj
def serve(
    workspace: Workspace,
    host: str,
    port: int,
    production: bool,
    threads: int,
    record_captures: str | None,
    plant: str,
) -> None:
    """Serve the portal and follow the chain beside it.

    What was accepted and is in no block yet is sent again, whatever died meanwhile, while a portal runs. Links and the
    texts that wallets sign name --base-url; where none is given, the address that it listens at.
    """
    recorded = {"record_captures": record_captures or "", "plant": plant}
    with (
        held_port(host, port) as port,
        links_to(workspace, host, port) as local,
        serving(local, host, port, production=production, threads=threads, **recorded),
    ):
        ended = told_to_end()
        err.print(f"portal at {url_at(host, port)}; Ctrl-C ends it", highlight=False)
        ended.wait()


@portal.command("add-account")
@click.argument("name")
@click.option("--wallet", help="Address of a wallet that signs instead of a key kept here.")
@json_option
@click.pass_obj
def add_account(workspace: Workspace, name: str, wallet: str | None, as_json: bool) -> None:
    """Make an enterprise account. Its password comes from CHROMATRACE_ACCOUNT_PASSWORD or is asked for.

    The new operator address has no rights until an administrator of its organisation runs `chromatrace org appoint`,
    and needs a little of the chain's currency for gas: on a development chain it is given 1 ether here.
    """
    from app.accounts import create_account
    from chromatrace.cli.funding import fund_or_say_who_must

    password = ask_password("Password", "CHROMATRACE_ACCOUNT_PASSWORD", twice=True)
    account = create_account(
        open_store(workspace),
        workspace.data / workspace.settings.keys_folder.name,
        name,
        password,
        wallet_address=wallet,
    )
    funded = fund_or_say_who_must(workspace, account.address)
    emit(as_json, {"account": account.name, "operator": account.address, "has_gas": funded})


@portal.command()
@json_option
@click.pass_obj
def accounts(workspace: Workspace, as_json: bool) -> None:
    """List enterprise accounts."""
    from app.accounts import list_accounts

    emit(as_json, {"accounts": [{"name": a.name, "operator": a.address} for a in list_accounts(open_store(workspace))]})


@portal.command("remove-account")
@click.argument("name")
@json_option
@click.pass_obj
def remove_account(workspace: Workspace, name: str, as_json: bool) -> None:
    """Remove an enterprise account and end its sessions."""
    from app.accounts import remove_account as remove

    remove(open_store(workspace), name)
    emit(as_json, {"removed": name})


def portal_config(
    workspace: Workspace, *, production: bool = False, capture_department: str | None = None
) -> PortalConfig:
    """The portal's configuration for this workspace."""
    from app import PortalConfig

    return PortalConfig(
        data_folder=workspace.data,
        rpc_url=workspace.settings.rpc_url,
        manifest_path=workspace.settings.manifest_path(workspace.chain_id),
        base_url=workspace.settings.base_url,
        index_url=workspace.settings.index_url,
        plot_tags=PLOTTED,
        production=production,
        capture_department=capture_department,
        vault=workspace.settings.vault,
        reader_password=os.environ.get("CHROMATRACE_READER_PASSWORD"),
    )


def open_store(workspace: Workspace) -> PortalDatabase:
    """The portal's own database."""
    from app.store.database import PortalDatabase

    _ = workspace.data
    return PortalDatabase(workspace.settings.portal_url)


@contextmanager
def serving(
    workspace: Workspace,
    host: str,
    port: int,
    *,
    production: bool = False,
    threads: int = 8,
    record_captures: str = "",
    plant: str = "electrochromic",
) -> Iterator[None]:
    """The portal answering at `port`, its outbox delivered and the index followed, while the block lasts."""
    from waitress.server import create_server

    from app import background, create_app
    from chromatrace.cli.record_desk import plant_of
    from chromatrace.index import Follower

    config = portal_config(workspace, production=production, capture_department=record_captures or None)
    signer = workspace.signer if record_captures else None
    app = create_app(config, workspace.spool, signer, plant_of(plant).record_kinds)
    most = config.max_file_bytes
    server = create_server(app, host=host, port=port, threads=threads, ident="ChromaTrace", max_request_body_size=most)
    stop = threading.Event()

    def answer() -> None:
        try:
            server.run()
        except OSError:  # closing its socket is how waitress is stopped from another thread
            if not stop.is_set():
                raise

    follow = Follower(workspace.index, workspace.rpc, workspace.manifest).run
    beside = [
        threading.Thread(target=answer, name="portal", daemon=True),
        threading.Thread(target=follow, args=(stop,), name="follower", daemon=True),
        threading.Thread(target=background.run, args=(app, stop), name="outbox", daemon=True),
    ]
    for thread in beside:
        thread.start()
    try:
        yield
    finally:
        stop.set()
        server.close()
        for thread in beside:
            thread.join(timeout=10)


def links_to(workspace: Workspace, host: str, port: int) -> Workspace:
    """The workspace whose links and log-in texts lead to this address, unless --base-url was given."""
    source = click.get_current_context().find_root().get_parameter_source("base_url")
    if source is not None and source is not ParameterSource.DEFAULT:
        return workspace
    return Workspace(replace(workspace.settings, base_url=url_at(host, port)))


def url_at(host: str, port: int) -> str:
    """Where a browser on this machine finds what listens at `host` and `port`."""
    shown = "127.0.0.1" if host in ("0.0.0.0", "::", "") else host  # noqa: S104 - compared, not bound
    return f"http://[{shown}]:{port}" if ":" in shown else f"http://{shown}:{port}"


@contextmanager
def held_port(host: str, wanted: int, *, or_another: bool = False) -> Iterator[int]:
    """`wanted` where it is free (0: any free port); else any free one, or `Conflict`.

    While the block lasts nobody else is given it; a server, which binds as we do, may listen on it.
    """
    with ExitStack() as stack:
        for port in (wanted, 0) if or_another else (wanted,):
            held = stack.enter_context(socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET))
            held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                held.bind((host, port))
            except OSError as error:
                if isinstance(error, socket.gaierror) or error.errno == errno.EADDRNOTAVAIL:
                    raise InvalidInput(
                        f"{host!r} is no address of this machine: {error.strerror}",
                        field="host",
                        hint="127.0.0.1 for this machine alone, 0.0.0.0 for all of its networks",
                    ) from error
                reason = error.strerror
                continue
            yield int(held.getsockname()[1])
            return
        raise Conflict(
            f"{host} port {wanted} cannot be had: {reason}",
            field="port",
            hint="end what listens there, or name another by --port (0: any that is free)",
        )
