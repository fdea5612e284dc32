"""The tables. Times are Unix nanoseconds; `log_size` is the number of readings of `channel` behind a row."""

from __future__ import annotations

from typing import Any

from sqlalchemy import JSON, BigInteger, Boolean, Float, Index, Integer, LargeBinary, Text, UniqueConstraint
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

RowNumber = BigInteger().with_variant(Integer, "sqlite")


class TwinTable(DeclarativeBase):
    """Base of all tables of the twin."""


class TwinRow(TwinTable):
    """The plant that the database belongs to; one row. While it is watched, its state is stored more often."""

    __tablename__ = "twin_plants"
    plant: Mapped[str] = mapped_column(Text, primary_key=True)
    watched_until_ns: Mapped[int] = mapped_column(BigInteger)


class CursorRow(TwinTable):
    """How many readings of a channel have been applied. `last_leaf`: digest of the last one, to detect another log."""

    __tablename__ = "twin_cursors"
    channel: Mapped[str] = mapped_column(Text, primary_key=True)
    log_size: Mapped[int] = mapped_column(BigInteger)
    last_leaf: Mapped[str] = mapped_column(Text)
    applied_ns: Mapped[int] = mapped_column(BigInteger)


class SnapshotRow(TwinTable):
    """The state of a channel after `log_size` readings, from which a start continues."""

    __tablename__ = "twin_snapshots"
    channel: Mapped[str] = mapped_column(Text, primary_key=True)
    log_size: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    plan: Mapped[str] = mapped_column(Text)
    state: Mapped[bytes] = mapped_column(LargeBinary)
    digest: Mapped[str] = mapped_column(Text)
    stored_ns: Mapped[int] = mapped_column(BigInteger)


class LiveRow(TwinTable):
    """The state of a channel for pages, without charts and forecasts. Stored often while a page is open."""

    __tablename__ = "twin_live"
    channel: Mapped[str] = mapped_column(Text, primary_key=True)
    log_size: Mapped[int] = mapped_column(BigInteger)
    plan: Mapped[str] = mapped_column(Text)
    state: Mapped[bytes] = mapped_column(LargeBinary)


class ModelRow(TwinTable):
    """A trained model of several tags. `digest` covers its content, which has the digests of its training data."""

    __tablename__ = "twin_models"
    id: Mapped[int] = mapped_column(RowNumber, primary_key=True)
    name: Mapped[str] = mapped_column(Text, index=True)
    channel: Mapped[str] = mapped_column(Text)
    digest: Mapped[str] = mapped_column(Text)
    content: Mapped[bytes] = mapped_column(LargeBinary)
    sample_ns: Mapped[int] = mapped_column(BigInteger)
    run_length: Mapped[int] = mapped_column(Integer)
    approved_by: Mapped[str] = mapped_column(Text)
    activated_by: Mapped[str] = mapped_column(Text)
    activated_ns: Mapped[int] = mapped_column(BigInteger)
    retired: Mapped[bool] = mapped_column(Boolean)
    log_size: Mapped[int | None] = mapped_column(BigInteger)
    end_log_size: Mapped[int | None] = mapped_column(BigInteger)


class AlarmRow(TwinTable):
    """An alarm, from the reading that raised it to the reading that cleared it."""

    __tablename__ = "twin_alarms"
    id: Mapped[int] = mapped_column(RowNumber, primary_key=True)
    channel: Mapped[str] = mapped_column(Text)
    log_size: Mapped[int] = mapped_column(BigInteger)
    key: Mapped[str] = mapped_column(Text)
    kind: Mapped[str] = mapped_column(Text)
    priority: Mapped[int] = mapped_column(Integer)
    message: Mapped[str] = mapped_column(Text)
    machine: Mapped[str | None] = mapped_column(Text, index=True)
    source: Mapped[str | None] = mapped_column(Text)
    tag: Mapped[str | None] = mapped_column(Text)
    batch: Mapped[str | None] = mapped_column(Text, index=True)
    data: Mapped[dict[str, Any]] = mapped_column(JSON)
    suppressed: Mapped[bool] = mapped_column(Boolean)
    raised_ns: Mapped[int] = mapped_column(BigInteger, index=True)
    cleared_ns: Mapped[int | None] = mapped_column(BigInteger)
    cleared_log_size: Mapped[int | None] = mapped_column(BigInteger)
    acknowledged_ns: Mapped[int | None] = mapped_column(BigInteger)
    acknowledged_by: Mapped[str | None] = mapped_column(Text)
    __table_args__ = (
        UniqueConstraint("channel", "key", "log_size"),
        Index("ix_twin_alarms_open", "cleared_ns", "acknowledged_ns"),
    )


class AlarmEventRow(TwinTable):
    """A step in the life of an alarm: raised, released, cleared, acknowledged, shelved, unshelved."""

    __tablename__ = "twin_alarm_events"
    id: Mapped[int] = mapped_column(RowNumber, primary_key=True)
    alarm: Mapped[int] = mapped_column(BigInteger, index=True)
    event: Mapped[str] = mapped_column(Text)
    time_ns: Mapped[int] = mapped_column(BigInteger)
    log_size: Mapped[int | None] = mapped_column(BigInteger)
    by: Mapped[str | None] = mapped_column(Text)
    note: Mapped[str | None] = mapped_column(Text)


class ShelfRow(TwinTable):
    """A shelved condition: its alarms are recorded and not announced until `until_ns`."""

    __tablename__ = "twin_shelves"
    channel: Mapped[str] = mapped_column(Text, primary_key=True)
    key: Mapped[str] = mapped_column(Text, primary_key=True)
    until_ns: Mapped[int] = mapped_column(BigInteger)
    by: Mapped[str] = mapped_column(Text)
    reason: Mapped[str] = mapped_column(Text)


class ForecastRow(TwinTable):
    """A forecast of a tag's state at the `step`-th reading after `log_size`, and what happened then.

    model, persistence, marginal  probability of each state, in order: in control, warning, out of control
    expected_steps                expected number of readings to out of control
    """

    __tablename__ = "twin_forecasts"
    id: Mapped[int] = mapped_column(RowNumber, primary_key=True)
    channel: Mapped[str] = mapped_column(Text)
    log_size: Mapped[int] = mapped_column(BigInteger)
    source: Mapped[str] = mapped_column(Text)
    tag: Mapped[str] = mapped_column(Text)
    step: Mapped[int] = mapped_column(Integer)
    machine: Mapped[str | None] = mapped_column(Text, index=True)
    batch: Mapped[str | None] = mapped_column(Text)
    made_ns: Mapped[int] = mapped_column(BigInteger, index=True)
    state: Mapped[int] = mapped_column(Integer)
    model: Mapped[list[float]] = mapped_column(JSON)
    persistence: Mapped[list[float]] = mapped_column(JSON)
    marginal: Mapped[list[float]] = mapped_column(JSON)
    expected_steps: Mapped[float | None] = mapped_column(Float)
    stationary: Mapped[list[float]] = mapped_column(JSON)
    outcome: Mapped[int | None] = mapped_column(Integer)
    outcome_log_size: Mapped[int | None] = mapped_column(BigInteger)
    __table_args__ = (
        UniqueConstraint("channel", "log_size", "source", "tag", "step"),
        Index("ix_twin_forecasts_tag", "tag", "step"),
    )


class ProposalRow(TwinTable):
    """A proposed action. `state`: see `chromatrace.twin.store.proposals`."""

    __tablename__ = "twin_proposals"
    id: Mapped[int] = mapped_column(RowNumber, primary_key=True)
    channel: Mapped[str] = mapped_column(Text)
    log_size: Mapped[int] = mapped_column(BigInteger)
    rule: Mapped[str] = mapped_column(Text)
    subject: Mapped[str] = mapped_column(Text)
    cause: Mapped[str] = mapped_column(Text)
    cause_id: Mapped[int] = mapped_column(BigInteger)
    action: Mapped[str] = mapped_column(Text)
    parameters: Mapped[dict[str, Any]] = mapped_column(JSON)
    reason: Mapped[str] = mapped_column(Text)
    machine: Mapped[str | None] = mapped_column(Text)
    batch: Mapped[str | None] = mapped_column(Text)
    state: Mapped[str] = mapped_column(Text, index=True)
    proposed_ns: Mapped[int] = mapped_column(BigInteger)
    expires_ns: Mapped[int] = mapped_column(BigInteger)
    decided_by: Mapped[str | None] = mapped_column(Text)
    decided_ns: Mapped[int | None] = mapped_column(BigInteger)
    note: Mapped[str | None] = mapped_column(Text)
    ended_ns: Mapped[int | None] = mapped_column(BigInteger)
    result: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))
    record: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))
    __table_args__ = (UniqueConstraint("channel", "log_size", "rule", "subject"),)
