"""`chromatrace key`: operators' encrypted keystores."""

from __future__ import annotations

from pathlib import Path

import click

from chromatrace.cli.options import FiniteRange
from chromatrace.cli.output import emit, json_option, moment, prompt_password
from chromatrace.services.workspace import Workspace


@click.group()
def key() -> None:
    """Make and show the encrypted keystores that operators act with."""


@key.command()
@click.argument("path", type=click.Path(path_type=Path, dir_okay=False))
@json_option
@click.pass_obj
def create(workspace: Workspace, path: Path, as_json: bool) -> None:
    """Make a new key and store it at PATH, encrypted (mode 0600).

    The password is the setting key_password, or is asked for twice. It cannot be recovered.
    """
    from chromatrace.ethereum.signer import create_keystore

    password = workspace.settings.key_password or prompt_password("Password", "CHROMATRACE_KEY_PASSWORD", confirm=True)
    signer = create_keystore(path, password)
    emit(as_json, {"address": signer.address, "keystore": path})


@key.command("fund")
@click.argument("address")
@click.option("--ether", default=1.0, show_default=True, type=FiniteRange(0, 1000, min_open=True), help="How much.")
@json_option
@click.pass_obj
def fund_(workspace: Workspace, address: str, ether: float, as_json: bool) -> None:
    """Give ADDRESS ether for gas, on a development chain, from an account that its node holds unlocked.

    Elsewhere nobody gives ether away: whoever keeps the organisation's money sends some to the address.
    """
    from chromatrace.services.funding import fund

    emit(as_json, {"address": address, "ether": ether, "tx": fund(workspace, address, ether)})


@key.command()
@json_option
@click.pass_obj
def show(workspace: Workspace, as_json: bool) -> None:
    """Show who acts with the present options: address, organisation, roles."""
    from chromatrace.chain import reads

    operator = workspace.reader.read(reads.operator(workspace.signer.address))
    facts = {
        "address": workspace.signer.address,
        "organisation": operator.organisation or None,
        "roles": operator.roles,
        "active": operator.active,
        "valid_until": operator.valid_until,
    }
    emit(as_json, facts if as_json else facts | {"valid_until": moment(operator.valid_until)})
