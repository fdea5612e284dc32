"""`chromatrace key`: keys of operators and readers."""

from __future__ import annotations

from pathlib import Path

import click

from chromatrace.cli.options import ADDRESS
from chromatrace.cli.output import emit, format_time, json_option, prompt_password
from chromatrace.domain.rights import Role
from chromatrace.number_types import FiniteRange
from chromatrace.services.workspace import Workspace


@click.group()
def key() -> None:
    """Create and show the keys of operators and readers.

    For the keys of stations, see `chromatrace route station`.

    \b
    Example: a key for a new operator, then the rights that the chain gives it
      chromatrace key create gateway.json
      chromatrace --keystore gateway.json key show
    """


@key.command()
@click.argument("path", type=click.Path(path_type=Path, dir_okay=False))
@json_option
@click.pass_obj
def create(workspace: Workspace, path: Path, as_json: bool) -> None:
    """Create the key of an operator and store it at PATH, encrypted (mode 0600).

    The password is the setting key_password; without it, the command prompts. A lost password cannot be recovered.
    """
    from chromatrace.ethereum.signer import create_keystore

    password = workspace.settings.key_password or prompt_password("Password", "CHROMATRACE_KEY_PASSWORD", confirm=True)
    signer = create_keystore(path, password)
    emit(as_json, {"address": signer.address, "keystore": path})


@key.command()
@json_option
@click.pass_obj
def show(workspace: Workspace, as_json: bool) -> None:
    """Show the address of the signer, its organisation, and the roles that it may use now."""
    from chromatrace.chain import reads
    from chromatrace.ethereum.errors import ContractError
    from chromatrace.services.rights import rights_of

    address = workspace.signer.address
    operator = workspace.reader.read(reads.operator(address))
    facts: dict[str, object] = {"address": address, "organisation": operator.organisation or None}
    try:
        facts |= {"roles": rights_of(workspace.reader, address).roles, "active": True}
    except ContractError as error:
        facts |= {"roles": Role(0), "active": False, "reason": error.message}
    valid_until = operator.valid_until if as_json else format_time(operator.valid_until)
    emit(as_json, facts | {"valid_until": valid_until})


@key.command("fund")
@click.argument("address", type=ADDRESS)
@click.option(
    "--ether", default=1.0, show_default=True, type=FiniteRange(0, 1000, min_open=True), help="Amount to send."
)
@json_option
@click.pass_obj
def fund_address(workspace: Workspace, address: str, ether: float, as_json: bool) -> None:
    """Send ether for gas to ADDRESS, on a development chain only.

    The ether comes from an unlocked account of the node. On any other chain, fund the address yourself.
    """
    from chromatrace.services.funding import fund

    emit(as_json, {"address": address, "ether": ether, "tx": fund(workspace, address, ether)})


@key.command()
@click.argument("name")
@json_option
@click.pass_obj
def reader(workspace: Workspace, name: str, as_json: bool) -> None:
    """Create the reader key of the department or organisation NAME.

    The command prints the public key, which others need to grant access.

    The private key is in keys/readers of the data folder, encrypted if the setting reader_password is set.
    """
    from chromatrace.services.records import key_ring

    created, path = key_ring(workspace).make(name)
    emit(as_json, {"reader": str(created.reader), "key": path})
