"""Station keys that the chain could not check."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
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
    "department_members",
    "departments",
    "record_batches",
    "records",
)


def upgrade() -> None:
    """Adds the mark. An index that passed over the events that set it is emptied: the follower builds it anew."""
    op.add_column("station_keys", sa.Column("unverified", sa.BigInteger(), nullable=True))
    passed_over = sa.text(
        "SELECT 1 FROM events WHERE contract = 'RouteVerifier' "
        "AND name IN ('', 'StationKeyUnverified', 'StationKeyVerified') LIMIT 1"
    )
    connection = op.get_bind()
    if connection.execute(passed_over).first() is not None:
        for name in _OLDER:
            connection.execute(sa.delete(sa.table(name)))
