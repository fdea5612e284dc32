"""Batches, their inputs, inspections and custody offers."""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, Index, LargeBinary, SmallInteger, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from chromatrace.index.models.base import WITHOUT_ROWID, ChainTable, RowNumber, Unsigned64


class BatchRow(ChainTable):
    """The current state of a batch, keyed by the `position` of its registration.

    `holds` is the mask of `HoldKind`, `hold_reasons` a JSON object of their reasons by number.
    Identifiers are hashes: a table in their order would need a random page for every new row.
    """

    __tablename__ = "batches"
    position: Mapped[int] = mapped_column(RowNumber, primary_key=True, autoincrement=False)
    id: Mapped[bytes] = mapped_column(LargeBinary, unique=True)
    gtin: Mapped[int] = mapped_column(BigInteger)
    lot: Mapped[str] = mapped_column(Text)
    producer: Mapped[int] = mapped_column(BigInteger)
    custodian: Mapped[int] = mapped_column(BigInteger)
    state: Mapped[int] = mapped_column(SmallInteger)
    holds: Mapped[int] = mapped_column(SmallInteger)
    hold_reasons: Mapped[str] = mapped_column(Text)
    recalled: Mapped[bool] = mapped_column(Boolean)
    recall_cause: Mapped[bytes | None] = mapped_column(LargeBinary)
    recall_reason: Mapped[str | None] = mapped_column(Text)
    quantity: Mapped[int] = mapped_column(BigInteger)
    standard: Mapped[int] = mapped_column(BigInteger)
    defective: Mapped[int] = mapped_column(BigInteger)
    scrap: Mapped[int] = mapped_column(BigInteger)
    channels: Mapped[int] = mapped_column(SmallInteger)
    first_verdict: Mapped[int] = mapped_column(SmallInteger)
    final_verdict: Mapped[int] = mapped_column(SmallInteger)
    first_revision: Mapped[int] = mapped_column(SmallInteger)
    final_revision: Mapped[int] = mapped_column(SmallInteger)
    serial_root: Mapped[bytes] = mapped_column(LargeBinary)
    content_digest: Mapped[bytes] = mapped_column(LargeBinary)
    route: Mapped[bytes] = mapped_column(LargeBinary)
    open_offer: Mapped[int | None] = mapped_column(BigInteger)
    changed: Mapped[int] = mapped_column(BigInteger)
    __table_args__ = (
        Index("ix_batches_producer", "producer", "position"),
        Index("ix_batches_custodian", "custodian", "position"),
        Index("ix_batches_gtin", "gtin", "position"),
        Index("ix_batches_lot", "lot"),
    )


class BatchInputRow(ChainTable):
    """`batch` is made of `quantity` units of `input`, the `number`-th input (from 0) of the event at `position`."""

    __tablename__ = "batch_inputs"
    position: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    number: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    batch: Mapped[bytes] = mapped_column(LargeBinary, index=True)
    input: Mapped[bytes] = mapped_column(LargeBinary)
    quantity: Mapped[int] = mapped_column(BigInteger)
    __table_args__ = (Index("ix_batch_inputs_input", "input", "position"), WITHOUT_ROWID)


class NoticeRow(ChainTable):
    """The producer of the recalled `parent` notified the producer of `batch`, which is made of it."""

    __tablename__ = "notices"
    position: Mapped[int] = mapped_column(RowNumber, primary_key=True, autoincrement=False)
    batch: Mapped[bytes] = mapped_column(LargeBinary, index=True)
    parent: Mapped[bytes] = mapped_column(LargeBinary)
    reason: Mapped[str] = mapped_column(Text)


class InspectionRow(ChainTable):
    """A signed verdict."""

    __tablename__ = "inspections"
    position: Mapped[int] = mapped_column(RowNumber, primary_key=True, autoincrement=False)
    batch: Mapped[bytes] = mapped_column(LargeBinary, index=True)
    stage: Mapped[int] = mapped_column(SmallInteger)
    verdict: Mapped[int] = mapped_column(SmallInteger)
    revision: Mapped[int] = mapped_column(SmallInteger)
    sample_size: Mapped[int] = mapped_column(BigInteger)
    defects: Mapped[int] = mapped_column(BigInteger)
    instrument: Mapped[bytes] = mapped_column(LargeBinary)
    evidence: Mapped[bytes] = mapped_column(LargeBinary)
    inspected_at: Mapped[int] = mapped_column(Unsigned64)
    inspector: Mapped[bytes] = mapped_column(LargeBinary)
    organisation: Mapped[int] = mapped_column(BigInteger)
    __table_args__ = (
        Index("ix_inspections_verdict", "verdict", "position", "inspected_at"),
        Index("ix_inspections_time", "inspected_at"),
    )


class OfferRow(ChainTable):
    """A custody offer and its outcome."""

    __tablename__ = "offers"
    position: Mapped[int] = mapped_column(RowNumber, primary_key=True, autoincrement=False)
    batch: Mapped[bytes] = mapped_column(LargeBinary, index=True)
    from_organisation: Mapped[int] = mapped_column(BigInteger, index=True)
    to_organisation: Mapped[int] = mapped_column(BigInteger, index=True)
    offered_by: Mapped[bytes] = mapped_column(LargeBinary)
    valid_until: Mapped[int] = mapped_column(Unsigned64)
    state: Mapped[str] = mapped_column(String(10))
    closed: Mapped[int | None] = mapped_column(BigInteger)
    closed_by: Mapped[bytes | None] = mapped_column(LargeBinary)
    reason: Mapped[str | None] = mapped_column(Text)
