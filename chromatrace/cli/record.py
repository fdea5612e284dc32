"""`chromatrace record`: what departments write, from the worked document to the chain and back."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from chromatrace.chain import calls, reads
from chromatrace.cli.options import organisation_option
from chromatrace.cli.output import emit, json_option, progress, say, tell
from chromatrace.domain.errors import InvalidInput
from chromatrace.domain.ledger_entries import DepartmentRight, record_id
from chromatrace.services.workspace import Workspace

if TYPE_CHECKING:
    from chromatrace.records.catalogue import Catalogue
    from chromatrace.records.department_records import DepartmentRecords
    from chromatrace.records.reader_key import Reader, ReaderKey

reader_option = click.option(
    "--reader", "readers", multiple=True, help="NAME=x25519:… who may read it too; may be repeated."
)
_MAX_SHOWN = 100


@click.group()
def record() -> None:
    """Records of departments: added, imported, shown and traced; their documents encrypted off the chain."""


@record.command()
@click.argument("name")
@json_option
@click.pass_obj
def key(workspace: Workspace, name: str, as_json: bool) -> None:
    """Make the key by which the department or organisation NAME reads documents, and print its public part.

    The private key lies in keys/readers of the data folder, encrypted where CHROMATRACE_READER_PASSWORD is set.
    """
    from chromatrace.services.records import key_ring

    made, path = key_ring(workspace).make(name)
    emit(as_json, {"reader": str(made.reader), "key": path})


@record.command("open")
@click.argument("departments", nargs=-1)
@click.option("--beyond-plant", is_flag=True, help="Open it though the plant does not define it: for captures, say.")
@json_option
@click.pass_obj
def open_(workspace: Workspace, departments: tuple[str, ...], beyond_plant: bool, as_json: bool) -> None:
    """Open DEPARTMENTS (default: every one of the plant) on the chain. Only an administrator."""
    from chromatrace.records.catalogue import Catalogue
    from chromatrace.services.records import plant_of

    known = Catalogue(plant_of(workspace.settings.plant).record_kinds).departments
    for name in departments:
        if name not in known and not beyond_plant:
            raise InvalidInput(f"no department {name!r}", field="departments", hint=f"there are: {', '.join(known)}")
    opened = {}
    for name in departments or known:
        receipt = workspace.chain.submit(calls.open_department(name))
        opened[name] = receipt.event("DepartmentOpened").args["department"]
    emit(as_json, {"departments": opened})


@record.command()
@click.argument("department")
@click.argument("address")
@click.option(
    "--rights",
    type=click.Choice(["none", "read", "append", "both"]),
    default="both",
    show_default=True,
    help="In place of those that it had; none takes it out.",
)
@json_option
@click.pass_obj
def member(workspace: Workspace, department: str, address: str, rights: str, as_json: bool) -> None:
    """Give ADDRESS exactly these rights in our DEPARTMENT. Only an administrator."""
    masks = {"none": 0, "read": 1, "append": 2, "both": 3}
    mask = DepartmentRight(masks[rights])
    chain = workspace.chain
    organisation = chain.read(reads.operator(chain.sender)).organisation
    number = chain.read(reads.department_id(organisation, department))
    receipt = chain.submit(calls.set_member(number, address, mask))
    emit(as_json, {"department": number, "rights": mask, "tx": receipt.tx})


@record.command()
@click.argument("document", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option("--kind", help="Such as sales.contract-order, where the document names no schema.")
@click.option("--attach", multiple=True, help="FIELD=PATH of a file that the record names; may be repeated.")
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
    """Add the record in the JSON file DOCUMENT to its department; prints the transaction's id.

    \b
    {"schema": "chromatrace.record/sales.contract-order/1", "contract_id": "C-1", "name": "Gear units",
     "customer": "Example Windows", "products": [{"product_id": "P-1", "quantity": 2}]}
    """
    from chromatrace.records.document import MAX_DOCUMENT, parse
    from chromatrace.records.errors import RecordRepeatedError
    from chromatrace.services.records import open_desk

    with document.open("rb") as file:
        members = parse(file.read(MAX_DOCUMENT + 1))
    desk = open_desk(workspace)
    chosen = desk.catalogue.newest(kind) if kind else desk.catalogue.by_schema(members.get("schema"))
    desk.require_writer(chosen)
    files = _attached(attach)
    entitled = _readers(workspace, chosen.department, readers)
    prepared = desk.prepare(desk.document(chosen, members, files))
    tx = desk.add([prepared], entitled, files)
    made = prepared.document
    workspace.catch_up(workspace.index)
    if made.record in desk.repeats_in(tx):
        raise RecordRepeatedError(made.key, tx, field=f"/{chosen.key[0]}")
    emit(as_json, {"tx": tx, "schema": chosen.schema, "key": made.key, "record": made.record, "digest": made.digest})


@record.command("import")
@click.argument("path", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option("--kind", required=True, help="Such as discrete-processing.component.")
@click.option("--batch", default=500, show_default=True, type=click.IntRange(1, 1000), help="Entries a transaction.")
@reader_option
@json_option
@click.pass_obj
def import_(workspace: Workspace, path: Path, kind: str, batch: int, readers: tuple[str, ...], as_json: bool) -> None:
    """Add a record for each row of a CSV or JSON-lines file.

    A row that is refused is reported with its line and field, and the rest is taken; the exit status is 1 then. Run
    again after anything: rows that are recorded already are refused as such, and nothing is recorded twice. Lists are
    written a;b, quantities P-1:2;P-2:1.
    """
    from chromatrace.records.bulk import rows
    from chromatrace.records.importing import ImportReport, append_rows, check_rows, withdraw_repeats
    from chromatrace.services.records import open_desk

    desk = open_desk(workspace)
    chosen = desk.catalogue.newest(kind)
    desk.require_writer(chosen)
    entitled = _readers(workspace, chosen.department, readers)
    report = ImportReport()
    with progress(f"checking {path.name}", hidden=as_json) as show:
        accepted = check_rows(desk, chosen, rows(path, chosen), report, show)
    with progress("appending", total=len(accepted), hidden=as_json) as show:
        append_rows(desk, accepted, entitled, batch, report, show)
    workspace.catch_up(workspace.index)
    withdraw_repeats(desk, accepted, report)

    def human() -> None:
        say(f"{report.appended:,} records appended in {len(report.transactions):,} transactions")
        for line, error in report.errors[:_MAX_SHOWN]:
            tell(error.message, mark=f"line {line}, {error.field or '/'}:", style="yellow")
        if report.errors:
            existing = f", {report.existing:,} of them because the record exists" if report.existing else ""
            tell(f"{len(report.errors):,} rejected{existing}")
        if report.stopped is not None:
            tell(f"stopped with {report.remaining:,} rows remaining: {report.stopped}; run the import again")

    emit(as_json, report.as_dict(), human)
    if report.errors or report.stopped is not None:
        raise SystemExit(1)


@record.command()
@click.argument("kind")
@click.argument("record_key")
@click.option("--as", "names", multiple=True, help="Read with this reader's key. Default: the department's.")
@click.option("--save", multiple=True, help="FIELD=PATH: write the file that the record names there.")
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

    Ours; where we have none, the first that another organisation lets us read.
    """
    from chromatrace.records.errors import KeyMissingError
    from chromatrace.services.records import open_desk, vault_of

    desk = open_desk(workspace)
    chosen = desk.catalogue.newest(kind)
    entry = desk.find(record_id(chosen.id, record_key), chosen, organisation)
    keys = _keys(workspace, names or (chosen.department,))
    document = desk.read(entry, keys)
    if document is None:
        raise KeyMissingError(
            "no reading key here opens the document", field="as", hint="somebody who may can grant it"
        )
    for field, target in (_pair(text, "save") for text in save):
        named = document.fields.get(field)
        if not isinstance(named, str) or bytes.fromhex(named[2:]) not in document.files:
            raise InvalidInput(f"the record names no file {field!r}", field=f"/{field}")
        vault_of(workspace).extract(bytes.fromhex(named[2:]), keys[0], Path(target))
    repeats = desk.repeats_of(entry)
    emit(
        as_json,
        {"entry": entry, "schema": document.kind.schema, "fields": dict(document.fields), "repeats": list(repeats)},
    )
    if repeats:
        tell(f"recorded {len(repeats)} more times, which does not count", mark="repeats:", style="yellow")


@record.command("list")
@click.argument("product")
@json_option
@click.pass_obj
def list_(workspace: Workspace, product: str, as_json: bool) -> None:
    """List what every department that we may read has recorded about PRODUCT, oldest first.

    A member sees its departments, a supervisor all of them. Where a reading key is here, with the record's key.
    """
    from chromatrace.services.records import open_desk

    desk = open_desk(workspace)
    found = desk.trace(product)
    with workspace.index.snapshot() as snapshot:
        departments = {item.id: item for item in snapshot.departments()}
    facts = [
        {
            "department": departments[entry.department].name,
            "organisation": departments[entry.department].organisation,
            "entry": entry,
            **_described(workspace, desk, entry),
        }
        for entry in found
    ]
    several = len({fact["organisation"] for fact in facts}) > 1

    def human() -> None:
        for fact in facts:
            entry = fact["entry"]
            about = fact["key"] or f"record 0x{entry.record.hex()}"
            mark = "  REPEAT, does not count" if entry.repeat else ""
            whose = f"{fact['department']} of {fact['organisation']}" if several else fact["department"]
            place = f"block {entry.appended.block_number:>6}  {whose:<24}"
            say(f"{place} {fact['title']:<16} {about}{mark}")

    emit(as_json, {"product": product, "records": facts}, human)


@record.command()
@click.argument("kind")
@click.argument("record_key")
@click.option("--to", "readers", multiple=True, help="NAME=x25519:… who may read it from now on; may be repeated.")
@click.option("--revoke", multiple=True, help="NAME who shall not; whoever has read it already may keep it.")
@click.option("--as", "name", help="Grant with this reader's key. Default: the department's.")
@json_option
@click.pass_obj
def grant(
    workspace: Workspace,
    kind: str,
    record_key: str,
    readers: tuple[str, ...],
    revoke: tuple[str, ...],
    name: str | None,
    as_json: bool,
) -> None:
    """Let others read the document of a record and its files, or take that from those who have not read it yet.

    Revoking cannot make anybody forget: a reader who had the document, or its key, keeps it.
    """
    from chromatrace.records.reader_key import Reader
    from chromatrace.services.records import open_desk, reading_key

    desk = open_desk(workspace)
    chosen = desk.catalogue.newest(kind)
    entry = desk.find(record_id(chosen.id, record_key), chosen)
    own = reading_key(workspace, name or chosen.department)
    emit(as_json, {"readers": desk.grant(entry, own, [Reader.parse(text) for text in readers], revoke)})


def _attached(texts: Sequence[str]) -> dict[str, Path]:
    files = {}
    for field, path in (_pair(text, "attach") for text in texts):
        files[field] = Path(path)
        if not files[field].is_file():
            raise InvalidInput(f"{path} is no file", field=f"/{field}")
    return files


def _pair(text: str, option: str) -> tuple[str, str]:
    field, equals, value = text.partition("=")
    if not (field and equals and value):
        raise InvalidInput(f"FIELD=PATH is needed, got {text!r}", field=option)
    return field, value


def _readers(workspace: Workspace, department: str, others: Sequence[str]) -> list[Reader]:
    """The department itself, and whoever is named."""
    from chromatrace.records.reader_key import Reader
    from chromatrace.services.records import reading_key

    return [reading_key(workspace, department).reader, *(Reader.parse(text) for text in others)]


def _keys(workspace: Workspace, names: Sequence[str]) -> list[ReaderKey]:
    from chromatrace.services.records import reading_key

    return [reading_key(workspace, name) for name in names]


def _described(workspace: Workspace, desk: DepartmentRecords, entry: Any) -> dict[str, Any]:
    """What an entry is, as far as a key that is here opens it."""
    from chromatrace.records.errors import ContentNotFoundError, KeyMissingError, RecordMismatchError

    kind = _kind_of(desk.catalogue, entry)
    described: dict[str, Any] = {"schema": kind and kind.schema, "title": kind.title if kind else "unknown kind"}
    if kind is None:
        return described | {"key": None}
    try:
        document = desk.read(entry, _keys(workspace, [kind.department]))
    except (KeyMissingError, ContentNotFoundError, RecordMismatchError):
        document = None
    return described | {"key": document.key if document else None}


def _kind_of(catalogue: Catalogue, entry: Any) -> Any:
    return catalogue.by_hash(entry.kind)
