"""How much of each input went into a batch."""

import sqlalchemy as sa
from alembic import op

from chromatrace.index.migrations.emptying import empty

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Makes the table of inputs anew. The contracts that told no quantities are another deployment: an index of theirs
    is emptied."""
    op.drop_table("batch_inputs")
    op.create_table(
        "batch_inputs",
        sa.Column("batch", sa.LargeBinary(), nullable=False),
        sa.Column("place", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("input", sa.LargeBinary(), nullable=False),
        sa.Column("quantity", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("batch", "place"),
    )
    op.create_index(op.f("ix_batch_inputs_input"), "batch_inputs", ["input"], unique=False)
    empty()
