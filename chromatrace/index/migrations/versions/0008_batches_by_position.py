"""Batches and their inputs in the order of the chain: a new row comes at its table's end."""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

_ROW_NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_INDEXES = {
    "batches": (
        "ix_batches_position",
        "ix_batches_producer",
        "ix_batches_custodian",
        "ix_batches_gtin",
        "ix_batches_lot",
    ),
    "batch_inputs": ("ix_batch_inputs_input",),
}


def upgrade() -> None:
    """Keeps the rows under their registration's position instead of the batch's identifier."""
    for table, indexes in _INDEXES.items():
        for index in indexes:
            op.drop_index(index, table)
        op.rename_table(table, f"{table}_by_id")
    _make_batches()
    _make_inputs()
    for table in _INDEXES:
        op.drop_table(f"{table}_by_id")
    op.create_index("ix_batches_producer", "batches", ["producer", "position"], unique=False)
    op.create_index("ix_batches_custodian", "batches", ["custodian", "position"], unique=False)
    op.create_index("ix_batches_gtin", "batches", ["gtin", "position"], unique=False)
    op.create_index("ix_batches_lot", "batches", ["lot"], unique=False)
    op.create_index(op.f("ix_batch_inputs_batch"), "batch_inputs", ["batch"], unique=False)
    op.create_index(op.f("ix_batch_inputs_input"), "batch_inputs", ["input"], unique=False)


def _make_batches() -> None:
    columns: list[sa.Column[Any]] = [
        sa.Column("position", _ROW_NUMBER, autoincrement=False, nullable=False),
        sa.Column("id", sa.LargeBinary(), nullable=False),
        sa.Column("gtin", sa.BigInteger(), nullable=False),
        sa.Column("lot", sa.Text(), nullable=False),
        sa.Column("producer", sa.BigInteger(), nullable=False),
        sa.Column("custodian", sa.BigInteger(), nullable=False),
        sa.Column("state", sa.SmallInteger(), nullable=False),
        sa.Column("on_hold", sa.Boolean(), nullable=False),
        sa.Column("hold_reason", sa.Text(), nullable=True),
        sa.Column("recalled", sa.Boolean(), nullable=False),
        sa.Column("recall_cause", sa.LargeBinary(), nullable=True),
        sa.Column("recall_reason", sa.Text(), nullable=True),
        sa.Column("quantity", sa.BigInteger(), nullable=False),
        sa.Column("standard", sa.BigInteger(), nullable=False),
        sa.Column("defective", sa.BigInteger(), nullable=False),
        sa.Column("scrap", sa.BigInteger(), nullable=False),
        sa.Column("channels", sa.SmallInteger(), nullable=False),
        sa.Column("first_verdict", sa.SmallInteger(), nullable=False),
        sa.Column("final_verdict", sa.SmallInteger(), nullable=False),
        sa.Column("first_revision", sa.SmallInteger(), nullable=False),
        sa.Column("final_revision", sa.SmallInteger(), nullable=False),
        sa.Column("serial_root", sa.LargeBinary(), nullable=False),
        sa.Column("content_digest", sa.LargeBinary(), nullable=False),
        sa.Column("route", sa.LargeBinary(), nullable=False),
        sa.Column("open_offer", sa.BigInteger(), nullable=True),
        sa.Column("changed", sa.BigInteger(), nullable=False),
    ]
    names = ", ".join(column.name for column in columns)
    op.create_table("batches", *columns, sa.PrimaryKeyConstraint("position"), sa.UniqueConstraint("id"))
    op.execute(f"INSERT INTO batches ({names}) SELECT {names} FROM batches_by_id ORDER BY position")  # noqa: S608


def _make_inputs() -> None:
    op.create_table(
        "batch_inputs",
        sa.Column("position", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("place", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("batch", sa.LargeBinary(), nullable=False),
        sa.Column("input", sa.LargeBinary(), nullable=False),
        sa.Column("quantity", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("position", "place"),
        sqlite_with_rowid=False,
    )
    op.execute(
        "INSERT INTO batch_inputs (position, place, batch, input, quantity)"
        " SELECT batches.position, place, batch, input, batch_inputs_by_id.quantity"
        " FROM batch_inputs_by_id JOIN batches ON batches.id = batch ORDER BY batches.position, place"
    )
