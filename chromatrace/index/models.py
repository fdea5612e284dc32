"""The tables. What the chain says lies in *content* tables, which a rebuild must make again exactly; how far the
follower is lies in *bookkeeping* tables.

Positions: an event's `position` is `block_number * 2**20 + log_index`, a transaction's `block_number * 2**20 +
index in the block`: one integer that orders, joins and is undone by a range. (A block would need 7.8e9 gas for 2**20
logs.) `uint64` values of the chain are stored in two's complement (`Unsigned64`), since SQL has no wider integer
on every database; every value below 2**63 reads as itself.
"""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, Index, Integer, LargeBinary, SmallInteger, String, Text
from sqlalchemy.engine import Dialect
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column
from sqlalchemy.types import TypeDecorator

POSITION_BITS = 20
_TWO_63, _TWO_64 = 1 << 63, 1 << 64


def position(block_number: int, place: int) -> int:
    """The position of the `place`-th log or transaction of a block."""
    return block_number << POSITION_BITS | place


def first_position(block_number: int) -> int:
    """The lowest position in a block; everything at or above belongs to it or to later ones."""
    return block_number << POSITION_BITS


def block_of(place: int) -> int:
    """The block of a position."""
    return place >> POSITION_BITS


def to_signed(value: int) -> int:
    """A uint64 as the signed integer that is stored."""
    return value if value < _TWO_63 else value - _TWO_64


def to_unsigned(value: int) -> int:
    """The uint64 that a stored integer stands for."""
    return value if value >= 0 else value + _TWO_64


class Unsigned64(TypeDecorator[int]):
    """A uint64 in a signed 64-bit column."""

    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value: int | None, dialect: Dialect) -> int | None:
        """To the database."""
        return None if value is None else to_signed(value)

    def process_result_value(self, value: int | None, dialect: Dialect) -> int | None:
        """From the database."""
        return None if value is None else to_unsigned(value)


RowNumber = BigInteger().with_variant(Integer, "sqlite")
"""An integer that is a table's whole key: by this name SQLite keeps the rows under it, without a second tree."""

_ONE_TREE = {"sqlite_with_rowid": False}
"""For small rows under a key of several columns: SQLite keeps them in the key's own tree."""


class Base(DeclarativeBase):
    """All tables of the index."""


class Content(Base):
    """A table that the chain alone determines: part of `digest`, emptied by a rebuild."""

    __abstract__ = True


class Bookkeeping(Base):
    """A table of the follower's own."""

    __abstract__ = True


# -- bookkeeping


class Deployment(Bookkeeping):
    """The one chain and deployment that this database is of."""

    __tablename__ = "deployment"
    id: Mapped[int] = mapped_column(SmallInteger, primary_key=True, autoincrement=False)
    chain_id: Mapped[int] = mapped_column(BigInteger)
    genesis_hash: Mapped[bytes] = mapped_column(LargeBinary)
    contracts_hash: Mapped[bytes] = mapped_column(LargeBinary)
    first_block: Mapped[int] = mapped_column(BigInteger)


class Cursor(Bookkeeping):
    """How far the index is (everything up to `block_number` is in it) and what the follower last saw."""

    __tablename__ = "cursor"
    id: Mapped[int] = mapped_column(SmallInteger, primary_key=True, autoincrement=False)
    block_number: Mapped[int] = mapped_column(BigInteger)
    block_hash: Mapped[bytes] = mapped_column(LargeBinary)
    block_time: Mapped[int] = mapped_column(BigInteger)
    chain_head: Mapped[int] = mapped_column(BigInteger)
    chain_time: Mapped[int] = mapped_column(BigInteger)
    confirmations: Mapped[int | None] = mapped_column(BigInteger)
    checked_at: Mapped[int] = mapped_column(BigInteger)


class RecentBlock(Bookkeeping):
    """The last blocks up to the cursor, with or without events: where to look for a common ancestor first."""

    __tablename__ = "recent_blocks"
    number: Mapped[int] = mapped_column(RowNumber, primary_key=True, autoincrement=False)
    hash: Mapped[bytes] = mapped_column(LargeBinary)
    parent_hash: Mapped[bytes] = mapped_column(LargeBinary)
    time: Mapped[int] = mapped_column(BigInteger)


# -- the chain


class Block(Content):
    """A block with events of ours."""

    __tablename__ = "blocks"
    number: Mapped[int] = mapped_column(RowNumber, primary_key=True, autoincrement=False)
    hash: Mapped[bytes] = mapped_column(LargeBinary)
    time: Mapped[int] = mapped_column(BigInteger)


class Transaction(Content):
    """A transaction with events of ours."""

    __tablename__ = "transactions"
    position: Mapped[int] = mapped_column(RowNumber, primary_key=True, autoincrement=False)
    hash: Mapped[bytes] = mapped_column(LargeBinary, index=True)


class Event(Content):
    """A log as the chain has it. `entity` and `subject` say what it is about (see `subjects`); `name` is empty for an
    event that our ABIs do not know."""

    __tablename__ = "events"
    position: Mapped[int] = mapped_column(RowNumber, primary_key=True, autoincrement=False)
    block_number: Mapped[int] = mapped_column(BigInteger)
    tx_position: Mapped[int] = mapped_column(BigInteger)
    contract: Mapped[str] = mapped_column(String(40))
    name: Mapped[str] = mapped_column(String(60))
    entity: Mapped[str] = mapped_column(String(12))
    subject: Mapped[bytes] = mapped_column(LargeBinary)
    topics: Mapped[bytes] = mapped_column(LargeBinary)
    data: Mapped[bytes] = mapped_column(LargeBinary)
    __table_args__ = (Index("ix_events_subject", "subject", "position"),)


# -- what the events amount to; `position`: the event that made the row, `changed`: the last one that touched it


class Organisation(Content):
    """An organisation."""

    __tablename__ = "organisations"
    id: Mapped[int] = mapped_column(RowNumber, primary_key=True, autoincrement=False)
    kind: Mapped[int] = mapped_column(SmallInteger)
    gln: Mapped[int] = mapped_column(BigInteger, index=True)
    name: Mapped[str] = mapped_column(Text)
    permitted_roles: Mapped[int] = mapped_column(BigInteger)
    valid_until: Mapped[int] = mapped_column(Unsigned64)
    active: Mapped[bool] = mapped_column(Boolean)
    position: Mapped[int] = mapped_column(BigInteger)
    changed: Mapped[int] = mapped_column(BigInteger)


class Operator(Content):
    """An operator's present appointment."""

    __tablename__ = "operators"
    address: Mapped[bytes] = mapped_column(LargeBinary, primary_key=True)
    organisation: Mapped[int] = mapped_column(BigInteger, index=True)
    roles: Mapped[int] = mapped_column(BigInteger)
    valid_until: Mapped[int] = mapped_column(Unsigned64)
    active: Mapped[bool] = mapped_column(Boolean)
    changed_by: Mapped[bytes] = mapped_column(LargeBinary)
    changed: Mapped[int] = mapped_column(BigInteger)


class Grant(Content):
    """What a reader may read of an owner's product line (gtin 0: every line)."""

    __tablename__ = "grants"
    owner: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    reader: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    gtin: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    scopes: Mapped[int] = mapped_column(BigInteger)
    valid_until: Mapped[int] = mapped_column(Unsigned64)
    changed: Mapped[int] = mapped_column(BigInteger)
    __table_args__ = (Index("ix_grants_reader", "reader"),)


class Channel(Content):
    """A Merkle log."""

    __tablename__ = "channels"
    id: Mapped[bytes] = mapped_column(LargeBinary, primary_key=True)
    organisation: Mapped[int] = mapped_column(BigInteger, index=True)
    name: Mapped[str] = mapped_column(Text)
    size: Mapped[int] = mapped_column(Unsigned64)
    root: Mapped[bytes | None] = mapped_column(LargeBinary)
    anchored: Mapped[int | None] = mapped_column(BigInteger)
    position: Mapped[int] = mapped_column(BigInteger)


class Anchor(Content):
    """An anchored head of a log."""

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


class Batch(Content):
    """A batch as it stands now."""

    __tablename__ = "batches"
    id: Mapped[bytes] = mapped_column(LargeBinary, primary_key=True)
    gtin: Mapped[int] = mapped_column(BigInteger)
    lot: Mapped[str] = mapped_column(Text)
    producer: Mapped[int] = mapped_column(BigInteger)
    custodian: Mapped[int] = mapped_column(BigInteger)
    state: Mapped[int] = mapped_column(SmallInteger)
    on_hold: Mapped[bool] = mapped_column(Boolean)
    hold_reason: Mapped[str | None] = mapped_column(Text)
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
    position: Mapped[int] = mapped_column(BigInteger)
    changed: Mapped[int] = mapped_column(BigInteger)
    __table_args__ = (
        Index("ix_batches_position", "position"),
        Index("ix_batches_producer", "producer", "position"),
        Index("ix_batches_custodian", "custodian", "position"),
        Index("ix_batches_gtin", "gtin", "position"),
        Index("ix_batches_lot", "lot"),
    )


class BatchInput(Content):
    """`batch` is made of `quantity` units of `input`; `place` is its place in the registration."""

    __tablename__ = "batch_inputs"
    batch: Mapped[bytes] = mapped_column(LargeBinary, primary_key=True)
    place: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    input: Mapped[bytes] = mapped_column(LargeBinary, index=True)
    quantity: Mapped[int] = mapped_column(BigInteger)


class Inspection(Content):
    """A verdict as the inspector signed it."""

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


class Offer(Content):
    """An offer of custody and what became of it."""

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


class Policy(Content):
    """What inspections of a stage must satisfy."""

    __tablename__ = "policies"
    stage: Mapped[int] = mapped_column(SmallInteger, primary_key=True, autoincrement=False)
    units_per_sample: Mapped[int] = mapped_column(BigInteger)
    independent: Mapped[bool] = mapped_column(Boolean)
    changed: Mapped[int] = mapped_column(BigInteger)


class StationKey(Content):
    """A station's public key (256 bytes of EIP-2537) with the proof that its registrar held the secret one.

    `unverified` is the event that says the chain could not check either; None where it has."""

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


class Route(Content):
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


class RouteStep(Content):
    """Step `step` (from 1) of a route: which key signs which process."""

    __tablename__ = "route_steps"
    route: Mapped[bytes] = mapped_column(LargeBinary, primary_key=True)
    step: Mapped[int] = mapped_column(SmallInteger, primary_key=True, autoincrement=False)
    key: Mapped[bytes] = mapped_column(LargeBinary)
    process: Mapped[str] = mapped_column(Text)


class RouteProof(Content):
    """What stands on the chain of a subject under a route. `proven`, `assembled` and `recorded` (unverified) are the
    events that say so; None where there is none."""

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


class RouteComponent(Content):
    """The `place`-th proven component of an assembly's proof."""

    __tablename__ = "route_components"
    route: Mapped[bytes] = mapped_column(LargeBinary, primary_key=True)
    subject: Mapped[bytes] = mapped_column(LargeBinary, primary_key=True)
    place: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    component_route: Mapped[bytes] = mapped_column(LargeBinary)
    component: Mapped[bytes] = mapped_column(LargeBinary)


class Department(Content):
    """A department of an organisation."""

    __tablename__ = "departments"
    id: Mapped[bytes] = mapped_column(LargeBinary, primary_key=True)
    organisation: Mapped[int] = mapped_column(BigInteger, index=True)
    name: Mapped[str] = mapped_column(Text)
    position: Mapped[int] = mapped_column(BigInteger)


class DepartmentMember(Content):
    """What an address may do in a department now; `rights` 0: it was removed."""

    __tablename__ = "department_members"
    department: Mapped[bytes] = mapped_column(LargeBinary, primary_key=True)
    member: Mapped[bytes] = mapped_column(LargeBinary, primary_key=True, index=True)
    rights: Mapped[int] = mapped_column(SmallInteger)
    changed: Mapped[int] = mapped_column(BigInteger)


class RecordBatch(Content):
    """Records that one event appended: the department's numbers from `first` on. An entity of its own for each event,
    so that undoing a block folds nothing again that came before it."""

    __tablename__ = "record_batches"
    department: Mapped[bytes] = mapped_column(LargeBinary, primary_key=True)
    first: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    count: Mapped[int] = mapped_column(BigInteger)
    kind: Mapped[bytes] = mapped_column(LargeBinary)
    head: Mapped[bytes] = mapped_column(LargeBinary)
    by: Mapped[bytes] = mapped_column(LargeBinary)
    position: Mapped[int] = mapped_column(BigInteger, unique=True)


class Record(Content):
    """One record: the `place`-th of the batch whose event is at `position`."""

    __tablename__ = "records"
    position: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    place: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    record: Mapped[bytes] = mapped_column(LargeBinary, index=True)
    subject: Mapped[bytes] = mapped_column(LargeBinary)
    preceding: Mapped[bytes | None] = mapped_column(LargeBinary)
    digest: Mapped[bytes] = mapped_column(LargeBinary)
    __table_args__ = (Index("ix_records_subject", "subject", "position", "place"), _ONE_TREE)


class ConsensusPanel(Content):
    """An organisation's panel of inspectors. `rule` (None: not set yet) and `inspectors` (by number) are JSON."""

    __tablename__ = "consensus_panels"
    panel: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    rule: Mapped[str | None] = mapped_column(Text)
    inspectors: Mapped[str] = mapped_column(Text)
    changed: Mapped[int] = mapped_column(BigInteger)


class ConsensusRound(Content):
    """A round of inspection by consensus. `seats` is a JSON list; the outcome is None until it is decided.

    `step` 0 is the stage as a whole; `recorder` the seat; `score` and capabilities in 1/10,000.
    """

    __tablename__ = "consensus_rounds"
    __table_args__ = (Index("ix_consensus_rounds_panel", "panel", "position"),)
    id: Mapped[bytes] = mapped_column(LargeBinary, primary_key=True)
    panel: Mapped[int] = mapped_column(BigInteger)
    subject: Mapped[bytes] = mapped_column(LargeBinary, index=True)
    step: Mapped[int] = mapped_column(BigInteger)
    stage: Mapped[int] = mapped_column(SmallInteger)
    desk: Mapped[int] = mapped_column(BigInteger)
    rule: Mapped[int] = mapped_column(BigInteger)
    feeds: Mapped[bool] = mapped_column(Boolean)
    phase: Mapped[int] = mapped_column(SmallInteger)
    deadline: Mapped[int] = mapped_column(BigInteger)
    seats: Mapped[str] = mapped_column(Text)
    state: Mapped[int | None] = mapped_column(BigInteger)
    score: Mapped[int | None] = mapped_column(BigInteger)
    recorder: Mapped[int | None] = mapped_column(BigInteger)
    reached: Mapped[bool | None] = mapped_column(Boolean)
    verdict_refused: Mapped[bool] = mapped_column(Boolean)
    position: Mapped[int] = mapped_column(BigInteger)
    changed: Mapped[int] = mapped_column(BigInteger)
