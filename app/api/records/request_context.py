"""The department records, keys and parameters of one request."""

from __future__ import annotations

import re

from flask import g, request

from app.basic_auth import BasicCredentials
from app.context import current_operator, current_portal, current_snapshot
from app.errors import LoginRequiredError
from app.services import RecordWriter
from chromatrace.domain.errors import InvalidInput, NotFound
from chromatrace.domain.ledger_entries import RecordId
from chromatrace.domain.record_kinds import RecordKind
from chromatrace.index.views import DepartmentView, RecordView
from chromatrace.records.catalogue import Catalogue
from chromatrace.records.department_records import DepartmentRecords
from chromatrace.records.key_ring import KeyRing
from chromatrace.records.reader_key import Reader
from chromatrace.records.vault import Vault

_RECORD = re.compile(r"0x[0-9a-f]{40}")
_ORGANISATION = re.compile(r"[1-9][0-9]{0,8}")
_TRANSACTION = re.compile(r"0x[0-9a-f]{64}")


def open_records() -> tuple[DepartmentRecords, RecordWriter]:
    """Return the records that the operator may read, and the writer behind them.

    Raises as `current_operator`, and `NotFound` if the portal has no record kinds.
    """
    portal, operator = current_portal(), current_operator()
    if not portal.kinds:
        raise NotFound("this portal does not serve department records", field="plant")
    lock = portal.config.data_folder / "records.lock"
    writer = RecordWriter(portal.chain, operator.address, lambda: current_snapshot().head().indexed_block, lock)
    vault = Vault(portal.config.vault_location)
    keys = KeyRing(portal.config.keys / "readers", portal.config.reader_password)
    return DepartmentRecords(Catalogue(portal.kinds), portal.index, writer, vault, keys, operator.organisation), writer


def open_for_writing(schema: object, pointer: str = "/schema") -> tuple[DepartmentRecords, RecordKind]:
    """Return records that sign with the account's key, for an operator who may append to the kind's department.

    Raises `LoginRequiredError` without HTTP Basic credentials, `UnknownSchemaError`, and the contract's error.
    """
    records, writer = open_records()
    unlock(writer)
    kind = records.catalogue.by_schema(schema)
    try:
        records.require_writer(kind)
    except NotFound as error:
        raise NotFound(error.message, field=pointer, hint=error.hint) from error
    return records, kind


def unlock(writer: RecordWriter) -> None:
    """Unlock the writer with the credentials of the request."""
    credentials = g.get("credentials")
    if not isinstance(credentials, BasicCredentials):
        raise LoginRequiredError(
            "writing requires the account's name and password in the request",
            field="Authorization",
            hint="use HTTP Basic; the password unlocks the account's key for this request only",
        )
    account = credentials.account
    if account.keystore is None:
        raise InvalidInput(
            "the portal has no keystore for this account", field="Authorization", hint="use an account that has one"
        )
    writer.unlock(current_portal().config.keys / account.keystore, credentials.password)


def requested_readers() -> list[Reader]:
    """Return the further readers of a new record: each `?reader=`."""
    return [Reader.parse(text) for text in request.args.getlist("reader")]


def requested_organisation() -> int | None:
    """Return the number of the organisation that the request selects, or None."""
    text = request.args.get("organisation")
    if text is None:
        return None
    if not _ORGANISATION.fullmatch(text):
        raise InvalidInput(f"{text!r:.20} is not a valid organisation; expected its number", field="organisation")
    return int(text)


def parse_record_id(text: str) -> RecordId:
    """Parse a record identifier. Raises `InvalidInput`."""
    if not _RECORD.fullmatch(text):
        raise InvalidInput(
            f"{text!r:.60} is not a valid record; expected 0x and 40 lower-case hex digits", field="record"
        )
    return RecordId(bytes.fromhex(text[2:]))


def parse_transaction(text: str) -> str:
    """Validate a transaction hash. Raises `InvalidInput`."""
    if not _TRANSACTION.fullmatch(text):
        raise InvalidInput(
            f"{text!r:.80} is not a valid transaction; expected 0x and 64 lower-case hex digits", field="transaction"
        )
    return text


def require_parameters(*supported: str) -> None:
    """Raise `InvalidInput` for a query parameter that is not supported."""
    for name in request.args:
        if name not in supported:
            hint = f"supported: {', '.join(supported)}" if supported else "this operation has no parameters"
            raise InvalidInput("unknown parameter", field=name[:60], hint=hint)


def department_of(entry: RecordView) -> DepartmentView | None:
    """Return the department that appended an entry."""
    return current_snapshot().department(entry.department)
