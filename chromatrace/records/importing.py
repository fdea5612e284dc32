"""Import many records at once: check each row against the ledger and the rows before it, then append the valid ones."""

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
    """Result of an import.

    appended   number of appended records
    errors     rejected rows: line, counted from 1, and error. They include records that exist already, so a file can
               be imported again after an interruption
    stopped    the error that ended the import early
    remaining  number of valid rows that were not appended in that case
    """

    appended: int = 0
    transactions: list[str] = field(default_factory=list)
    errors: list[tuple[int, ChromaTraceError]] = field(default_factory=list)
    stopped: ChromaTraceError | None = None
    remaining: int = 0

    @property
    def existing(self) -> int:
        """Number of rejected rows whose record already exists or is pending."""
        return sum(isinstance(error, RecordExistsError) for _, error in self.errors)

    def withdraw(self, line: int, error: ChromaTraceError) -> None:
        """Count an appended row as rejected."""
        self.appended -= 1
        self.errors.append((line, error))

    def as_dict(self) -> dict[str, Any]:
        """Return the report as JSON, for the command line and the HTTP interface."""
        report: dict[str, Any] = {
            "appended": self.appended,
            "rejected": len(self.errors),
            "existing": self.existing,
            "transactions": self.transactions,
            "errors": [
                {"line": line, **error.as_dict()} for line, error in sorted(self.errors, key=lambda item: item[0])
            ],
        }
        if self.stopped is None:
            return report
        return report | {"stopped": self.stopped.as_dict(), "remaining": self.remaining}


@dataclass(frozen=True, slots=True)
class AcceptedRow:
    """A valid row."""

    line: int
    prepared: PreparedRecord


def check_rows(
    records: DepartmentRecords,
    kind: RecordKind,
    rows: Iterable[ImportRow],
    report: ImportReport,
    progress: Callable[[int], None],
) -> list[AcceptedRow]:
    """Return the valid rows in order, and add the errors of the others to `report`. Writes nothing."""
    pending = PendingLedger(records.ledger)
    accepted: list[AcceptedRow] = []
    for count, row in enumerate(rows, 1):
        try:
            if row.error is not None:
                raise row.error
            prepared = records.prepare(records.document(kind, row.members, {}), pending)
        except ChromaTraceError as error:
            report.errors.append((row.line, error))
        else:
            pending.add(prepared)
            accepted.append(AcceptedRow(row.line, prepared))
        progress(count)
    return accepted


def append_rows(
    records: DepartmentRecords,
    accepted: Sequence[AcceptedRow],
    readers: Sequence[Reader],
    size: int,
    report: ImportReport,
    progress: Callable[[int], None],
) -> None:
    """Append valid rows in transactions of at most `size` entries and at least one record.

    An error ends the import and is stored in `report.stopped`. It is raised if nothing was appended before.
    """
    done = 0
    for batch in _batches(accepted, size):
        try:
            _append(records, batch, readers, report)
        except ChromaTraceError as error:
            if not report.appended:
                raise
            report.stopped, report.remaining = error, len(accepted) - done
            return
        done += len(batch)
        progress(done)


def withdraw_repeats(records: DepartmentRecords, accepted: Sequence[AcceptedRow], report: ImportReport) -> None:
    """Count the rows of a finished import as rejected that another writer recorded first at the same time.

    The index must have the blocks of all transactions of the import.
    """
    rows = {row.prepared.document.record: row for row in accepted}
    for tx in report.transactions:
        for record in records.repeats_in(tx):
            document = rows[record].prepared.document
            error = RecordRepeatedError(document.key, tx, field=f"/{document.kind.key[0]}")
            report.withdraw(rows[record].line, error)


def _append(
    records: DepartmentRecords, batch: Sequence[AcceptedRow], readers: Sequence[Reader], report: ImportReport
) -> None:
    """Append a batch without the records that are pending already, which are rejected."""
    while batch:
        try:
            report.transactions.append(records.add([row.prepared for row in batch], readers, {}))
        except RecordPendingError as error:
            pending = [row for row in batch if row.prepared.document.record in error.records]
            for row in pending:
                field = f"/{row.prepared.document.kind.key[0]}"
                report.errors.append((row.line, RecordPendingError([row.prepared.document.record], field=field)))
            batch = [row for row in batch if row not in pending]
        else:
            report.appended += len(batch)
            return


def _batches(accepted: Sequence[AcceptedRow], size: int) -> Iterator[list[AcceptedRow]]:
    batch: list[AcceptedRow] = []
    entries = 0
    for row in accepted:
        if batch and entries + len(row.prepared.entries) > size:
            yield batch
            batch, entries = [], 0
        batch.append(row)
        entries += len(row.prepared.entries)
    if batch:
        yield batch
