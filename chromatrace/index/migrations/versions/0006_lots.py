"""Batches found by their lot alone."""

from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Makes the index of lots."""
    op.create_index("ix_batches_lot", "batches", ["lot"], unique=False)
