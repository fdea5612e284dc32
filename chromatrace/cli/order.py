"""`chromatrace order`: orders of an ERP or MES."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from chromatrace.cli.options import batch_argument
from chromatrace.cli.output import emit, format_time, json_option, print_line, print_note
from chromatrace.domain.identifiers import BatchKey
from chromatrace.number_types import WholeRange
from chromatrace.services.workspace import Workspace

if TYPE_CHECKING:
    from chromatrace.orders.importing import ImportReport

_MAX_SHOWN = 100
_DAY_S = 86_400


@click.group()
def order() -> None:
    """Import orders of an ERP or MES; export progress and quality.

    The setting plant selects the plant; its section [erp] maps material numbers and columns. Orders are in the SQL
    database of the setting database-url, or in operations.db of the data folder.

    \b
    Example: import a CSV export, state which batch is made for an order, export progress
      chromatrace --plant plant.toml order import orders.csv
      chromatrace --plant plant.toml order assign 1000471 09521234543213 L2412A
      chromatrace --plant plant.toml order export progress -o progress.csv
    """


@order.command("import")
@click.argument("path", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option(
    "--format",
    "format_",
    type=click.Choice(["csv", "json"]),
    help="Format of the file. Default: json for .json, otherwise csv.",
)
@click.option("--dry-run", is_flag=True, help="Check and compare only; store nothing.")
@json_option
@click.pass_obj
def import_(workspace: Workspace, path: Path, format_: str | None, dry_run: bool, as_json: bool) -> None:
    """Import the orders in the CSV or JSON file PATH: all of them or none.

    JSON has the names of B2MML (OperationsSchedule or ProductionSchedule), or {"orders": [...]}. An order that is
    imported again changes nothing; a changed order gets a new version. Invalid orders are reported with row and field,
    and nothing is stored.
    """
    from chromatrace.orders.errors import OrdersRejectedError
    from chromatrace.orders.importing import OrderFormat, import_orders
    from chromatrace.plant.erp import ERP
    from chromatrace.services.orders.desk import open_store
    from chromatrace.services.records import plant_of

    plant = plant_of(workspace.settings.plant)
    kind = OrderFormat(format_ or ("json" if path.suffix == ".json" else "csv"))
    products = [product.gtin for product in plant.products]
    with open_store(workspace, plant) as store:
        try:
            report = import_orders(
                store, path.read_bytes(), kind, plant.section(ERP), products, path.name, dry_run=dry_run
            )
        except OrdersRejectedError as error:
            if not as_json:
                for item in error.errors[:_MAX_SHOWN]:
                    print_note(item.message, mark=f"row {item.row}, {item.field}:", style="yellow")
            raise
    emit(as_json, report.as_dict(), lambda: _print_report(report))


def _print_report(report: ImportReport) -> None:
    for change in report.updated[:_MAX_SHOWN]:
        changes = ", ".join(f"{name}: {old} -> {new}" for name, (old, new) in (change.difference or {}).items())
        print_line(f"order {change.number}, version {change.version}: {changes}")
    if report.ignored:
        print_note(f"columns that are not used: {', '.join(report.ignored)}")
    done = "would be" if report.dry_run else "are"
    print_line(
        f"{len(report.created):,} orders {done} new, {len(report.updated):,} {done} changed, "
        f"{report.unchanged:,} unchanged"
    )


@order.command("list")
@click.option(
    "--status",
    "states",
    multiple=True,
    type=click.Choice(["planned", "released", "closed", "cancelled"]),
    help="Only orders with this status of the ERP; may be repeated.",
)
@click.option("--limit", default=1000, show_default=True, type=WholeRange(1, 100_000), help="Maximum number of orders.")
@click.option("--after", metavar="ORDER", help="Start after this order number.")
@json_option
@click.pass_obj
def list_(workspace: Workspace, states: tuple[str, ...], limit: int, after: str | None, as_json: bool) -> None:
    """List orders by number."""
    from chromatrace.services.orders.desk import open_store

    with open_store(workspace) as store:
        orders = store.page(limit, after, states)

    def human() -> None:
        for stored in orders:
            item = stored.order
            print_line(
                f"{item.number:<20} {item.gtin}  {item.quantity:>9,}  {item.state:<9}  finish "
                f"{format_time(item.finish)}  version {stored.version}"
            )

    emit(as_json, {"orders": [stored.order.as_dict() | {"version": stored.version} for stored in orders]}, human)


@order.command()
@click.argument("number")
@json_option
@click.pass_obj
def show(workspace: Workspace, number: str, as_json: bool) -> None:
    """Show the order NUMBER: its versions with their differences, and its progress."""
    from chromatrace.services.orders.desk import open_desk

    with open_desk(workspace) as desk:
        facts = desk.report("progress", number)
        versions = desk.store.versions(number)
    facts["versions"] = [
        {
            "version": version.version,
            "received_at": format_time(version.received),
            "sender": version.sender,
            "difference": version.difference,
        }
        for version in versions
    ]
    emit(as_json, facts)


@order.command()
@click.argument("report", type=click.Choice(["progress", "quality", "genealogy"]))
@click.option("--order", "number", metavar="ORDER", help="Only this order. Default: all orders.")
@click.option("-o", "--output", type=click.Path(path_type=Path), help="File to write. Default: standard output.")
@click.option("--json", "as_json", is_flag=True, help="Write JSON instead of CSV.")
@click.pass_obj
def export(workspace: Workspace, report: str, number: str | None, output: Path | None, as_json: bool) -> None:
    """Export the REPORT progress, quality or genealogy as CSV (or JSON)."""
    from chromatrace.cli.output import dump
    from chromatrace.services.orders.desk import open_desk
    from chromatrace.services.orders.tables import to_csv
    from chromatrace.storage.files import deliver

    with open_desk(workspace) as desk:
        documents = list(desk.reports(report)) if number is None else [desk.report(report, number)]
    text = dump({"orders": documents}) + "\n" if as_json else to_csv(report, documents)
    if output is None:
        click.echo(text, nl=False)
    else:
        deliver(output, [text.encode()])


@order.command()
@click.argument("number")
@batch_argument
@json_option
@click.pass_obj
def assign(workspace: Workspace, number: str, key: BatchKey, as_json: bool) -> None:
    """State that the batch GTIN LOT is made for the order NUMBER. A batch belongs to one order."""
    from chromatrace.services.orders.desk import open_store

    with open_store(workspace) as store:
        store.assign(number, key)
        batches = store.batches(number)
    emit(as_json, {"order": number, "batches": [f"{batch.gtin}/{batch.lot}" for batch in batches]})


@order.group()
def token() -> None:
    """Manage the access tokens with which an ERP or MES uses the portal."""


@token.command("create")
@click.argument("name")
@click.option(
    "--scope",
    "scopes",
    multiple=True,
    required=True,
    type=click.Choice(["orders:read", "orders:write"]),
    help="Right of the token; may be repeated.",
)
@click.option("--days", type=WholeRange(1, 3650), help="Days until the token expires. Default: no end.")
@json_option
@click.pass_obj
def create_token(workspace: Workspace, name: str, scopes: tuple[str, ...], days: int | None, as_json: bool) -> None:
    """Create an access token with this NAME and print its secret, which cannot be shown again."""
    from chromatrace.orders.tokens import Tokens, TokenScope
    from chromatrace.services.orders.desk import open_store

    with open_store(workspace) as store:
        expires = None if days is None else int(time.time()) + days * _DAY_S
        secret = Tokens(store).create(name, [TokenScope(scope) for scope in scopes], expires)
    emit(as_json, {"name": name, "scopes": list(scopes), "token": secret})


@token.command("list")
@json_option
@click.pass_obj
def list_tokens(workspace: Workspace, as_json: bool) -> None:
    """List the access tokens, without their secrets."""
    from chromatrace.orders.tokens import Tokens
    from chromatrace.services.orders.desk import open_store

    with open_store(workspace) as store:
        tokens = Tokens(store).all()
    facts: list[dict[str, Any]] = [
        {
            "name": item.name,
            "scopes": [scope.value for scope in item.scopes],
            "created": item.created,
            "expires": item.expires,
        }
        for item in tokens
    ]
    emit(as_json, {"tokens": facts})


@token.command("revoke")
@click.argument("name")
@json_option
@click.pass_obj
def revoke_token(workspace: Workspace, name: str, as_json: bool) -> None:
    """Revoke the access token NAME."""
    from chromatrace.orders.tokens import Tokens
    from chromatrace.services.orders.desk import open_store

    with open_store(workspace) as store:
        Tokens(store).revoke(name)
    emit(as_json, {"revoked": name})


@order.group()
def webhooks() -> None:
    """Send signed messages about orders to the targets of the plant file, and manage them.

    \b
    Example: create the shared secret of a target, test it, and deliver until Ctrl-C
      chromatrace order webhooks secret mes.secret
      chromatrace --plant plant.toml order webhooks test mes
      chromatrace --plant plant.toml order webhooks run
    """


@webhooks.command()
@click.option("--once", is_flag=True, help="Queue and deliver what is due now, then end.")
@json_option
@click.pass_obj
def run(workspace: Workspace, once: bool, as_json: bool) -> None:
    """Queue messages about changed orders and deliver them, until Ctrl-C.

    A running portal of this plant does the same; only one process of a database delivers at a time.
    """
    import threading

    from chromatrace.services.orders.desk import open_desk
    from chromatrace.services.orders.outgoing import Webhooks

    with open_desk(workspace) as desk:
        sender = Webhooks(desk)
        if once:
            queued, done = sender.run_once()
            emit(as_json, {"queued": queued, "delivered": done.delivered, "failed": done.failed})
            return
        print_note(f"delivering webhooks of {desk.plant.name}; press Ctrl-C to stop")
        sender.run(
            threading.Event(),
            lambda: workspace.catch_up(workspace.index),
            lambda queued, done: print_note(f"{queued} queued, {done.delivered} delivered, {done.failed} failed"),
        )


@webhooks.command("list")
@click.option(
    "--state",
    "states",
    multiple=True,
    type=click.Choice(["pending", "delivered", "failed", "replaced"]),
    help="Only messages in this state; may be repeated.",
)
@click.option("--limit", default=100, show_default=True, type=WholeRange(1, 10_000), help="Maximum number of messages.")
@json_option
@click.pass_obj
def list_messages(workspace: Workspace, states: tuple[str, ...], limit: int, as_json: bool) -> None:
    """List the newest messages, newest first."""
    from chromatrace.orders.webhooks.queue import WebhookQueue
    from chromatrace.services.orders.desk import open_store

    with open_store(workspace) as store:
        messages = WebhookQueue(store).messages(states, limit)

    def human() -> None:
        for message in messages:
            error = f"  {message.last_error}" if message.last_error else ""
            print_line(
                f"{message.id}  {message.state:<9} {message.target}  {message.event}  {message.order}  "
                f"{message.attempts} attempts, due {format_time(message.due)}{error}"
            )

    names = ("id", "target", "event", "order", "state", "attempts", "created", "due", "delivered", "last_error")
    facts = [{name: getattr(message, name) for name in names} for message in messages]
    emit(as_json, {"messages": facts}, human)


@webhooks.command()
@click.argument("message", required=False)
@click.option("--target", help="All waiting and failed messages of this target.")
@json_option
@click.pass_obj
def retry(workspace: Workspace, message: str | None, target: str | None, as_json: bool) -> None:
    """Make MESSAGE due now, or all messages of a target. It is sent with the same id."""
    from chromatrace.domain.errors import InvalidInput
    from chromatrace.orders.webhooks.queue import WebhookQueue
    from chromatrace.services.orders.desk import open_store

    if (message is None) == (target is None):
        raise InvalidInput("expected either a message or --target", field="message")
    with open_store(workspace) as store:
        count = WebhookQueue(store).retry(target, message)
    emit(as_json, {"due": count})


@webhooks.command("test")
@click.argument("target")
@json_option
@click.pass_obj
def test_target(workspace: Workspace, target: str, as_json: bool) -> None:
    """Send a test message to TARGET and show its answer. Exit status 1 if it does not accept it."""
    from chromatrace.orders.webhooks.sender import WebhookSender
    from chromatrace.plant.erp import ERP
    from chromatrace.services.orders.desk import open_store
    from chromatrace.services.records import plant_of

    plant = plant_of(workspace.settings.plant)
    with open_store(workspace, plant) as store:
        answer = WebhookSender(store, plant.section(ERP).webhooks).test(target)
    emit(as_json, {"target": target, "status": answer.status, "error": answer.error})
    if answer.error is not None:
        raise SystemExit(1)


@webhooks.command()
@click.argument("path", type=click.Path(path_type=Path, dir_okay=False))
@json_option
@click.pass_obj
def secret(workspace: Workspace, path: Path, as_json: bool) -> None:
    """Create the file PATH with a new secret to share with a target."""
    from chromatrace.domain.errors import Conflict
    from chromatrace.orders.webhooks.signature import create_secret

    try:
        create_secret(path)
    except FileExistsError as error:
        raise Conflict(f"{path} exists", field="path", hint="remove it, or use another name") from error
    emit(as_json, {"secret": path})
