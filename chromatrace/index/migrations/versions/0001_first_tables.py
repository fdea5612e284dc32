"""The first tables: raw events, their projections, the follower's bookkeeping."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

# SQLite keeps rows under a key of this name, without a second tree.
_ROW_NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Makes every table."""
    op.create_table(
        "anchors",
        sa.Column("position", _ROW_NUMBER, autoincrement=False, nullable=False),
        sa.Column("channel", sa.LargeBinary(), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("previous_size", sa.BigInteger(), nullable=False),
        sa.Column("root", sa.LargeBinary(), nullable=False),
        sa.Column("first_time_ns", sa.BigInteger(), nullable=False),
        sa.Column("last_time_ns", sa.BigInteger(), nullable=False),
        sa.Column("by", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("position"),
    )
    op.create_index("ix_anchors_channel", "anchors", ["channel", "size"], unique=False)
    op.create_table(
        "batch_inputs",
        sa.Column("batch", sa.LargeBinary(), nullable=False),
        sa.Column("place", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("input", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("batch", "place"),
    )
    op.create_index(op.f("ix_batch_inputs_input"), "batch_inputs", ["input"], unique=False)
    op.create_table(
        "batches",
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
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.Column("changed", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_batches_custodian", "batches", ["custodian", "position"], unique=False)
    op.create_index("ix_batches_gtin", "batches", ["gtin", "position"], unique=False)
    op.create_index("ix_batches_position", "batches", ["position"], unique=False)
    op.create_index("ix_batches_producer", "batches", ["producer", "position"], unique=False)
    op.create_table(
        "blocks",
        sa.Column("number", _ROW_NUMBER, autoincrement=False, nullable=False),
        sa.Column("hash", sa.LargeBinary(), nullable=False),
        sa.Column("time", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("number"),
    )
    op.create_table(
        "channels",
        sa.Column("id", sa.LargeBinary(), nullable=False),
        sa.Column("organisation", sa.BigInteger(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("root", sa.LargeBinary(), nullable=True),
        sa.Column("anchored", sa.BigInteger(), nullable=True),
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index(op.f("ix_channels_organisation"), "channels", ["organisation"], unique=False)
    op.create_table(
        "cursor",
        sa.Column("id", sa.SmallInteger(), autoincrement=False, nullable=False),
        sa.Column("block_number", sa.BigInteger(), nullable=False),
        sa.Column("block_hash", sa.LargeBinary(), nullable=False),
        sa.Column("block_time", sa.BigInteger(), nullable=False),
        sa.Column("chain_head", sa.BigInteger(), nullable=False),
        sa.Column("chain_time", sa.BigInteger(), nullable=False),
        sa.Column("confirmations", sa.BigInteger(), nullable=True),
        sa.Column("checked_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "deployment",
        sa.Column("id", sa.SmallInteger(), autoincrement=False, nullable=False),
        sa.Column("chain_id", sa.BigInteger(), nullable=False),
        sa.Column("genesis_hash", sa.LargeBinary(), nullable=False),
        sa.Column("contracts_hash", sa.LargeBinary(), nullable=False),
        sa.Column("first_block", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "events",
        sa.Column("position", _ROW_NUMBER, autoincrement=False, nullable=False),
        sa.Column("block_number", sa.BigInteger(), nullable=False),
        sa.Column("tx_position", sa.BigInteger(), nullable=False),
        sa.Column("contract", sa.String(length=40), nullable=False),
        sa.Column("name", sa.String(length=60), nullable=False),
        sa.Column("entity", sa.String(length=12), nullable=False),
        sa.Column("subject", sa.LargeBinary(), nullable=False),
        sa.Column("topics", sa.LargeBinary(), nullable=False),
        sa.Column("data", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("position"),
    )
    op.create_index("ix_events_subject", "events", ["subject", "position"], unique=False)
    op.create_table(
        "grants",
        sa.Column("owner", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("reader", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("gtin", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("scopes", sa.BigInteger(), nullable=False),
        sa.Column("valid_until", sa.BigInteger(), nullable=False),
        sa.Column("changed", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("owner", "reader", "gtin"),
    )
    op.create_index("ix_grants_reader", "grants", ["reader"], unique=False)
    op.create_table(
        "inspections",
        sa.Column("position", _ROW_NUMBER, autoincrement=False, nullable=False),
        sa.Column("batch", sa.LargeBinary(), nullable=False),
        sa.Column("stage", sa.SmallInteger(), nullable=False),
        sa.Column("verdict", sa.SmallInteger(), nullable=False),
        sa.Column("revision", sa.SmallInteger(), nullable=False),
        sa.Column("sample_size", sa.BigInteger(), nullable=False),
        sa.Column("defects", sa.BigInteger(), nullable=False),
        sa.Column("instrument", sa.LargeBinary(), nullable=False),
        sa.Column("evidence", sa.LargeBinary(), nullable=False),
        sa.Column("inspected_at", sa.BigInteger(), nullable=False),
        sa.Column("inspector", sa.LargeBinary(), nullable=False),
        sa.Column("organisation", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("position"),
    )
    op.create_index(op.f("ix_inspections_batch"), "inspections", ["batch"], unique=False)
    op.create_table(
        "offers",
        sa.Column("position", _ROW_NUMBER, autoincrement=False, nullable=False),
        sa.Column("batch", sa.LargeBinary(), nullable=False),
        sa.Column("from_organisation", sa.BigInteger(), nullable=False),
        sa.Column("to_organisation", sa.BigInteger(), nullable=False),
        sa.Column("offered_by", sa.LargeBinary(), nullable=False),
        sa.Column("valid_until", sa.BigInteger(), nullable=False),
        sa.Column("state", sa.String(length=10), nullable=False),
        sa.Column("closed", sa.BigInteger(), nullable=True),
        sa.Column("closed_by", sa.LargeBinary(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("position"),
    )
    op.create_index(op.f("ix_offers_batch"), "offers", ["batch"], unique=False)
    op.create_index(op.f("ix_offers_from_organisation"), "offers", ["from_organisation"], unique=False)
    op.create_index(op.f("ix_offers_to_organisation"), "offers", ["to_organisation"], unique=False)
    op.create_table(
        "operators",
        sa.Column("address", sa.LargeBinary(), nullable=False),
        sa.Column("organisation", sa.BigInteger(), nullable=False),
        sa.Column("roles", sa.BigInteger(), nullable=False),
        sa.Column("valid_until", sa.BigInteger(), nullable=False),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.Column("changed_by", sa.LargeBinary(), nullable=False),
        sa.Column("changed", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("address"),
    )
    op.create_index(op.f("ix_operators_organisation"), "operators", ["organisation"], unique=False)
    op.create_table(
        "organisations",
        sa.Column("id", _ROW_NUMBER, autoincrement=False, nullable=False),
        sa.Column("kind", sa.SmallInteger(), nullable=False),
        sa.Column("gln", sa.BigInteger(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("permitted_roles", sa.BigInteger(), nullable=False),
        sa.Column("valid_until", sa.BigInteger(), nullable=False),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.Column("changed", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index(op.f("ix_organisations_gln"), "organisations", ["gln"], unique=False)
    op.create_table(
        "policies",
        sa.Column("stage", sa.SmallInteger(), autoincrement=False, nullable=False),
        sa.Column("units_per_sample", sa.BigInteger(), nullable=False),
        sa.Column("independent", sa.Boolean(), nullable=False),
        sa.Column("changed", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("stage"),
    )
    op.create_table(
        "recent_blocks",
        sa.Column("number", _ROW_NUMBER, autoincrement=False, nullable=False),
        sa.Column("hash", sa.LargeBinary(), nullable=False),
        sa.Column("parent_hash", sa.LargeBinary(), nullable=False),
        sa.Column("time", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("number"),
    )
    op.create_table(
        "transactions",
        sa.Column("position", _ROW_NUMBER, autoincrement=False, nullable=False),
        sa.Column("hash", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("position"),
    )
    op.create_index(op.f("ix_transactions_hash"), "transactions", ["hash"], unique=False)
