"""Organisations, operators, read grants, log channels and anchors."""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, Index, LargeBinary, SmallInteger, Text
from sqlalchemy.orm import Mapped, mapped_column

from chromatrace.index.models.base import ChainTable, RowNumber, Unsigned64


class OrganisationRow(ChainTable):
    """An organisation. `name` is visible text; `valid_name` is False if it differs from the registered one.

    skeleton, upper_skeleton  see `chromatrace.domain.names.skeletons`
    """

    __tablename__ = "organisations"
    id: Mapped[int] = mapped_column(RowNumber, primary_key=True, autoincrement=False)
    kind: Mapped[int] = mapped_column(SmallInteger)
    gln: Mapped[int] = mapped_column(BigInteger, index=True)
    name: Mapped[str] = mapped_column(Text)
    valid_name: Mapped[bool] = mapped_column(Boolean)
    skeleton: Mapped[str] = mapped_column(Text, index=True)
    upper_skeleton: Mapped[str] = mapped_column(Text, index=True)
    permitted_roles: Mapped[int] = mapped_column(BigInteger)
    valid_until: Mapped[int] = mapped_column(Unsigned64)
    active: Mapped[bool] = mapped_column(Boolean)
    position: Mapped[int] = mapped_column(BigInteger)
    changed: Mapped[int] = mapped_column(BigInteger)


class OperatorRow(ChainTable):
    """The present appointment of an operator."""

    __tablename__ = "operators"
    address: Mapped[bytes] = mapped_column(LargeBinary, primary_key=True)
    organisation: Mapped[int] = mapped_column(BigInteger, index=True)
    roles: Mapped[int] = mapped_column(BigInteger)
    valid_until: Mapped[int] = mapped_column(Unsigned64)
    active: Mapped[bool] = mapped_column(Boolean)
    changed_by: Mapped[bytes] = mapped_column(LargeBinary)
    changed: Mapped[int] = mapped_column(BigInteger)


class GrantRow(ChainTable):
    """What `reader` may read of the product line `gtin` (0: every line) of `owner`."""

    __tablename__ = "grants"
    owner: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    reader: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    gtin: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    scopes: Mapped[int] = mapped_column(BigInteger)
    valid_until: Mapped[int] = mapped_column(Unsigned64)
    changed: Mapped[int] = mapped_column(BigInteger)
    __table_args__ = (Index("ix_grants_reader", "reader"),)


class LicenceRow(ChainTable):
    """A licence of a GS1 company prefix; `active` is false once it is withdrawn."""

    __tablename__ = "licences"
    organisation: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    prefix: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    digits: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    active: Mapped[bool] = mapped_column(Boolean)
    changed: Mapped[int] = mapped_column(BigInteger)


class AccreditationRow(ChainTable):
    """The accreditation of `body`. Accreditor 0: the registrar; GTIN 0: every product line; stages 0: withdrawn."""

    __tablename__ = "accreditations"
    accreditor: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    body: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    gtin: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    stages: Mapped[int] = mapped_column(BigInteger)
    valid_until: Mapped[int] = mapped_column(Unsigned64)
    changed: Mapped[int] = mapped_column(BigInteger)


class ChannelRow(ChainTable):
    """A log channel and its last anchor."""

    __tablename__ = "channels"
    id: Mapped[bytes] = mapped_column(LargeBinary, primary_key=True)
    organisation: Mapped[int] = mapped_column(BigInteger, index=True)
    name: Mapped[str] = mapped_column(Text)
    predecessor: Mapped[bytes | None] = mapped_column(LargeBinary)
    size: Mapped[int] = mapped_column(Unsigned64)
    root: Mapped[bytes | None] = mapped_column(LargeBinary)
    anchored: Mapped[int | None] = mapped_column(BigInteger)
    position: Mapped[int] = mapped_column(BigInteger)


class AnchorRow(ChainTable):
    """An anchored tree head of a channel."""

    __tablename__ = "anchors"
    position: Mapped[int] = mapped_column(RowNumber, primary_key=True, autoincrement=False)
    channel: Mapped[bytes] = mapped_column(LargeBinary)
    size: Mapped[int] = mapped_column(Unsigned64)
    previous_size: Mapped[int] = mapped_column(Unsigned64)
    root: Mapped[bytes] = mapped_column(LargeBinary)
    first_time_ns: Mapped[int] = mapped_column(Unsigned64)
    last_time_ns: Mapped[int] = mapped_column(Unsigned64)
    by: Mapped[bytes] = mapped_column(LargeBinary)
    __table_args__ = (Index("ix_anchors_channel", "channel", "size"),)
