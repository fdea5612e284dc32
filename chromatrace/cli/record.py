"""`chromatrace record`: records of departments."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from chromatrace.chain import calls, reads
from chromatrace.cli.design import design
from chromatrace.cli.options import ADDRESS, organisation_option, parse_pair
from chromatrace.cli.output import emit, format_time, json_option, print_line, print_note, progress
from chromatrace.domain.errors import InvalidInput
from chromatrace.domain.ledger_entries import DepartmentRight, record_id
from chromatrace.number_types import WholeRange
from chromatrace.services.workspace import Workspace

if TYPE_CHECKING:
    from chromatrace.index.views import ProductStatus
    from chromatrace.records.department_records import DepartmentRecords

reader_option = click.option(
    "--reader",
    "readers",
    multiple=True,
    metavar="READER",
    help="Further reader of the record, as `chromatrace key reader` prints it; may be repeated.",
)
_MAX_SHOWN = 100


@click.group()
def record() -> None:
    """Add, share and list the records of departments.

    The setting plant selects the plant that defines the departments and record kinds. The chain has the digest of each
    record; the document is encrypted for its readers and stored off the chain.

    \b
    Example: open the departments, let an operator write, add a record and list it
      chromatrace --dev-account 1 record open
      chromatrace --dev-account 1 record member Sales 0x70997970C51812dc3A010C7d01b50e0d17dc79C8
      chromatrace key reader Sales
      chromatrace --dev-account 1 record add order.json
      chromatrace --dev-account 1 record list P-1
    """


record.add_command(design)


@record.command("open")
@click.argument("departments", nargs=-1)
@click.option(
    "--beyond-plant",
    is_flag=True,
    help="Accept a department that the plant does not define, for example for captured EPCIS documents.",
)
@json_option
@click.pass_obj
def open_(workspace: Workspace, departments: tuple[str, ...], beyond_plant: bool, as_json: bool) -> None:
    """Open DEPARTMENTS (default: all of the plant) on the chain. Requires an administrator's key."""
    from chromatrace.services.records import catalogue_of

    defined = catalogue_of(workspace).departments
    for name in departments:
        if name not in defined and not beyond_plant:
            raise InvalidInput(
                f"the plant has no department {name!r}", field="departments", hint=f"available: {', '.join(defined)}"
            )
    opened = {}
    for name in departments or defined:
        receipt = workspace.chain.submit(calls.open_department(name))
        opened[name] = receipt.event("DepartmentOpened").args["department"]
    emit(as_json, {"departments": opened})


@record.command()
@click.argument("department")
@click.argument("address", type=ADDRESS)
@click.option(
    "--rights",
    type=click.Choice(["none", "read", "append", "both"]),
    default="both",
    show_default=True,
    help="New rights of the member; they replace the current ones. none removes the member.",
)
@json_option
@click.pass_obj
def member(workspace: Workspace, department: str, address: str, rights: str, as_json: bool) -> None:
    """Set the rights of ADDRESS in a DEPARTMENT of your organisation. Requires an administrator's key."""
    mask = DepartmentRight({"none": 0, "read": 1, "append": 2, "both": 3}[rights])
    chain = workspace.chain
    organisation = chain.read(reads.operator(chain.sender)).organisation
    identifier = chain.read(reads.department_id(organisation, department))
    receipt = chain.submit(calls.set_member(identifier, address, mask))
    emit(as_json, {"department": identifier, "rights": mask, "tx": receipt.tx})


@record.command()
@click.argument("document", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option("--kind", help="Kind of record, such as sales.contract-order, if the document has no schema.")
@click.option(
    "--attach", multiple=True, metavar="FIELD=PATH", help="File that a field of the record names; may be repeated."
)
@reader_option
@json_option
@click.pass_obj
def add(
    workspace: Workspace,
    document: Path,
    kind: str | None,
    attach: tuple[str, ...],
    readers: tuple[str, ...],
    as_json: bool,
) -> None:
    """Add the record in the JSON file DOCUMENT to its department.

    \b
    {"schema": "chromatrace.record/sales.contract-order/1", "contract_id": "C-1", "name": "Gear units",
     "customer": "Example Windows", "products": [{"product_id": "P-1", "quantity": 2}]}
    """
    from chromatrace.records.document import MAX_DOCUMENT, parse
    from chromatrace.records.errors import RecordRepeatedError
    from chromatrace.records.reader_key import Reader
    from chromatrace.services.records import open_records

    entitled = [Reader.parse(text) for text in readers]
    with document.open("rb") as file:
        members = parse(file.read(MAX_DOCUMENT + 1))
    records = open_records(workspace)
    record_kind = records.catalogue.newest(kind) if kind else records.catalogue.by_schema(members.get("schema"))
    records.require_writer(record_kind)
    files = _attached_files(attach)
    prepared = records.prepare(records.document(record_kind, members, files))
    tx = records.add([prepared], entitled, files)
    added = prepared.document
    workspace.catch_up(workspace.index)
    if added.record in records.repeats_in(tx):
        raise RecordRepeatedError(added.key, tx, field=f"/{record_kind.key[0]}")
    emit(
        as_json,
        {"tx": tx, "schema": record_kind.schema, "key": added.key, "record": added.record, "digest": added.digest},
    )


@record.command("import")
@click.argument("path", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option("--kind", required=True, help="Kind of record, such as discrete-processing.component.")
@click.option(
    "--batch", default=500, show_default=True, type=WholeRange(1, 1000), help="Number of records per transaction."
)
@reader_option
@json_option
@click.pass_obj
def import_(workspace: Workspace, path: Path, kind: str, batch: int, readers: tuple[str, ...], as_json: bool) -> None:
    """Add a record for each row of a CSV or JSON-lines file. Safe to re-run after an interruption.

    Rejected rows are reported with line and field, and all other rows are added; the exit status is then 1. Rows that
    are already recorded are rejected, so nothing is recorded twice. In CSV, write lists as a;b and quantities as
    P-1:2;P-2:1.
    """
    from chromatrace.records.bulk import rows_of_file
    from chromatrace.records.importing import ImportReport, append_rows, check_rows, withdraw_repeats
    from chromatrace.records.reader_key import Reader
    from chromatrace.services.records import open_records

    entitled = [Reader.parse(text) for text in readers]
    records = open_records(workspace)
    record_kind = records.catalogue.newest(kind)
    records.require_writer(record_kind)
    report = ImportReport()
    with progress(f"checking {path.name}", hidden=as_json) as show:
        accepted = check_rows(records, record_kind, rows_of_file(path, record_kind), report, show)
    with progress("appending", total=len(accepted), hidden=as_json) as show:
        append_rows(records, accepted, entitled, batch, report, show)
    workspace.catch_up(workspace.index)
    withdraw_repeats(records, accepted, report)

    def human() -> None:
        print_line(f"{report.appended:,} records added in {len(report.transactions):,} transactions")
        for line, error in report.errors[:_MAX_SHOWN]:
            print_note(error.message, mark=f"line {line}, {error.field or '/'}:", style="yellow")
        if report.errors:
            existing = f", {report.existing:,} of them already recorded" if report.existing else ""
            print_note(f"{len(report.errors):,} rejected{existing}")
        if report.stopped is not None:
            print_note(f"{report.remaining:,} rows remain: {report.stopped}; run the command again")

    emit(as_json, report.as_dict(), human)
    if report.errors or report.stopped is not None:
        raise SystemExit(1)


@record.command()
@click.argument("kind")
@click.argument("record_key")
@click.option(
    "--as",
    "names",
    multiple=True,
    metavar="NAME",
    help="Name or fingerprint of a reader key to use; may be repeated. Default: all keys of the data folder.",
)
@click.option("--save", multiple=True, metavar="FIELD=PATH", help="Save the file that a field of the record names.")
@organisation_option
@json_option
@click.pass_obj
def show(
    workspace: Workspace,
    kind: str,
    record_key: str,
    names: tuple[str, ...],
    save: tuple[str, ...],
    organisation: int | None,
    as_json: bool,
) -> None:
    """Show the record of KIND (such as sales.contract-order) with the key RECORD_KEY, and its document.

    If your organisation has no such record, show the first one that another organisation shares with you.
    """
    from chromatrace.records.errors import KeyMissingError
    from chromatrace.services.records import open_records, reading_keys, vault_of

    records = open_records(workspace)
    record_kind = records.catalogue.newest(kind)
    entry = records.find(record_id(record_kind.id, record_key), record_kind, organisation)
    keys = reading_keys(workspace, names) if names else None
    document = records.read(entry, keys)
    if document is None:
        raise KeyMissingError(
            "none of the reader keys decrypts the document", field="as", hint="ask a reader to grant you access"
        )
    for field, target in (parse_pair(text, "save", "FIELD=PATH") for text in save):
        vault_of(workspace).extract(records.file(entry, field, keys), Path(target))
    repeats = records.repeats_of(entry)
    emit(
        as_json,
        {
            "entry": entry,
            "schema": document.kind.schema,
            "fields": dict(document.fields),
            "readers": [reader.as_dict() for reader in records.readers(entry, keys)],
            "repeats": list(repeats),
        },
    )
    if repeats:
        print_note(f"recorded {len(repeats)} more times; repeats have no effect", mark="repeats:", style="yellow")


@record.command("list")
@click.argument("product")
@json_option
@click.pass_obj
def list_(workspace: Workspace, product: str, as_json: bool) -> None:
    """List the records about PRODUCT of every department that you may read, oldest first.

    A member may read its departments, a supervisor all departments. The key of a record is shown if a reader key in
    the data folder decrypts it.
    """
    from chromatrace.services.records import open_records

    records = open_records(workspace)
    entries = records.trace(product)
    with workspace.index.snapshot() as snapshot:
        departments = {department.id: department for department in snapshot.departments()}
    facts = [
        {
            "department": departments[entry.department].name,
            "organisation": departments[entry.department].organisation,
            "entry": entry,
            **_description(records, entry),
        }
        for entry in entries
    ]
    several = len({fact["organisation"] for fact in facts}) > 1

    def human() -> None:
        for fact in facts:
            entry = fact["entry"]
            about = fact["key"] or f"record 0x{entry.record.hex()}"
            mark = "  REPEAT, no effect" if entry.repeat else ""
            owner = f"{fact['department']} of {fact['organisation']}" if several else fact["department"]
            block = f"block {entry.appended.block_number:>6}  {owner:<24}"
            print_line(f"{block} {fact['title']:<16} {about}{mark}")

    emit(as_json, {"product": product, "records": facts}, human)


def _description(records: DepartmentRecords, entry: Any) -> dict[str, Any]:
    """Return the schema, title and key of an entry, if a reader key decrypts it."""
    from chromatrace.domain.errors import IntegrityError
    from chromatrace.records.errors import ContentNotFoundError

    kind = records.catalogue.by_hash(entry.kind)
    if kind is None:
        return {"schema": None, "title": "unknown kind", "key": None}
    try:
        document = records.read(entry)
    except (ContentNotFoundError, IntegrityError):
        document = None
    return {"schema": kind.schema, "title": kind.title, "key": document.key if document else None}


@record.command()
@click.argument("kind")
@click.argument("record_key")
@click.option(
    "--to",
    "readers",
    multiple=True,
    metavar="READER",
    help="New reader, as `chromatrace key reader` prints it; may be repeated.",
)
@click.option(
    "--revoke", multiple=True, metavar="FINGERPRINT", help="Fingerprint of a reader to remove; may be repeated."
)
@click.option("--rotate", is_flag=True, help="Let a new reader replace the other keys of the same department.")
@click.option(
    "--as",
    "names",
    multiple=True,
    metavar="NAME",
    help="Name or fingerprint of a reader key to use; may be repeated. Default: the keys of the record's department.",
)
@organisation_option
@json_option
@click.pass_obj
def grant(
    workspace: Workspace,
    kind: str,
    record_key: str,
    readers: tuple[str, ...],
    revoke: tuple[str, ...],
    rotate: bool,
    names: tuple[str, ...],
    organisation: int | None,
    as_json: bool,
) -> None:
    """Grant or revoke access to the document of a record and its files, in one step. Print its readers.

    You must be allowed to read the department that wrote the record and to append to it, and hold a key of it, which
    remains a reader. Other records that share a file keep their readers. A revoked reader keeps every document, and
    every key of a document, that it has already read.
    """
    from chromatrace.records.reader_key import Reader
    from chromatrace.services.records import open_records, reading_keys

    added = [Reader.parse(text) for text in readers]
    records = open_records(workspace)
    record_kind = records.catalogue.newest(kind)
    entry = records.find(record_id(record_kind.id, record_key), record_kind, organisation)
    keys = reading_keys(workspace, names) if names else None
    remaining = records.grant(entry, added, revoke, keys=keys, rotate=rotate)

    def human() -> None:
        for reader in remaining:
            print_line(f"{reader.fingerprint}  {reader.name}, {reader.identity}")

    emit(as_json, {"readers": [reader.as_dict() for reader in remaining]}, human)


@record.command()
@click.option(
    "--recovery",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="File of the organisation's recovery key, if the department's older keys are lost.",
)
@json_option
@click.pass_obj
def rewrap(workspace: Workspace, recovery: Path | None, as_json: bool) -> None:
    """Replace older reader keys by the newest ones in all records that the keys of the data folder decrypt.

    Run it after `chromatrace key reader --rotate` or `chromatrace key recovery`; it can run while the portal serves.
    Safe to re-run after an interruption. The contents are not encrypted again.
    """
    from chromatrace.services.records import rewrap as rewrap_all

    with progress("rewrapping", hidden=as_json) as show:
        report = rewrap_all(workspace, recovery, show)

    def human() -> None:
        print_line(f"{report.changed:,} of {report.checked:,} records changed")
        for name, error in report.errors[:_MAX_SHOWN]:
            print_note(error.message, mark=f"{name}:", style="yellow")

    errors = [{"file": name, **error.as_dict()} for name, error in report.errors]
    emit(as_json, {"checked": report.checked, "changed": report.changed, "errors": errors}, human)
    if report.errors:
        raise SystemExit(1)


@record.command()
@click.argument("contract")
@organisation_option
@json_option
@click.pass_obj
def order(workspace: Workspace, contract: str, organisation: int | None, as_json: bool) -> None:
    """Show the progress of the sales contract CONTRACT.

    For each product: next step, station and expected completion. The estimate adds the median duration of each
    remaining step, over the last 50 products that completed it, to the time of the product's last record. If no
    product has completed a step, there is no estimate.
    """
    from chromatrace.services.organisations import may_read_department, own_organisation
    from chromatrace.services.records import catalogue_of
    from chromatrace.services.search import order_status

    with workspace.index.snapshot() as snapshot:
        status = order_status(
            snapshot,
            contract,
            catalogue_of(workspace).kinds,
            may_read_department(workspace),
            int(time.time()),
            own_organisation=own_organisation(workspace),
            organisation=organisation,
        )
        names = {view.id: view.name for view in snapshot.organisations()}
    others = [names.get(number, f"organisation {number}") for number in status.other_organisations]
    facts: dict[str, Any] = {
        "contract": contract,
        "organisation": status.owner,
        "organisation_name": names.get(status.owner),
        "other_organisations": others,
        "ordered_at": status.ordered.appended.block_time,
        "complete": status.complete,
        "expected": status.expected,
        "products": [_product_facts(product) for product in status.products],
    }

    def human() -> None:
        state = "complete" if status.complete else f"expected {_time_or_none(status.expected)}"
        print_line(f"contract {contract} of {facts['organisation_name']}: {len(status.products)} products, {state}")
        if others:
            print_line(f"records of {', '.join(others)} have the same key or are about these products; not counted")
        for product in status.products:
            done = sum(step.done for step in product.steps)
            step = product.next_step
            at = f"at {step.kind.title}, {step.kind.department}" if step else "complete"
            expected = _time_or_none(product.expected)
            print_line(f"  0x{product.subject.hex()[:12]}…  {done}/{len(product.steps)} steps, {at}, {expected}")

    emit(as_json, facts, human)


def _product_facts(product: ProductStatus) -> dict[str, Any]:
    step = product.next_step
    return {
        "product": product.subject,
        "complete": product.complete,
        "step": step.kind.id if step else None,
        "station": step.kind.station if step else None,
        "department": step.kind.department if step else None,
        "expected": product.expected,
        "steps": [
            {
                "kind": step.kind.id,
                "station": step.kind.station,
                "records": step.records,
                "started": step.started,
                "done": step.done,
            }
            for step in product.steps
        ],
    }


def _time_or_none(seconds: int | None) -> str:
    return "no estimate" if seconds is None else format_time(seconds)


def _attached_files(texts: Sequence[str]) -> dict[str, Path]:
    files = {}
    for field, path in (parse_pair(text, "attach", "FIELD=PATH") for text in texts):
        files[field] = Path(path)
        if not files[field].is_file():
            raise InvalidInput(f"{path} is not a file", field=f"/{field}")
    return files
