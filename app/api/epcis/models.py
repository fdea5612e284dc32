"""The tables of captured EPCIS events in the portal database. Times are Unix microseconds unless noted."""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, ForeignKey, Index, Integer, LargeBinary, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from app.store.models import PortalBase, RowId


class CaptureJob(PortalBase):
    """One capture job: a document that was accepted in full or in part."""

    __tablename__ = "epcis_captures"
    __table_args__ = (Index("ix_epcis_captures_organisation", "organisation", "created_at"),)

    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    organisation: Mapped[int] = mapped_column(Integer)
    address: Mapped[str] = mapped_column(String(42))
    created_at: Mapped[int] = mapped_column(BigInteger)
    """Unix seconds."""
    digest: Mapped[bytes] = mapped_column(LargeBinary(32), index=True)
    """SHA-256 of the document's bytes in the document store."""
    behaviour: Mapped[str] = mapped_column(String(8))
    """`rollback` (all or nothing) or `proceed`."""
    subjects: Mapped[str] = mapped_column(Text)
    """JSON list of the batches (`GTIN/lot`) and product lines in the document."""
    taken: Mapped[int] = mapped_column(Integer)
    """New events."""
    known: Mapped[int] = mapped_column(Integer)
    """Events that were captured before."""
    errors: Mapped[str] = mapped_column(Text)
    """JSON list of errors; only with `proceed`."""
    recorded_tx: Mapped[str | None] = mapped_column(String(66), default=None)
    """The transaction that recorded the digest on the chain; null until then."""


class EventOwner(PortalBase):
    """The organisation that first captured an event with this eventID. Only it may use the id."""

    __tablename__ = "epcis_event_ids"

    event_id: Mapped[str] = mapped_column(String(600), primary_key=True)
    organisation: Mapped[int] = mapped_column(Integer)


class CapturedEvent(PortalBase):
    """One captured event. Terms of the CBV are stored by their bare names."""

    __tablename__ = "epcis_events"
    __table_args__ = (
        Index("ix_epcis_events_page", "event_time", "id"),
        Index("ix_epcis_events_biz_step", "biz_step", "event_time", "id"),
        Index("ix_epcis_events_disposition", "disposition", "event_time", "id"),
        Index("ix_epcis_events_capturer", "organisation", "event_time", "id"),
        Index("ix_epcis_events_parent", "organisation", "parent"),
        Index("ux_epcis_events_identity", "organisation", "identity", unique=True),
    )

    id: Mapped[int] = mapped_column(RowId, primary_key=True, autoincrement=True)
    organisation: Mapped[int] = mapped_column(Integer)
    """The capturer."""
    relation: Mapped[str] = mapped_column(String(16))
    """The capturer's relation to the event's products when it was captured, see `chromatrace.index.Relation`."""
    identity: Mapped[str] = mapped_column(String(610))
    """The eventID, otherwise the digest. An error declaration has the same eventID and the suffix `#error`."""
    digest: Mapped[bytes] = mapped_column(LargeBinary(32))
    capture: Mapped[str] = mapped_column(ForeignKey("epcis_captures.id"))
    kind: Mapped[str] = mapped_column(String(30))
    action: Mapped[str | None] = mapped_column(String(8))
    biz_step: Mapped[str | None] = mapped_column(String(300))
    disposition: Mapped[str | None] = mapped_column(String(300))
    parent: Mapped[str | None] = mapped_column(String(600))
    """Key of the parent of an aggregation."""
    event_time: Mapped[int] = mapped_column(BigInteger)
    recorded_at: Mapped[int] = mapped_column(BigInteger)
    """Time of the capture by the server's clock."""
    public: Mapped[bool] = mapped_column(Boolean)
    context: Mapped[str] = mapped_column(Text)
    """JSON of the document's @context."""
    body: Mapped[str] = mapped_column(Text)


class CapturedEventProduct(PortalBase):
    """An identifier in an event, in canonical form: see `chromatrace.epcis.identifiers.Identifier`."""

    __tablename__ = "epcis_event_products"
    __table_args__ = (
        Index("ix_epcis_event_products_key", "key", "event"),
        Index("ix_epcis_event_products_lot", "gtin", "lot", "event"),
        Index("ix_epcis_event_products_serial", "gtin", "serial", "event"),
    )

    event: Mapped[int] = mapped_column(ForeignKey("epcis_events.id"), primary_key=True)
    key: Mapped[str] = mapped_column(String(600), primary_key=True)
    gtin: Mapped[int | None] = mapped_column(BigInteger)
    lot: Mapped[str | None] = mapped_column(String(600))
    serial: Mapped[str | None] = mapped_column(String(600))
