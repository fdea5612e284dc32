"""Create the tables of the models. The first migration that alters a table must also list the columns here."""

from alembic import op

from chromatrace.twin.store.models import TwinTable

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create all tables."""
    TwinTable.metadata.create_all(op.get_bind(), checkfirst=False)
