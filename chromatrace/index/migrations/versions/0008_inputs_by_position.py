"""Inputs of batches in the order of the chain."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Keeps the rows under their registration's position instead of the batch's identifier."""
    op.drop_index("ix_batch_inputs_input", "batch_inputs")
    op.rename_table("batch_inputs", "batch_inputs_by_batch")
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
        " SELECT batches.position, place, batch, input, batch_inputs_by_batch.quantity"
        " FROM batch_inputs_by_batch JOIN batches ON batches.id = batch ORDER BY batches.position, place"
    )
    op.drop_table("batch_inputs_by_batch")
    op.create_index(op.f("ix_batch_inputs_batch"), "batch_inputs", ["batch"], unique=False)
    op.create_index(op.f("ix_batch_inputs_input"), "batch_inputs", ["input"], unique=False)
