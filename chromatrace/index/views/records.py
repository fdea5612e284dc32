"""Departments, who may write in them, and their records."""

from __future__ import annotations

from dataclasses import dataclass

from chromatrace.domain.ledger_entries import DepartmentRight, RecordId, SubjectId
from chromatrace.index.views.chain import EventRef


@dataclass(frozen=True, slots=True)
class DepartmentView:
    """One department. `count` of its records and `head` of the hash chain over them (zeros before the first)."""

    id: bytes
    organisation: int
    name: str
    count: int
    head: bytes
    opened: EventRef


@dataclass(frozen=True, slots=True)
class MemberView:
    """What an address may do in a department."""

    department: bytes
    member: str
    rights: DepartmentRight
    changed: EventRef


@dataclass(frozen=True, slots=True)
class RecordView:
    """One record of a department about one product. `number` counts the department's entries from 0; a record about
    several products has one entry for each. `kind`: see `kind_hash`; `preceding` None: it goes on from none.

    `repeat`: the department had a record of that key before, and that one is the record; this one counts nowhere.
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
