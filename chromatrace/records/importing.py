"""Many records at once: each row checked against what is recorded and against the rows before it, then appended."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from chromatrace.domain.errors import ChromaTraceError
from chromatrace.domain.record_kinds import RecordKind
from chromatrace.records.bulk import Row
from chromatrace.records.desk import Desk
from chromatrace.records.preparation import Pending, Prepared
from chromatrace.records.reader_key import Reader


@dataclass
class Report:
    """What became of the rows. `refusals`: line, counted from 1, and why."""

    taken: int = 0
    transactions: list[str] = field(default_factory=list)
    refusals: list[tuple[int, ChromaTraceError]] = field(default_factory=list)

    def as_dict(self) -> dict[str, Any]:
        """As the command and the interface tell it."""
        return {
            "taken": self.taken,
            "refused": len(self.refusals),
            "transactions": self.transactions,
            "refusals": [{"line": line, **refusal.as_dict()} for line, refusal in self.refusals],
        }


def check_rows(
    desk: Desk, kind: RecordKind, rows: Iterable[Row], report: Report, progress: Callable[[int], None]
) -> list[Prepared]:
    """The rows that may be appended, in their order; the others are put into `report`. Writes nothing."""
    pending = Pending(desk.ledger)
    accepted: list[Prepared] = []
    for count, row in enumerate(rows, 1):
        try:
            if row.refusal is not None:
                raise row.refusal
            prepared = desk.prepare(desk.document(kind, row.members, {}), pending)
        except ChromaTraceError as refusal:
            report.refusals.append((row.line, refusal))
        else:
            pending.add(prepared)
            accepted.append(prepared)
        progress(count)
    return accepted


def append_rows(
    desk: Desk,
    accepted: Sequence[Prepared],
    readers: Sequence[Reader],
    size: int,
    report: Report,
    progress: Callable[[int], None],
) -> None:
    """Appends them, at most `size` entries a transaction (and at least one record)."""
    for part in _batches(accepted, size):
        report.transactions.append(desk.add(part, readers, {}))
        report.taken += len(part)
        progress(report.taken)


def _batches(accepted: Sequence[Prepared], size: int) -> Iterator[list[Prepared]]:
    part: list[Prepared] = []
    entries = 0
    for prepared in accepted:
        if part and entries + len(prepared.entries) > size:
            yield part
            part, entries = [], 0
        part.append(prepared)
        entries += len(prepared.entries)
    if part:
        yield part
