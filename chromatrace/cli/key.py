"""`chromatrace key`: operators' encrypted keystores."""

from __future__ import annotations

from pathlib import Path

import click

from chromatrace.cli.output import emit, json_option
from chromatrace.cli.workspace import Workspace


@click.group()
def key() -> None:
    """Make and show the encrypted keystores that operators act with."""


@key.command()
@click.argument("path", type=click.Path(path_type=Path, dir_okay=False))
@json_option
def create(path: Path, as_json: bool) -> None:
    """Make a new key and store it at PATH, encrypted (mode 0600).

    The password comes from CHROMATRACE_KEY_PASSWORD or is asked for twice. Nothing can recover it.
    """
    from chromatrace.chain.signer import create_keystore, password_from_environment

    password = password_from_environment() or click.prompt(
        "Password", hide_input=True, confirmation_prompt=True, err=True
    )
    signer = create_keystore(path, password)
    emit(as_json, {"address": signer.address, "keystore": path})


@key.command()
@json_option
@click.pass_obj
def show(workspace: Workspace, as_json: bool) -> None:
    """Show who acts with the present options: address, organisation, roles."""
    from chromatrace.domain.rights import Role

    found = workspace.reader.read("Consortium", "operator", workspace.signer.address)
    facts = {
        "address": workspace.signer.address,
        "organisation": found["organisation"] or None,
        "roles": Role(found["roles"]),
        "active": found["active"],
        "valid_until": found["validUntil"],
    }
    emit(as_json, facts)
