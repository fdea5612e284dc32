"""Many records at once: each row checked against what is recorded and against the rows before it, then appended."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from chromatrace.domain.errors import ChromaTraceError
from chromatrace.domain.record_kinds import RecordKind
from chromatrace.records.bulk import ImportRow
from chromatrace.records.department_records import DepartmentRecords
from chromatrace.records.errors import RecordExistsError, RecordPendingError, RecordRepeatedError
from chromatrace.records.preparation import PendingLedger, PreparedRecord
from chromatrace.records.reader_key import Reader


@dataclass
class ImportReport:
    """What became of the rows. `refusals`: line, counted from 1, and why.

    Records that were there or on their way already are among the refusals, and `known` of them: the same file may be
    sent again after anything, and nothing is recorded twice. `stopped`: why no more was appended, and `left` rows that
    were not.
    """

    taken: int = 0
    transactions: list[str] = field(default_factory=list)
    refusals: list[tuple[int, ChromaTraceError]] = field(default_factory=list)
    stopped: ChromaTraceError | None = None
    left: int = 0

    @property
    def known(self) -> int:
        """Rows whose record was there or under way already."""
        return sum(isinstance(refusal, RecordExistsError) for _, refusal in self.refusals)

    def withdraw(self, line: int, refusal: ChromaTraceError) -> None:
        """Counts a row that was taken as refused."""
        self.taken -= 1
        self.refusals.append((line, refusal))

    def as_dict(self) -> dict[str, Any]:
        """As the command and the interface tell it."""
        told: dict[str, Any] = {
            "taken": self.taken,
            "refused": len(self.refusals),
            "known": self.known,
            "transactions": self.transactions,
            "refusals": [
                {"line": line, **refusal.as_dict()}
                for line, refusal in sorted(self.refusals, key=lambda refused: refused[0])
            ],
        }
        return told if self.stopped is None else told | {"stopped": self.stopped.as_dict(), "left": self.left}


@dataclass(frozen=True, slots=True)
class AcceptedRow:
    """A row that may be appended."""

    line: int
    prepared: PreparedRecord


def check_rows(
    desk: DepartmentRecords,
    kind: RecordKind,
    rows: Iterable[ImportRow],
    report: ImportReport,
    progress: Callable[[int], None],
) -> list[AcceptedRow]:
    """The rows that may be appended, in their order; the others are put into `report`. Writes nothing."""
    pending = PendingLedger(desk.ledger)
    accepted: list[AcceptedRow] = []
    for count, row in enumerate(rows, 1):
        try:
            if row.refusal is not None:
                raise row.refusal
            prepared = desk.prepare(desk.document(kind, row.members, {}), pending)
        except ChromaTraceError as refusal:
            report.refusals.append((row.line, refusal))
        else:
            pending.add(prepared)
            accepted.append(AcceptedRow(row.line, prepared))
        progress(count)
    return accepted


def append_rows(
    desk: DepartmentRecords,
    accepted: Sequence[AcceptedRow],
    readers: Sequence[Reader],
    size: int,
    report: ImportReport,
    progress: Callable[[int], None],
) -> None:
    """Appends them, at most `size` entries a transaction (and at least one record).

    What fails on the way ends it: `report.stopped`. Raises where nothing was taken by then.
    """
    done = 0
    for part in _batches(accepted, size):
        try:
            _append(desk, part, readers, report)
        except ChromaTraceError as error:
            if not report.taken:
                raise
            report.stopped, report.left = error, len(accepted) - done
            return
        done += len(part)
        progress(done)


def sift_repeats(desk: DepartmentRecords, accepted: Sequence[AcceptedRow], report: ImportReport) -> None:
    """Refuses those rows of a finished import that somebody else recorded first, at the same moment.

    The index must have the blocks of all its transactions.
    """
    rows = {row.prepared.document.record: row for row in accepted}
    for tx in report.transactions:
        for record in desk.repeats_in(tx):
            made = rows[record].prepared.document
            report.withdraw(rows[record].line, RecordRepeatedError(made.key, tx, field=f"/{made.kind.key[0]}"))


def _append(
    desk: DepartmentRecords, part: Sequence[AcceptedRow], readers: Sequence[Reader], report: ImportReport
) -> None:
    """All of it but what is under way already, which is refused."""
    while part:
        try:
            report.transactions.append(desk.add([row.prepared for row in part], readers, {}))
        except RecordPendingError as refusal:
            known = [row for row in part if row.prepared.document.record in refusal.records]
            for row in known:
                field = f"/{row.prepared.document.kind.key[0]}"
                report.refusals.append((row.line, RecordPendingError([row.prepared.document.record], field=field)))
            part = [row for row in part if row not in known]
        else:
            report.taken += len(part)
            return


def _batches(accepted: Sequence[AcceptedRow], size: int) -> Iterator[list[AcceptedRow]]:
    part: list[AcceptedRow] = []
    entries = 0
    for row in accepted:
        if part and entries + len(row.prepared.entries) > size:
            yield part
            part, entries = [], 0
        part.append(row)
        entries += len(row.prepared.entries)
    if part:
        yield part
