"""Create all tables."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

_ROW_NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Create all tables."""
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
        sa.Column("position", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("number", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("batch", sa.LargeBinary(), nullable=False),
        sa.Column("input", sa.LargeBinary(), nullable=False),
        sa.Column("quantity", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("position", "number"),
        sqlite_with_rowid=False,
    )
    op.create_index(op.f("ix_batch_inputs_batch"), "batch_inputs", ["batch"], unique=False)
    op.create_index(op.f("ix_batch_inputs_input"), "batch_inputs", ["input"], unique=False)
    op.create_table(
        "batches",
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
        sa.PrimaryKeyConstraint("position"),
        sa.UniqueConstraint("id"),
    )
    op.create_index("ix_batches_custodian", "batches", ["custodian", "position"], unique=False)
    op.create_index("ix_batches_gtin", "batches", ["gtin", "position"], unique=False)
    op.create_index("ix_batches_lot", "batches", ["lot"], unique=False)
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
    op.create_index("ix_consensus_rounds_panel", "consensus_rounds", ["panel", "position"], unique=False)
    op.create_index(op.f("ix_consensus_rounds_subject"), "consensus_rounds", ["subject"], unique=False)
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
        "departments",
        sa.Column("id", sa.LargeBinary(), nullable=False),
        sa.Column("organisation", sa.BigInteger(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index(op.f("ix_departments_organisation"), "departments", ["organisation"], unique=False)
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
        sa.Column("entity_key", sa.LargeBinary(), nullable=False),
        sa.Column("topics", sa.LargeBinary(), nullable=False),
        sa.Column("data", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("position"),
    )
    op.create_index("ix_events_entity_key", "events", ["entity_key", "position"], unique=False)
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
        "recent_blocks",
        sa.Column("number", _ROW_NUMBER, autoincrement=False, nullable=False),
        sa.Column("hash", sa.LargeBinary(), nullable=False),
        sa.Column("parent_hash", sa.LargeBinary(), nullable=False),
        sa.Column("time", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("number"),
    )
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
        sa.Column("number", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("record", sa.LargeBinary(), nullable=False),
        sa.Column("subject", sa.LargeBinary(), nullable=False),
        sa.Column("preceding", sa.LargeBinary(), nullable=True),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("position", "number"),
        sqlite_with_rowid=False,
    )
    op.create_index(op.f("ix_records_record"), "records", ["record"], unique=False)
    op.create_index("ix_records_subject", "records", ["subject", "position", "number"], unique=False)
    op.create_table(
        "route_components",
        sa.Column("route", sa.LargeBinary(), nullable=False),
        sa.Column("subject", sa.LargeBinary(), nullable=False),
        sa.Column("number", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("component_route", sa.LargeBinary(), nullable=False),
        sa.Column("component", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("route", "subject", "number"),
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
        "route_steps",
        sa.Column("route", sa.LargeBinary(), nullable=False),
        sa.Column("step", sa.SmallInteger(), autoincrement=False, nullable=False),
        sa.Column("key", sa.LargeBinary(), nullable=False),
        sa.Column("process", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("route", "step"),
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
        "station_keys",
        sa.Column("id", sa.LargeBinary(), nullable=False),
        sa.Column("organisation", sa.BigInteger(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("public_key", sa.LargeBinary(), nullable=False),
        sa.Column("possession", sa.LargeBinary(), nullable=False),
        sa.Column("revoked_from", sa.BigInteger(), nullable=True),
        sa.Column("unverified", sa.BigInteger(), nullable=True),
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.Column("changed", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "transactions",
        sa.Column("position", _ROW_NUMBER, autoincrement=False, nullable=False),
        sa.Column("hash", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("position"),
    )
    op.create_index(op.f("ix_transactions_hash"), "transactions", ["hash"], unique=False)
