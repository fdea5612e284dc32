"""Panels of inspectors and their rounds. Earlier deployments had no such contract: no index passed over any."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Makes the tables."""
    op.create_table(
        "consensus_panels",
        sa.Column("panel", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("rule", sa.Text(), nullable=True),
        sa.Column("inspectors", sa.Text(), nullable=False),
        sa.Column("changed", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("panel"),
    )
    op.create_table(
        "consensus_rounds",
        sa.Column("id", sa.LargeBinary(), nullable=False),
        sa.Column("panel", sa.BigInteger(), nullable=False),
        sa.Column("subject", sa.LargeBinary(), nullable=False),
        sa.Column("step", sa.BigInteger(), nullable=False),
        sa.Column("stage", sa.SmallInteger(), nullable=False),
        sa.Column("lane", sa.BigInteger(), nullable=False),
        sa.Column("rule", sa.BigInteger(), nullable=False),
        sa.Column("decides_verdict", sa.Boolean(), nullable=False),
        sa.Column("phase", sa.SmallInteger(), nullable=False),
        sa.Column("deadline", sa.BigInteger(), nullable=False),
        sa.Column("seats", sa.Text(), nullable=False),
        sa.Column("state", sa.BigInteger(), nullable=True),
        sa.Column("score", sa.BigInteger(), nullable=True),
        sa.Column("recorder", sa.BigInteger(), nullable=True),
        sa.Column("threshold_reached", sa.Boolean(), nullable=True),
        sa.Column("verdict_rejected", sa.Boolean(), nullable=False),
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.Column("changed", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index(op.f("ix_consensus_rounds_subject"), "consensus_rounds", ["subject"], unique=False)
    op.create_index("ix_consensus_rounds_panel", "consensus_rounds", ["panel", "position"], unique=False)
