"""Departments, their members and their records."""

from __future__ import annotations

from sqlalchemy import BigInteger, Index, LargeBinary, SmallInteger, Text
from sqlalchemy.orm import Mapped, mapped_column

from chromatrace.index.models.base import ONE_TREE, Content


class Department(Content):
    """A department of an organisation."""

    __tablename__ = "departments"
    id: Mapped[bytes] = mapped_column(LargeBinary, primary_key=True)
    organisation: Mapped[int] = mapped_column(BigInteger, index=True)
    name: Mapped[str] = mapped_column(Text)
    position: Mapped[int] = mapped_column(BigInteger)


class DepartmentMember(Content):
    """What an address may do in a department now; `rights` 0: it was removed."""

    __tablename__ = "department_members"
    department: Mapped[bytes] = mapped_column(LargeBinary, primary_key=True)
    member: Mapped[bytes] = mapped_column(LargeBinary, primary_key=True, index=True)
    rights: Mapped[int] = mapped_column(SmallInteger)
    changed: Mapped[int] = mapped_column(BigInteger)


class RecordBatch(Content):
    """Records that one event appended: the department's numbers from `first` on. An entity of its own for each event,
    so that undoing a block folds nothing again that came before it."""

    __tablename__ = "record_batches"
    department: Mapped[bytes] = mapped_column(LargeBinary, primary_key=True)
    first: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    count: Mapped[int] = mapped_column(BigInteger)
    kind: Mapped[bytes] = mapped_column(LargeBinary)
    head: Mapped[bytes] = mapped_column(LargeBinary)
    by: Mapped[bytes] = mapped_column(LargeBinary)
    position: Mapped[int] = mapped_column(BigInteger, unique=True)


class Record(Content):
    """One record: the `place`-th of the batch whose event is at `position`."""

    __tablename__ = "records"
    position: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    place: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    record: Mapped[bytes] = mapped_column(LargeBinary, index=True)
    subject: Mapped[bytes] = mapped_column(LargeBinary)
    preceding: Mapped[bytes | None] = mapped_column(LargeBinary)
    digest: Mapped[bytes] = mapped_column(LargeBinary)
    __table_args__ = (Index("ix_records_subject", "subject", "position", "place"), ONE_TREE)
