"""Station keys, routes and their proofs."""

import sqlalchemy as sa
from alembic import op

from chromatrace.index.migrations.emptying import empty_where_passed_over

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Makes the tables. An index that passed over events of routes is emptied: the follower builds it anew."""
    op.create_table(
        "station_keys",
        sa.Column("id", sa.LargeBinary(), nullable=False),
        sa.Column("organisation", sa.BigInteger(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("public_key", sa.LargeBinary(), nullable=False),
        sa.Column("possession", sa.LargeBinary(), nullable=False),
        sa.Column("revoked_from", sa.BigInteger(), nullable=True),
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.Column("changed", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "routes",
        sa.Column("id", sa.LargeBinary(), nullable=False),
        sa.Column("organisation", sa.BigInteger(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.SmallInteger(), nullable=False),
        sa.Column("requires_proof", sa.Boolean(), nullable=False),
        sa.Column("designed_by", sa.LargeBinary(), nullable=False),
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "route_steps",
        sa.Column("route", sa.LargeBinary(), nullable=False),
        sa.Column("step", sa.SmallInteger(), autoincrement=False, nullable=False),
        sa.Column("key", sa.LargeBinary(), nullable=False),
        sa.Column("process", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("route", "step"),
    )
    op.create_table(
        "route_proofs",
        sa.Column("route", sa.LargeBinary(), nullable=False),
        sa.Column("subject", sa.LargeBinary(), nullable=False),
        sa.Column("head", sa.LargeBinary(), nullable=True),
        sa.Column("proven_by", sa.LargeBinary(), nullable=True),
        sa.Column("proven", sa.BigInteger(), nullable=True),
        sa.Column("assembled", sa.BigInteger(), nullable=True),
        sa.Column("recorded_head", sa.LargeBinary(), nullable=True),
        sa.Column("recorded_signature", sa.LargeBinary(), nullable=True),
        sa.Column("recorded_by", sa.LargeBinary(), nullable=True),
        sa.Column("recorded", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("route", "subject"),
    )
    op.create_index(op.f("ix_route_proofs_subject"), "route_proofs", ["subject"], unique=False)
    op.create_table(
        "route_components",
        sa.Column("route", sa.LargeBinary(), nullable=False),
        sa.Column("subject", sa.LargeBinary(), nullable=False),
        sa.Column("place", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("component_route", sa.LargeBinary(), nullable=False),
        sa.Column("component", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("route", "subject", "place"),
    )
    empty_where_passed_over("contract = 'RouteVerifier'")
