"""Station keys that the chain could not check."""

import sqlalchemy as sa
from alembic import op

from chromatrace.index.migrations.emptying import empty_where_passed_over

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Adds the mark. An index that passed over the events that set it is emptied: the follower builds it anew."""
    op.add_column("station_keys", sa.Column("unverified", sa.BigInteger(), nullable=True))
    empty_where_passed_over("contract = 'RouteVerifier' AND name IN ('', 'StationKeyUnverified', 'StationKeyVerified')")
