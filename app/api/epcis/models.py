"""The tables of captured EPCIS events, in portal.db. Times are Unix microseconds unless they say otherwise."""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, ForeignKey, Index, Integer, LargeBinary, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from app.store.models import PortalBase

_RowId = BigInteger().with_variant(Integer, "sqlite")


class CaptureJob(PortalBase):
    """One capture job: a document that was taken, whole or in part."""

    __tablename__ = "epcis_captures"

    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    organisation: Mapped[int] = mapped_column(Integer)
    address: Mapped[str] = mapped_column(String(42))
    created_at: Mapped[int] = mapped_column(BigInteger)
    """Unix seconds."""
    digest: Mapped[bytes] = mapped_column(LargeBinary(32), index=True)
    """SHA-256 of the document's bytes, which lie in the document store."""
    behaviour: Mapped[str] = mapped_column(String(8))
    """`rollback` (all or nothing) or `proceed`."""
    taken: Mapped[int] = mapped_column(Integer)
    known: Mapped[int] = mapped_column(Integer)
    """Events that had been captured before."""
    errors: Mapped[str] = mapped_column(Text)
    """JSON list of refusals; only with `proceed`."""
    recorded_tx: Mapped[str | None] = mapped_column(String(66), default=None)
    """The transaction that put the digest on the chain; none yet."""


class CapturedEvent(PortalBase):
    """One event, as it was captured."""

    __tablename__ = "epcis_events"
    __table_args__ = (Index("ix_epcis_events_page", "event_time", "id"),)

    id: Mapped[int] = mapped_column(_RowId, primary_key=True, autoincrement=True)
    organisation: Mapped[int] = mapped_column(Integer)
    identity: Mapped[str] = mapped_column(String(600))
    """eventID, or the digest where there is none; a declaration of error is another event of the same id."""
    digest: Mapped[bytes] = mapped_column(LargeBinary(32))
    capture: Mapped[str] = mapped_column(ForeignKey("epcis_captures.id"))
    kind: Mapped[str] = mapped_column(String(30))
    biz_step: Mapped[str | None] = mapped_column(String(300), index=True)
    event_time: Mapped[int] = mapped_column(BigInteger)
    public: Mapped[bool] = mapped_column(Boolean)
    context: Mapped[str] = mapped_column(Text)
    """JSON of the document's @context, which gives the event's extensions their meaning."""
    body: Mapped[str] = mapped_column(Text)


Index("ux_epcis_events_identity", CapturedEvent.organisation, CapturedEvent.identity, unique=True)


class CapturedEventEpc(PortalBase):
    """An identifier of goods that an event names."""

    __tablename__ = "epcis_event_epcs"

    event: Mapped[int] = mapped_column(ForeignKey("epcis_events.id"), primary_key=True)
    epc: Mapped[str] = mapped_column(String(600), primary_key=True, index=True)
