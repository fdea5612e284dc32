"""Departments, their members and records."""

import sqlalchemy as sa
from alembic import op

from chromatrace.index.migrations.emptying import empty_where_passed_over

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


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
    empty_where_passed_over("contract = 'ProcessLedger' AND name = ''")
