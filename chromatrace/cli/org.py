"""`chromatrace org`: organisations, operators and read scopes."""

from __future__ import annotations

import time

import click

from chromatrace.chain import calls, reads
from chromatrace.cli.options import ROLES, SCOPES
from chromatrace.cli.output import emit, json_option, moment, say
from chromatrace.domain.errors import NotFound
from chromatrace.domain.identifiers import Gln, Gtin, OrganisationId
from chromatrace.domain.rights import FOREVER, OrganisationKind, Role, Scope
from chromatrace.services.workspace import Workspace

KINDS = click.Choice([kind.name.lower() for kind in OrganisationKind if kind])
until_option = click.option("--valid-until", default=FOREVER, type=int, help="Last Unix second. Default: no end.")


def organisation_number(workspace: Workspace, gln: str) -> OrganisationId:
    """The number of the organisation with this GLN; `NotFound` where there is none."""
    number = workspace.reader.read(reads.organisation_of_gln(Gln(gln)))
    if not number:
        raise NotFound(f"no organisation has the GLN {gln}", field="gln", hint="see `chromatrace org list`")
    return number


@click.group()
def org() -> None:
    """Organisations of the consortium, their operators, and who may read what."""


@org.command("list")
@json_option
@click.pass_obj
def list_(workspace: Workspace, as_json: bool) -> None:
    """List organisations: number, GLN, kind, state, until when it belongs, name."""
    with workspace.index.snapshot() as snapshot:
        found = snapshot.organisations()

    def human() -> None:
        for one in found:
            state = "active" if one.holds_at(int(time.time())) else "ENDED" if one.active else "SUSPENDED"
            kind, until = one.kind.name.lower(), moment(one.valid_until)
            say(f"{one.id:>4}  {one.gln}  {kind:<12}  {state:<9}  {until:<20}  {one.name}")
        if not found:
            say("no organisations yet: `chromatrace org register` adds one")

    emit(as_json, {"organisations": list(found)}, human)


@org.command()
@click.argument("gln")
@click.argument("name")
@click.option("--kind", type=KINDS, required=True, help="What it is in the chain of supply.")
@click.option("--roles", type=ROLES, required=True, help="What its operators may be given at all, by commas.")
@until_option
@json_option
@click.pass_obj
def register(
    workspace: Workspace, gln: str, name: str, kind: str, roles: Role, valid_until: int, as_json: bool
) -> None:
    """Register an organisation. Only the consortium's registrar."""
    call = calls.register_organisation(OrganisationKind[kind.upper()], Gln(gln), roles, name, valid_until)
    receipt = workspace.chain.submit(call.with_key(f"organisation/{gln}/{kind}/{int(roles)}/{valid_until}/{name}"))
    emit(as_json, {"organisation": receipt.event("OrganisationRegistered").args["organisation"], "tx": receipt.tx})


@org.command()
@click.argument("gln")
@click.option("--roles", type=ROLES, required=True, help="By commas; these and no others may be given from now on.")
@until_option
@json_option
@click.pass_obj
def change(workspace: Workspace, gln: str, roles: Role, valid_until: int, as_json: bool) -> None:
    """Change what an organisation's operators may be given, and until when it belongs. Only the registrar."""
    _write(workspace, as_json, calls.change_organisation(organisation_number(workspace, gln), roles, valid_until))


@org.command()
@click.argument("operator")
@click.argument("gln")
@click.option("--roles", type=ROLES, required=True, help="By commas; these and no others.")
@until_option
@json_option
@click.pass_obj
def appoint(workspace: Workspace, operator: str, gln: str, roles: Role, valid_until: int, as_json: bool) -> None:
    """Let the address OPERATOR act for an organisation. Only the registrar or the organisation's administrator.

    An operator pays gas for what it does: on a development chain an address without any is given 1 ether, elsewhere
    whoever keeps the organisation's money sends it some.
    """
    from chromatrace.services.funding import fund_if_empty

    number = organisation_number(workspace, gln)
    receipt = workspace.chain.submit(calls.appoint_operator(operator, number, roles, valid_until))
    funded = fund_if_empty(workspace, operator)
    emit(as_json, {"tx": receipt.tx, "block": receipt.block_number, "has_gas": funded})


@org.command()
@click.argument("operator")
@json_option
@click.pass_obj
def dismiss(workspace: Workspace, operator: str, as_json: bool) -> None:
    """Take all rights of an operator."""
    _write(workspace, as_json, calls.dismiss_operator(operator))


@org.command()
@click.argument("gln")
@json_option
@click.pass_obj
def suspend(workspace: Workspace, gln: str, as_json: bool) -> None:
    """Take every right of every operator of an organisation, at once. Only the registrar."""
    _write(workspace, as_json, calls.suspend_organisation(organisation_number(workspace, gln)))


@org.command()
@click.argument("gln")
@json_option
@click.pass_obj
def reinstate(workspace: Workspace, gln: str, as_json: bool) -> None:
    """End a suspension. Only the registrar."""
    _write(workspace, as_json, calls.reinstate_organisation(organisation_number(workspace, gln)))


@org.command()
@click.argument("reader_gln")
@click.option("--scopes", type=SCOPES, required=True, help="By commas.")
@click.option("--gtin", "gtins", multiple=True, help="A product line; may be repeated. Default: every product.")
@until_option
@json_option
@click.pass_obj
def grant(
    workspace: Workspace, reader_gln: str, scopes: Scope, gtins: tuple[str, ...], valid_until: int, as_json: bool
) -> None:
    """Let another organisation read of ours. Only our administrator."""
    number = organisation_number(workspace, reader_gln)
    _write(workspace, as_json, calls.grant_read_scopes(number, [*map(Gtin, gtins)], scopes, valid_until))


def _write(workspace: Workspace, as_json: bool, call: calls.Call) -> None:
    receipt = workspace.chain.submit(call)
    emit(as_json, {"tx": receipt.tx, "block": receipt.block_number})
