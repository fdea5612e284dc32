"""Departments and their records."""

from __future__ import annotations

from dataclasses import dataclass

from chromatrace.domain.ledger_entries import RecordId, SubjectId
from chromatrace.index.views.chain import EventRef


@dataclass(frozen=True, slots=True)
class DepartmentView:
    """A department: the number of its entries and the head of the hash chain over them (zeros before the first)."""

    id: bytes
    organisation: int
    name: str
    count: int
    head: bytes
    opened: EventRef


@dataclass(frozen=True, slots=True)
class RecordView:
    """One entry of a department: a record about one product. A record about several products has one entry for each.

    number     number of the entry in its department, from 0
    kind       `ledger_entries.kind_hash` of the record's schema
    preceding  the record that it continues, or None
    repeat     whether the department already had a record with this key; a repeat counts nowhere
    """

    department: bytes
    number: int
    kind: bytes
    record: RecordId
    subject: SubjectId
    preceding: RecordId | None
    digest: bytes
    by: str
    appended: EventRef
    repeat: bool = False
