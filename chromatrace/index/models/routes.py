"""Station keys, designed routes and their proofs."""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, LargeBinary, SmallInteger, Text
from sqlalchemy.orm import Mapped, mapped_column

from chromatrace.index.models.base import ChainTable, Unsigned64


class StationKeyRow(ChainTable):
    """A station's public key (256 bytes, EIP-2537) and its proof of possession.

    `unverified` is the event that records that the chain could not verify them; None if it has.
    """

    __tablename__ = "station_keys"
    id: Mapped[bytes] = mapped_column(LargeBinary, primary_key=True)
    organisation: Mapped[int] = mapped_column(BigInteger)
    name: Mapped[str] = mapped_column(Text)
    public_key: Mapped[bytes] = mapped_column(LargeBinary)
    possession: Mapped[bytes] = mapped_column(LargeBinary)
    revoked_from: Mapped[int | None] = mapped_column(Unsigned64)
    unverified: Mapped[int | None] = mapped_column(BigInteger)
    position: Mapped[int] = mapped_column(BigInteger)
    changed: Mapped[int] = mapped_column(BigInteger)


class RouteRow(ChainTable):
    """A designed route."""

    __tablename__ = "routes"
    id: Mapped[bytes] = mapped_column(LargeBinary, primary_key=True)
    organisation: Mapped[int] = mapped_column(BigInteger)
    name: Mapped[str] = mapped_column(Text)
    version: Mapped[int] = mapped_column(BigInteger)
    kind: Mapped[int] = mapped_column(SmallInteger)
    requires_proof: Mapped[bool] = mapped_column(Boolean)
    designed_by: Mapped[bytes] = mapped_column(LargeBinary)
    position: Mapped[int] = mapped_column(BigInteger)


class RouteStepRow(ChainTable):
    """Step `step` (from 1) of a route: the process, and the key that signs it."""

    __tablename__ = "route_steps"
    route: Mapped[bytes] = mapped_column(LargeBinary, primary_key=True)
    step: Mapped[int] = mapped_column(SmallInteger, primary_key=True, autoincrement=False)
    key: Mapped[bytes] = mapped_column(LargeBinary)
    process: Mapped[str] = mapped_column(Text)


class RouteProofRow(ChainTable):
    """The proof or unverified record of a subject under a route.

    `proven`, `assembled` and `recorded` (unverified) are the positions of the events, or None.
    """

    __tablename__ = "route_proofs"
    route: Mapped[bytes] = mapped_column(LargeBinary, primary_key=True)
    subject: Mapped[bytes] = mapped_column(LargeBinary, primary_key=True, index=True)
    head: Mapped[bytes | None] = mapped_column(LargeBinary)
    proven_by: Mapped[bytes | None] = mapped_column(LargeBinary)
    proven: Mapped[int | None] = mapped_column(BigInteger)
    assembled: Mapped[int | None] = mapped_column(BigInteger)
    recorded_head: Mapped[bytes | None] = mapped_column(LargeBinary)
    recorded_signature: Mapped[bytes | None] = mapped_column(LargeBinary)
    recorded_by: Mapped[bytes | None] = mapped_column(LargeBinary)
    recorded: Mapped[int | None] = mapped_column(BigInteger)


class RouteComponentRow(ChainTable):
    """The `number`-th proven component (from 0) of an assembly's proof."""

    __tablename__ = "route_components"
    route: Mapped[bytes] = mapped_column(LargeBinary, primary_key=True)
    subject: Mapped[bytes] = mapped_column(LargeBinary, primary_key=True)
    number: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    component_route: Mapped[bytes] = mapped_column(LargeBinary)
    component: Mapped[bytes] = mapped_column(LargeBinary)
