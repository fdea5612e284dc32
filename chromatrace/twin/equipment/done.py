"""When maintenance tasks were done, in SQL. Each entry states by whom, and the counter that it ended."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import BigInteger, Float, Integer, String, select
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from chromatrace.domain.errors import Conflict, InvalidInput
from chromatrace.storage.sql_store import SqlStore, Tables

EQUIPMENT_TABLES = Tables("equipment", Path(__file__).parent / "migrations", "0001", 0x63_74_65_71_75_69_70)
_RowNumber = BigInteger().with_variant(Integer, "sqlite")


class EquipmentTable(DeclarativeBase):
    """Base of all tables."""


class DoneRow(EquipmentTable):
    """A task that was done."""

    __tablename__ = "equipment_done"
    id: Mapped[int] = mapped_column(_RowNumber, primary_key=True)
    plant: Mapped[str] = mapped_column(String(100), index=True)
    task: Mapped[str] = mapped_column(String(60))
    done_ns: Mapped[int] = mapped_column(BigInteger)
    done_by: Mapped[str] = mapped_column(String(120))
    note: Mapped[str] = mapped_column(String(500))
    counter: Mapped[float | None] = mapped_column(Float)


@dataclass(frozen=True, slots=True)
class Done:
    """A task that was done. `counter`: its value at that time; None for a task with a date only."""

    task: str
    done_ns: int
    done_by: str
    note: str
    counter: float | None


class MaintenanceLog(SqlStore):
    """The tasks of one plant that were done."""

    def __init__(self, url: str, plant: str) -> None:
        super().__init__(url, EQUIPMENT_TABLES)
        self._plant = plant

    def add(self, done: Done) -> None:
        """Record that a task was done. Raises `Conflict` if it was done later than that."""
        for name, text, maximum in (("by", done.done_by, 120), ("note", done.note, 500)):
            if len(text) > maximum or (name == "by" and not text.strip()):
                raise InvalidInput(f"expected 1 to {maximum} characters, got {len(text)}", field=name)
        with self.begin() as session:
            rows = session.scalars(select(DoneRow).where(DoneRow.plant == self._plant, DoneRow.task == done.task))
            later = [row.done_ns for row in rows if row.done_ns >= done.done_ns]
            if later:
                raise Conflict(f"{done.task} was already done at that time or later", field="at")
            session.add(
                DoneRow(
                    plant=self._plant,
                    task=done.task,
                    done_ns=done.done_ns,
                    done_by=done.done_by,
                    note=done.note,
                    counter=done.counter,
                )
            )

    def all(self) -> list[Done]:
        """Return all entries, oldest first."""
        statement = select(DoneRow).where(DoneRow.plant == self._plant).order_by(DoneRow.done_ns, DoneRow.id)
        with self.read() as session:
            return [
                Done(row.task, row.done_ns, row.done_by, row.note, row.counter) for row in session.scalars(statement)
            ]

    def last(self) -> dict[str, Done]:
        """Return the newest entry of each task."""
        return {done.task: done for done in self.all()}
