"""The tables of the portal database. Times are Unix seconds; addresses are lower-case hex with 0x."""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, Integer, LargeBinary, String, Text
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

# SQLite generates keys for INTEGER columns only.
RowId = BigInteger().with_variant(Integer, "sqlite")


class PortalBase(DeclarativeBase):
    """Base of all tables of the portal."""


class Installation(PortalBase):
    """The data folder that the database belongs to. One row."""

    __tablename__ = "installation"

    id: Mapped[int] = mapped_column(Integer, primary_key=True)
    data_folder: Mapped[str] = mapped_column(String(36))


class Account(PortalBase):
    """An account: a name, a password, and the operator address that signs on the chain."""

    __tablename__ = "accounts"

    name: Mapped[str] = mapped_column(String(64), primary_key=True)
    password_hash: Mapped[str] = mapped_column(String(200))
    address: Mapped[str] = mapped_column(String(42), index=True)
    keystore: Mapped[str | None] = mapped_column(String(200))
    """File name in the keys folder; null if a wallet signs."""
    demonstration: Mapped[bool] = mapped_column(Boolean, default=False)
    created_at: Mapped[int] = mapped_column(BigInteger)


class PortalSession(PortalBase):
    """A session. The cookie has the token; this row has only its SHA-256."""

    __tablename__ = "sessions"

    token_digest: Mapped[bytes] = mapped_column(LargeBinary(32), primary_key=True)
    address: Mapped[str] = mapped_column(String(42), index=True)
    account: Mapped[str | None] = mapped_column(String(64), index=True)
    created_at: Mapped[int] = mapped_column(BigInteger)
    seen_at: Mapped[int] = mapped_column(BigInteger)


class LoginNonce(PortalBase):
    """An issued and unused EIP-4361 nonce."""

    __tablename__ = "nonces"

    value: Mapped[str] = mapped_column(String(32), primary_key=True)
    expires_at: Mapped[int] = mapped_column(BigInteger, index=True)


class CodeScan(PortalBase):
    """The first view of the page of a code by a viewer. The viewer is a keyed digest that changes every day."""

    __tablename__ = "scans"

    gtin: Mapped[str] = mapped_column(String(14), primary_key=True)
    lot: Mapped[str] = mapped_column(String(20), primary_key=True)
    serial: Mapped[str] = mapped_column(String(20), primary_key=True)
    """Empty for the code of a batch."""
    viewer: Mapped[bytes] = mapped_column(LargeBinary(16), primary_key=True, index=True)
    scanned_at: Mapped[int] = mapped_column(BigInteger)


class Action(PortalBase):
    """A transaction that an operator sent through the portal, kept until it is in the index."""

    __tablename__ = "actions"

    tx_hash: Mapped[str] = mapped_column(String(66), primary_key=True)
    address: Mapped[str] = mapped_column(String(42), index=True)
    batch_id: Mapped[bytes] = mapped_column(LargeBinary(32), index=True)
    kind: Mapped[str] = mapped_column(String(16))
    """`accept`, `reject` or `recall`."""
    state: Mapped[str] = mapped_column(String(16), default="pending")
    """`pending`, `done` or `failed`."""
    message: Mapped[str | None] = mapped_column(Text)
    created_at: Mapped[int] = mapped_column(BigInteger)


class RateCount(PortalBase):
    """The count of a rate-limited action in the current window."""

    __tablename__ = "rate_counts"

    key: Mapped[str] = mapped_column(String(250), primary_key=True)
    count: Mapped[int] = mapped_column(Integer)
    expires_at: Mapped[int] = mapped_column(BigInteger, index=True)
