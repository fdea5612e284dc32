"""`chromatrace org`: organisations, operators and read access."""

from __future__ import annotations

import time

import click

from chromatrace.chain import calls
from chromatrace.cli.options import ADDRESS, ROLES, SCOPES, STAGES, submit_call
from chromatrace.cli.output import emit, format_time, json_option, print_line
from chromatrace.domain.errors import InvalidInput
from chromatrace.domain.identifiers import CompanyPrefix, Gln, Gtin
from chromatrace.domain.names import check_organisation_name
from chromatrace.domain.rights import FOREVER, OrganisationKind, Role, Scope, Stage
from chromatrace.number_types import WholeRange
from chromatrace.services.organisations import organisation_number, signer_organisation
from chromatrace.services.workspace import Workspace

KINDS = click.Choice([kind.name.lower() for kind in OrganisationKind if kind])
until_option = click.option(
    "--valid-until",
    default=FOREVER,
    type=WholeRange(0, FOREVER),
    help="Last second of validity, Unix time. Default: no end.",
)


@click.group()
def org() -> None:
    """Manage organisations, their operators and read access.

    \b
    Example: the registrar registers a franchisee and appoints an operator of it
      chromatrace --dev-account 0 org register 9521234520009 "Example Windows" --kind franchisee \\
        --roles franchisee,logistics
      chromatrace --dev-account 0 org appoint 0x9965507D1a55bcC2695C58ba16FB37d819B0A4dc 9521234520009 \\
        --roles franchisee
    """


@org.command("list")
@json_option
@click.pass_obj
def list_(workspace: Workspace, as_json: bool) -> None:
    """List organisations: number, GLN, kind, state, end of validity, name."""
    with workspace.index.snapshot() as snapshot:
        organisations = snapshot.organisations()

    def human() -> None:
        for view in organisations:
            state = "active" if view.holds_at(int(time.time())) else "ENDED" if view.active else "SUSPENDED"
            kind, until = view.kind.name.lower(), format_time(view.valid_until)
            print_line(f"{view.id:>4}  {view.gln}  {kind:<12}  {state:<9}  {until:<20}  {view.name}")
        if not organisations:
            print_line("no organisations; add one with `chromatrace org register`")

    emit(as_json, {"organisations": list(organisations)}, human)


@org.command()
@click.argument("gln")
@click.argument("name")
@click.option("--kind", type=KINDS, required=True, help="Kind of organisation.")
@click.option("--roles", type=ROLES, required=True, help="Roles that its operators may have, separated by commas.")
@until_option
@json_option
@click.pass_obj
def register(
    workspace: Workspace, gln: str, name: str, kind: str, roles: Role, valid_until: int, as_json: bool
) -> None:
    """Register an organisation. Requires the registrar's key.

    The name must not look like the name of another organisation.
    """
    with workspace.index.snapshot() as snapshot:
        registered = [(view.id, str(view.gln), view.registered_name) for view in snapshot.organisations()]
    check_organisation_name(name, gln, registered)
    call = calls.register_organisation(OrganisationKind[kind.upper()], Gln(gln), roles, name, valid_until)
    key = f"organisation/{gln}/{kind}/{int(roles)}/{valid_until}/{name}"  # a repeated command registers once
    receipt = workspace.chain.submit(call.with_key(key))
    emit(as_json, {"organisation": receipt.event("OrganisationRegistered").args["organisation"], "tx": receipt.tx})


@org.command()
@click.argument("gln")
@click.option(
    "--roles", type=ROLES, required=True, help="Roles that its operators may have from now on, separated by commas."
)
@until_option
@json_option
@click.pass_obj
def change(workspace: Workspace, gln: str, roles: Role, valid_until: int, as_json: bool) -> None:
    """Change the permitted roles and the validity of an organisation. Requires the registrar's key."""
    number = organisation_number(workspace, gln)
    submit_call(workspace, as_json, calls.change_organisation(number, roles, valid_until))


@org.command()
@click.argument("gln")
@json_option
@click.pass_obj
def suspend(workspace: Workspace, gln: str, as_json: bool) -> None:
    """Suspend all rights of all operators of an organisation, immediately. Requires the registrar's key."""
    submit_call(workspace, as_json, calls.suspend_organisation(organisation_number(workspace, gln)))


@org.command()
@click.argument("gln")
@json_option
@click.pass_obj
def reinstate(workspace: Workspace, gln: str, as_json: bool) -> None:
    """End the suspension of an organisation. Requires the registrar's key."""
    submit_call(workspace, as_json, calls.reinstate_organisation(organisation_number(workspace, gln)))


@org.command()
@click.argument("operator", type=ADDRESS)
@click.argument("gln")
@click.option(
    "--roles", type=ROLES, required=True, help="All roles of the operator, separated by commas; none: it may only read."
)
@until_option
@json_option
@click.pass_obj
def appoint(workspace: Workspace, operator: str, gln: str, roles: Role, valid_until: int, as_json: bool) -> None:
    """Appoint the address OPERATOR to act for an organisation. Requires the key of the registrar or an administrator.

    Operators pay gas for their transactions. On a development chain, an address without ether receives 1 ether; on
    any other chain, fund the address yourself.
    """
    from chromatrace.services.funding import fund_if_empty

    number = organisation_number(workspace, gln)
    receipt = workspace.chain.submit(calls.appoint_operator(operator, number, roles, valid_until))
    funded = fund_if_empty(workspace, operator)
    emit(as_json, {"tx": receipt.tx, "block": receipt.block_number, "has_gas": funded})


@org.command()
@click.argument("operator", type=ADDRESS)
@json_option
@click.pass_obj
def dismiss(workspace: Workspace, operator: str, as_json: bool) -> None:
    """Remove all roles of the address OPERATOR."""
    submit_call(workspace, as_json, calls.dismiss_operator(operator))


@org.command("license")
@click.argument("gln")
@click.argument("prefix")
@json_option
@click.pass_obj
def license_(workspace: Workspace, gln: str, prefix: str, as_json: bool) -> None:
    """License the GS1 company prefix PREFIX to an organisation. Requires the registrar's key.

    Only this organisation can then register batches whose GTIN starts with PREFIX, not counting the indicator digit. 12
    digits license one item at every packaging level.
    """
    number = organisation_number(workspace, gln)
    submit_call(workspace, as_json, calls.license_prefix(number, CompanyPrefix(prefix)))


@org.command("withdraw-licence")
@click.argument("prefix")
@json_option
@click.pass_obj
def withdraw_licence(workspace: Workspace, prefix: str, as_json: bool) -> None:
    """End the licence of PREFIX. Registered batches are unchanged. Requires the registrar's key."""
    submit_call(workspace, as_json, calls.withdraw_licence(CompanyPrefix(prefix)))


@org.command()
@json_option
@click.pass_obj
def licences(workspace: Workspace, as_json: bool) -> None:
    """List the licensed company prefixes."""
    with workspace.index.snapshot() as snapshot:
        views = snapshot.licences()
        names = {view.id: view.name for view in snapshot.organisations()}

    def human() -> None:
        for view in views:
            print_line(f"{view.prefix!s:<12}  {view.organisation:>4}  {names[view.organisation]}")
        if not views:
            print_line("no licences; add one with `chromatrace org license`")

    emit(as_json, {"licences": list(views)}, human)


@org.command()
@click.argument("gln")
@click.option(
    "--stages", type=STAGES, required=True, help="Stages, separated by commas; none withdraws the accreditation."
)
@click.option("--gtin", "gtins", multiple=True, help="Product line; may be repeated. Default: every product.")
@click.option(
    "--as-registrar", is_flag=True, help="Accredit for product lines of any producer; requires the registrar's key."
)
@until_option
@json_option
@click.pass_obj
def accredit(
    workspace: Workspace,
    gln: str,
    stages: frozenset[Stage],
    gtins: tuple[str, ...],
    as_registrar: bool,
    valid_until: int,
    as_json: bool,
) -> None:
    """Accredit an organisation to inspect your products. Requires your administrator's key.

    Signed verdicts count only from the producer itself (first stage), from authorities and from accredited
    organisations. An accreditation takes effect in the block that contains it.
    """
    number = organisation_number(workspace, gln)
    lines = [Gtin(gtin) for gtin in gtins]
    if as_registrar and not lines:
        raise InvalidInput("the registrar accredits for product lines", field="gtin", hint="give --gtin")
    call = calls.accredit_for_lines if as_registrar else calls.accredit
    submit_call(workspace, as_json, call(number, lines, stages, valid_until))


@org.command()
@json_option
@click.pass_obj
def accreditations(workspace: Workspace, as_json: bool) -> None:
    """List accreditations: body, stages, product line, accreditor, end of validity."""
    with workspace.index.snapshot() as snapshot:
        views = snapshot.accreditations()
        names = {view.id: view.name for view in snapshot.organisations()}

    def human() -> None:
        for view in views:
            stages = ",".join(stage.name.lower() for stage in sorted(view.stages))
            accreditor = "registrar" if view.accreditor is None else names[view.accreditor]
            ended = "" if view.holds_at(int(time.time())) else "  ENDED"
            line = view.gtin or "every product"
            print_line(
                f"{names[view.body]}  {stages}  {line}  by {accreditor}  until {format_time(view.valid_until)}{ended}"
            )
        if not views:
            print_line("no accreditations; add one with `chromatrace org accredit`")

    emit(as_json, {"accreditations": list(views)}, human)


@org.command()
@click.argument("reader_gln")
@click.option(
    "--scopes", type=SCOPES, required=True, help="Scopes to grant, separated by commas; none revokes the grant."
)
@click.option("--gtin", "gtins", multiple=True, help="Product line; may be repeated. Default: every product.")
@until_option
@json_option
@click.pass_obj
def grant(
    workspace: Workspace, reader_gln: str, scopes: Scope, gtins: tuple[str, ...], valid_until: int, as_json: bool
) -> None:
    """Grant another organisation read access to your products. Requires your administrator's key.

    A grant for one product line never shows another line.
    """
    number = organisation_number(workspace, reader_gln)
    if number == signer_organisation(workspace):
        raise InvalidInput(
            f"{reader_gln} is your own organisation, which may read its own products",
            field="reader_gln",
            hint="to choose what everyone sees, use `chromatrace org publish`",
        )
    call = calls.grant_read_scopes(number, [Gtin(gtin) for gtin in gtins], scopes, valid_until)
    submit_call(workspace, as_json, call)


@org.command()
@click.option(
    "--scopes", type=SCOPES, required=True, help="Scopes that everyone may see, separated by commas, or none."
)
@click.option("--gtin", "gtins", multiple=True, help="Product line; may be repeated. Default: every other product.")
@until_option
@json_option
@click.pass_obj
def publish(workspace: Workspace, scopes: Scope, gtins: tuple[str, ...], valid_until: int, as_json: bool) -> None:
    """Choose what everyone sees of your products on the portal. Requires your administrator's key.

    Before the first choice, everything is public. A choice for a product line replaces the choice for every product.
    Status, holds and recalls are always public. After the validity ends, nothing else is.
    """
    number = signer_organisation(workspace)
    call = calls.grant_read_scopes(number, [Gtin(gtin) for gtin in gtins], scopes, valid_until)
    submit_call(workspace, as_json, call)
