"""The tables of captured EPCIS events in the portal database. Times are Unix microseconds unless noted."""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, ForeignKey, Index, Integer, LargeBinary, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from app.store.models import PortalBase, RowId


class CaptureJob(PortalBase):
    """One capture job: a document that was accepted in full or in part."""

    __tablename__ = "epcis_captures"

    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    organisation: Mapped[int] = mapped_column(Integer)
    address: Mapped[str] = mapped_column(String(42))
    created_at: Mapped[int] = mapped_column(BigInteger)
    """Unix seconds."""
    digest: Mapped[bytes] = mapped_column(LargeBinary(32), index=True)
    """SHA-256 of the document's bytes in the document store."""
    behaviour: Mapped[str] = mapped_column(String(8))
    """`rollback` (all or nothing) or `proceed`."""
    taken: Mapped[int] = mapped_column(Integer)
    """New events."""
    known: Mapped[int] = mapped_column(Integer)
    """Events that were captured before."""
    errors: Mapped[str] = mapped_column(Text)
    """JSON list of errors; only with `proceed`."""
    recorded_tx: Mapped[str | None] = mapped_column(String(66), default=None)
    """The transaction that recorded the digest on the chain; null until then."""


class CapturedEvent(PortalBase):
    """One captured event."""

    __tablename__ = "epcis_events"
    __table_args__ = (
        Index("ix_epcis_events_page", "event_time", "id"),
        Index("ux_epcis_events_identity", "organisation", "identity", unique=True),
    )

    id: Mapped[int] = mapped_column(RowId, primary_key=True, autoincrement=True)
    organisation: Mapped[int] = mapped_column(Integer)
    identity: Mapped[str] = mapped_column(String(610))
    """The eventID, otherwise the digest. An error declaration has the same eventID and the suffix `#error`."""
    digest: Mapped[bytes] = mapped_column(LargeBinary(32))
    capture: Mapped[str] = mapped_column(ForeignKey("epcis_captures.id"))
    kind: Mapped[str] = mapped_column(String(30))
    biz_step: Mapped[str | None] = mapped_column(String(300), index=True)
    event_time: Mapped[int] = mapped_column(BigInteger)
    public: Mapped[bool] = mapped_column(Boolean)
    context: Mapped[str] = mapped_column(Text)
    """JSON of the document's @context."""
    body: Mapped[str] = mapped_column(Text)


class CapturedEventEpc(PortalBase):
    """A product identifier in an event."""

    __tablename__ = "epcis_event_epcs"

    event: Mapped[int] = mapped_column(ForeignKey("epcis_events.id"), primary_key=True)
    epc: Mapped[str] = mapped_column(String(600), primary_key=True, index=True)
