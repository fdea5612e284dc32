"""The SQL tables of orders. Times are in Unix seconds; `plant` is the name of the plant."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import BigInteger, ForeignKeyConstraint, Index, Integer, String, Text
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from chromatrace.storage.sql_store import Tables

ORDER_TABLES = Tables("orders", Path(__file__).parent / "migrations", "0001", 0x63_74_6F_72_64_65_72_73)

_RowNumber = BigInteger().with_variant(Integer, "sqlite")


class OrderBase(DeclarativeBase):
    """Base of all tables."""


class OrderRow(OrderBase):
    """The current version of an order. `content`: its JSON."""

    __tablename__ = "orders"
    plant: Mapped[str] = mapped_column(String(100), primary_key=True)
    number: Mapped[str] = mapped_column(String(60), primary_key=True)
    version: Mapped[int] = mapped_column(Integer)
    state: Mapped[str] = mapped_column(String(20))
    gtin: Mapped[str] = mapped_column(String(14))
    lot: Mapped[str | None] = mapped_column(String(20))
    start: Mapped[int] = mapped_column(BigInteger)
    finish: Mapped[int] = mapped_column(BigInteger)
    digest: Mapped[str] = mapped_column(String(64))
    content: Mapped[str] = mapped_column(Text)
    received: Mapped[int] = mapped_column(BigInteger)
    changed: Mapped[int] = mapped_column(BigInteger)

    __table_args__ = (
        Index("orders_by_product", "plant", "gtin", "lot"),
        Index("orders_by_finish", "plant", "finish", "number"),
    )


class VersionRow(OrderBase):
    """One version of an order. `difference`: JSON of the members that changed; `import_id`: its file or request."""

    __tablename__ = "order_versions"
    plant: Mapped[str] = mapped_column(String(100), primary_key=True)
    number: Mapped[str] = mapped_column(String(60), primary_key=True)
    version: Mapped[int] = mapped_column(Integer, primary_key=True)
    import_id: Mapped[int] = mapped_column(_RowNumber)
    received: Mapped[int] = mapped_column(BigInteger)
    content: Mapped[str] = mapped_column(Text)
    difference: Mapped[str] = mapped_column(Text)

    __table_args__ = (ForeignKeyConstraint(["plant", "number"], ["orders.plant", "orders.number"]),)


class ImportRow(OrderBase):
    """One accepted file or request. `sender`: name of the file or token; `digest`: SHA-256 of its bytes."""

    __tablename__ = "order_imports"
    id: Mapped[int] = mapped_column(_RowNumber, primary_key=True)
    plant: Mapped[str] = mapped_column(String(100))
    sender: Mapped[str] = mapped_column(String(200))
    digest: Mapped[str] = mapped_column(String(64))
    received: Mapped[int] = mapped_column(BigInteger)
    created: Mapped[int] = mapped_column(Integer)
    updated: Mapped[int] = mapped_column(Integer)
    unchanged: Mapped[int] = mapped_column(Integer)


class AssignedBatchRow(OrderBase):
    """A batch that was made for an order. A batch belongs to one order."""

    __tablename__ = "order_batches"
    plant: Mapped[str] = mapped_column(String(100), primary_key=True)
    gtin: Mapped[str] = mapped_column(String(14), primary_key=True)
    lot: Mapped[str] = mapped_column(String(20), primary_key=True)
    number: Mapped[str] = mapped_column(String(60), index=True)
    assigned: Mapped[int] = mapped_column(BigInteger)


class TokenRow(OrderBase):
    """An access token of an ERP or MES. `digest`: SHA-256 of the token, which is not stored."""

    __tablename__ = "order_tokens"
    plant: Mapped[str] = mapped_column(String(100), primary_key=True)
    name: Mapped[str] = mapped_column(String(60), primary_key=True)
    digest: Mapped[str] = mapped_column(String(64), unique=True)
    scopes: Mapped[str] = mapped_column(String(100))
    created: Mapped[int] = mapped_column(BigInteger)
    expires: Mapped[int | None] = mapped_column(BigInteger)


class SentRow(OrderBase):
    """The digest of the newest message of each type about an order, for each target."""

    __tablename__ = "order_webhook_states"
    plant: Mapped[str] = mapped_column(String(100), primary_key=True)
    target: Mapped[str] = mapped_column(String(60), primary_key=True)
    number: Mapped[str] = mapped_column(String(60), primary_key=True)
    event: Mapped[str] = mapped_column(String(40), primary_key=True)
    digest: Mapped[str] = mapped_column(String(64))


class MessageRow(OrderBase):
    """A webhook message. `due`: next attempt; `state`: pending, delivered or failed."""

    __tablename__ = "order_webhook_messages"
    position: Mapped[int] = mapped_column(_RowNumber, primary_key=True)
    id: Mapped[str] = mapped_column(String(40), unique=True)
    plant: Mapped[str] = mapped_column(String(100))
    target: Mapped[str] = mapped_column(String(60))
    event: Mapped[str] = mapped_column(String(40))
    number: Mapped[str] = mapped_column(String(60))
    body: Mapped[str] = mapped_column(Text)
    created: Mapped[int] = mapped_column(BigInteger)
    state: Mapped[str] = mapped_column(String(10))
    attempts: Mapped[int] = mapped_column(Integer)
    due: Mapped[int] = mapped_column(BigInteger)
    last_error: Mapped[str | None] = mapped_column(String(500))
    delivered: Mapped[int | None] = mapped_column(BigInteger)

    __table_args__ = (Index("order_webhook_due", "plant", "state", "due"),)
