"""`chromatrace key`: keys of operators and readers."""

from __future__ import annotations

from pathlib import Path
from typing import TextIO

import click

from chromatrace.cli.options import ADDRESS
from chromatrace.cli.output import confirm, emit, format_time, json_option, prompt_password
from chromatrace.domain.errors import InvalidInput
from chromatrace.domain.rights import Role
from chromatrace.number_types import FiniteRange, WholeRange
from chromatrace.services.workspace import Workspace

_organisation = click.option(
    "--organisation", type=WholeRange(1, 2**32 - 1), help="Number of the organisation. Default: your own."
)


@click.group()
def key() -> None:
    """Create, import and fund keys of operators and readers.

    For the keys of stations, see `chromatrace route station`.

    \b
    Example: a key for a new operator, gas for it, then the rights that the chain gives it
      chromatrace key create gateway.json
      chromatrace --keystore funded.json key send 0xd8dA6BF26964aF9D7eEd9e03E53415D37aA96045 --ether 0.05
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


@key.command("import")
@click.argument("path", type=click.Path(path_type=Path, dir_okay=False))
@click.option(
    "--from",
    "source",
    type=click.File(),
    help="File with the private key in hexadecimal digits; -: standard input. Default: prompt for the key.",
)
@json_option
@click.pass_obj
def import_key(workspace: Workspace, path: Path, source: TextIO | None, as_json: bool) -> None:
    """Store an existing private key at PATH, encrypted (mode 0600).

    A keystore file of another program (Web3 Secret Storage), such as geth's, needs no import: name it with --keystore.
    """
    from chromatrace.ethereum.signer import create_keystore, parse_private_key

    text = source.read(200) if source is not None else prompt_password("Private key", "--from")
    secret = parse_private_key(text)
    password = workspace.settings.key_password or prompt_password("Password", "CHROMATRACE_KEY_PASSWORD", confirm=True)
    signer = create_keystore(path, password, key=secret)
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

    The ether comes from an unlocked account of the node. On any other chain, use `chromatrace key send`.
    """
    from chromatrace.services.funding import fund

    emit(as_json, {"address": address, "ether": ether, "tx": fund(workspace, address, ether)})


@key.command()
@click.argument("address", type=ADDRESS)
@click.option("--ether", required=True, metavar="AMOUNT", help="Amount to send, such as 0.05.")
@click.option("--yes", is_flag=True, help="Send without asking for confirmation.")
@json_option
@click.pass_obj
def send(workspace: Workspace, address: str, ether: str, yes: bool, as_json: bool) -> None:
    """Send ether from the signer's account to ADDRESS, for example to pay an operator's gas, on any network.

    The command asks for confirmation. If it is interrupted after that, the transfer is stored and sent by the next
    command of the same data folder; check the balance before you repeat it.
    """
    from chromatrace.services.funding import Transfer

    transfer = Transfer.of(workspace, address, ether)
    if not yes:
        confirm(
            f"Send {transfer.ether} ether on chain {workspace.chain_id} from {transfer.sender} to {transfer.recipient}?"
        )
    receipt = transfer.send()
    facts = {"from": transfer.sender, "to": transfer.recipient, "ether": transfer.ether}
    emit(as_json, facts | {"tx": receipt.tx, "block": receipt.block_number})


@key.command()
@click.argument("name")
@click.option(
    "--rotate", is_flag=True, help="Create a new key for a department that has one; then run `record rewrap`."
)
@click.option("--whole-organisation", is_flag=True, help="Create a key of the organisation, such as an auditor.")
@_organisation
@json_option
@click.pass_obj
def reader(
    workspace: Workspace, name: str, rotate: bool, whole_organisation: bool, organisation: int | None, as_json: bool
) -> None:
    """Create the reader key of the department NAME of your organisation, and print its public part.

    Others need the printed text to grant access. It names the department and proves possession of the key.

    The private key is in keys/readers of the data folder, encrypted if the setting reader_password is set.
    """
    from chromatrace.services.records import department_identity, key_ring, organisation_identity

    if whole_organisation:
        identity = organisation_identity(workspace, organisation)
    else:
        identity = department_identity(workspace, name, organisation)
    ring = key_ring(workspace)
    created, path = ring.rotate(identity) if rotate else ring.create(identity, name)
    emit(as_json, {**created.reader.as_dict(), "key": path})


@key.command()
@click.argument("path", type=click.Path(path_type=Path, dir_okay=False))
@_organisation
@json_option
@click.pass_obj
def recovery(workspace: Workspace, path: Path, organisation: int | None, as_json: bool) -> None:
    """Create the recovery key of your organisation and store it at PATH. Move that file to a safe place offline.

    New records of the organisation's departments are encrypted to it too; `record rewrap` adds it to existing ones. If
    a department loses its key, create a new one and run `record rewrap --recovery PATH`.

    The file is encrypted if the setting reader_password is set.
    """
    from chromatrace.services.records import key_ring, organisation_identity

    number = organisation_identity(workspace, organisation).organisation
    created = key_ring(workspace).create_recovery(number, path)
    emit(as_json, {**created.reader.as_dict(), "key": path})


@key.command()
@click.argument("path", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.argument("output", type=click.Path(path_type=Path, dir_okay=False))
@json_option
@click.pass_obj
def export(workspace: Workspace, path: Path, output: Path, as_json: bool) -> None:
    """Write the reader key in the file PATH to OUTPUT, unencrypted, as an identity file of the program age.

    \b
    Example: decrypt a record without ChromaTrace
      chromatrace key export .chromatrace/keys/readers/1-0f…/1.json sales.age
      age -d -i sales.age .chromatrace/vault/records/1-0f…/5c…-9e….age
    """
    from chromatrace.records.key_ring import load_key
    from chromatrace.storage.files import write_once

    exported = load_key(path, workspace.settings.reader_password)
    try:
        write_once(output, f"{exported.age_identity}\n".encode())
    except FileExistsError as error:
        raise InvalidInput(f"{output} already exists", field="output", hint="choose another path") from error
    emit(as_json, {"recipient": str(exported.reader.recipient), "output": output})
