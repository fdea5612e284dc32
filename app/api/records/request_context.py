"""The records' desk of one request: what the operator may see and write, asked of the chain."""

from __future__ import annotations

import re
from typing import Any

from flask import g, request

from app.basic_auth import BasicCredentials
from app.context import Portal, current_operator, current_portal
from app.errors import LoginRequiredError
from app.services import RecordWriter
from chromatrace.domain.errors import InvalidInput, NotFound
from chromatrace.domain.ledger_entries import RecordId
from chromatrace.domain.record_kinds import RecordKind
from chromatrace.records.catalogue import Catalogue
from chromatrace.records.department_records import DepartmentRecords
from chromatrace.records.errors import KeyMissingError
from chromatrace.records.reader_key import KeyRing, Reader, ReaderKey
from chromatrace.records.vault import Vault

_RECORD = re.compile(r"0x[0-9a-f]{40}")
_TRANSACTION = re.compile(r"0x[0-9a-f]{64}")


def open_desk() -> tuple[DepartmentRecords, RecordWriter]:
    """The desk of the operator's organisation. Raises as `operator`, `NotFound` where the portal serves no plant."""
    portal, operator = current_portal(), current_operator()
    if not portal.kinds:
        raise NotFound("this portal serves no plant's records", field="plant")
    lock = portal.config.data_folder / "records.lock"
    writer = RecordWriter(portal.chain, operator.address, lambda: portal.index.head().indexed_block, lock)
    vault = Vault(portal.config.vault_place)
    return DepartmentRecords(Catalogue(portal.kinds), portal.index, writer, vault, operator.organisation), writer


def writing_desk(schema: object, pointer: str = "/schema") -> tuple[DepartmentRecords, RecordKind]:
    """A desk that signs with the account's key, for one who may append to the department of a kind.

    Raises `LoginNeeded` without name and password in the request, `UnknownSchemaError`, and what the contract refuses.
    """
    desk, writer = open_desk()
    unlock(writer)
    kind = desk.catalogue.by_schema(schema)
    try:
        desk.require_writer(kind)
    except NotFound as error:
        raise NotFound(error.message, field=pointer, hint=error.hint) from error
    return desk, kind


def unlock(writer: RecordWriter) -> None:
    """Takes the key of the account whose name and password came with this request."""
    given = g.get("credentials")
    if not isinstance(given, BasicCredentials):
        raise LoginRequiredError(
            "writing needs the account's name and password with the request",
            field="Authorization",
            hint="send HTTP Basic: the password unlocks the account's key for this one record",
        )
    if given.account.keystore is None:
        raise InvalidInput("this account has no key here", field="Authorization", hint="use an account with a keystore")
    writer.unlock(current_portal().config.keys / given.account.keystore, given.password)


def keys(portal: Portal, *names: str) -> list[ReaderKey]:
    """The reading keys of these departments that the portal holds."""
    found = []
    for name in names:
        try:
            found.append(_ring(portal).key(name))
        except KeyMissingError:
            continue
    return found


def readers(department: str) -> list[Reader]:
    """Who is to read a new document: its department, and whoever `?reader=NAME=x25519:…` names."""
    own = _ring(current_portal()).key(department).reader
    return [own, *(Reader.parse(text) for text in request.args.getlist("reader"))]


def record_of(text: str) -> RecordId:
    """A record's id from a path. Raises `InvalidInput`."""
    if not _RECORD.fullmatch(text):
        raise InvalidInput(f"0x and 40 lower-case hexadecimal digits are needed, got {text!r:.60}", field="record")
    return RecordId(bytes.fromhex(text[2:]))


def transaction_of(text: str) -> str:
    """A transaction's id from a parameter. Raises `InvalidInput`."""
    if not _TRANSACTION.fullmatch(text):
        raise InvalidInput(f"0x and 64 lower-case hexadecimal digits are needed, got {text!r:.80}", field="transaction")
    return text


def only_parameters(*known: str) -> None:
    """Refuses query parameters that nobody reads."""
    for name in request.args:
        if name not in known:
            raise InvalidInput("this parameter is not known", field=name[:60], hint=f"known: {', '.join(known)}")


def department_of(entry: Any) -> Any:
    """The department that wrote an entry (`DepartmentView`)."""
    return current_portal().index.department(entry.department)


def _ring(portal: Portal) -> KeyRing:
    return KeyRing(portal.config.keys / "readers", portal.config.reader_password)
