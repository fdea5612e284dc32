"""Departments and their records."""

from __future__ import annotations

from sqlalchemy import BigInteger, Index, LargeBinary, Text
from sqlalchemy.orm import Mapped, mapped_column

from chromatrace.index.models.base import WITHOUT_ROWID, ChainTable


class DepartmentRow(ChainTable):
    """A department of an organisation."""

    __tablename__ = "departments"
    id: Mapped[bytes] = mapped_column(LargeBinary, primary_key=True)
    organisation: Mapped[int] = mapped_column(BigInteger, index=True)
    name: Mapped[str] = mapped_column(Text)
    position: Mapped[int] = mapped_column(BigInteger)


class RecordBatchRow(ChainTable):
    """The records that one event appended, numbered in their department from `first` on.

    Each event is an entity of its own, so undoing a block reprojects no earlier records.
    """

    __tablename__ = "record_batches"
    department: Mapped[bytes] = mapped_column(LargeBinary, primary_key=True)
    first: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    count: Mapped[int] = mapped_column(BigInteger)
    kind: Mapped[bytes] = mapped_column(LargeBinary)
    head: Mapped[bytes] = mapped_column(LargeBinary)
    by: Mapped[bytes] = mapped_column(LargeBinary)
    position: Mapped[int] = mapped_column(BigInteger, unique=True)


class RecordRow(ChainTable):
    """The `number`-th record (from 0) of the event at `position`."""

    __tablename__ = "records"
    position: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    number: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    record: Mapped[bytes] = mapped_column(LargeBinary, index=True)
    subject: Mapped[bytes] = mapped_column(LargeBinary)
    preceding: Mapped[bytes | None] = mapped_column(LargeBinary)
    digest: Mapped[bytes] = mapped_column(LargeBinary)
    __table_args__ = (Index("ix_records_subject", "subject", "position", "number"), WITHOUT_ROWID)
