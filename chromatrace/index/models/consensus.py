"""Panels of inspectors and their rounds."""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, Index, LargeBinary, SmallInteger, Text
from sqlalchemy.orm import Mapped, mapped_column

from chromatrace.index.models.base import ChainTable


class PanelRow(ChainTable):
    """An organisation's panel of inspectors. `rule` (None until it is set) and `inspectors` (by number) are JSON."""

    __tablename__ = "consensus_panels"
    panel: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    rule: Mapped[str | None] = mapped_column(Text)
    inspectors: Mapped[str] = mapped_column(Text)
    changed: Mapped[int] = mapped_column(BigInteger)


class RoundRow(ChainTable):
    """A round of inspection by consensus. `seats` is a JSON list; the outcome columns are None until it is decided.

    `step` 0 means the whole stage; `recorder` is a seat; `score` and capabilities are in units of 1/10,000.
    """

    __tablename__ = "consensus_rounds"
    __table_args__ = (Index("ix_consensus_rounds_panel", "panel", "position"),)
    id: Mapped[bytes] = mapped_column(LargeBinary, primary_key=True)
    panel: Mapped[int] = mapped_column(BigInteger)
    subject: Mapped[bytes] = mapped_column(LargeBinary, index=True)
    step: Mapped[int] = mapped_column(BigInteger)
    stage: Mapped[int] = mapped_column(SmallInteger)
    lane: Mapped[int] = mapped_column(BigInteger)
    rule: Mapped[int] = mapped_column(BigInteger)
    decides_verdict: Mapped[bool] = mapped_column(Boolean)
    phase: Mapped[int] = mapped_column(SmallInteger)
    deadline: Mapped[int] = mapped_column(BigInteger)
    seats: Mapped[str] = mapped_column(Text)
    state: Mapped[int | None] = mapped_column(BigInteger)
    score: Mapped[int | None] = mapped_column(BigInteger)
    recorder: Mapped[int | None] = mapped_column(BigInteger)
    threshold_reached: Mapped[bool | None] = mapped_column(Boolean)
    verdict_rejected: Mapped[bool] = mapped_column(Boolean)
    position: Mapped[int] = mapped_column(BigInteger)
    changed: Mapped[int] = mapped_column(BigInteger)
