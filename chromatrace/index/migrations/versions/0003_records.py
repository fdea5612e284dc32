"""Departments, their members and records."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

_OLDER = (
    "anchors",
    "batch_inputs",
    "batches",
    "blocks",
    "channels",
    "cursor",
    "deployment",
    "events",
    "grants",
    "inspections",
    "offers",
    "operators",
    "organisations",
    "policies",
    "recent_blocks",
    "transactions",
    "route_components",
    "route_proofs",
    "route_steps",
    "routes",
    "station_keys",
)


def upgrade() -> None:
    """Makes the tables. An index that passed over events of departments is emptied: the follower builds it anew."""
    op.create_table(
        "departments",
        sa.Column("id", sa.LargeBinary(), nullable=False),
        sa.Column("organisation", sa.BigInteger(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index(op.f("ix_departments_organisation"), "departments", ["organisation"], unique=False)
    op.create_table(
        "department_members",
        sa.Column("department", sa.LargeBinary(), nullable=False),
        sa.Column("member", sa.LargeBinary(), nullable=False),
        sa.Column("rights", sa.SmallInteger(), nullable=False),
        sa.Column("changed", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("department", "member"),
    )
    op.create_index(op.f("ix_department_members_member"), "department_members", ["member"], unique=False)
    op.create_table(
        "record_batches",
        sa.Column("department", sa.LargeBinary(), nullable=False),
        sa.Column("first", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("count", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.LargeBinary(), nullable=False),
        sa.Column("head", sa.LargeBinary(), nullable=False),
        sa.Column("by", sa.LargeBinary(), nullable=False),
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("department", "first"),
        sa.UniqueConstraint("position"),
    )
    op.create_table(
        "records",
        sa.Column("position", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("place", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("record", sa.LargeBinary(), nullable=False),
        sa.Column("subject", sa.LargeBinary(), nullable=False),
        sa.Column("preceding", sa.LargeBinary(), nullable=True),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("position", "place"),
        sqlite_with_rowid=False,
    )
    op.create_index(op.f("ix_records_record"), "records", ["record"], unique=False)
    op.create_index("ix_records_subject", "records", ["subject", "position", "place"], unique=False)
    connection = op.get_bind()
    passed_over = sa.text("SELECT 1 FROM events WHERE contract = 'ProcessLedger' AND name = '' LIMIT 1")
    if connection.execute(passed_over).first() is not None:
        for name in _OLDER:
            connection.execute(sa.delete(sa.table(name)))
