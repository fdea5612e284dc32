"""What a migration does with an index that lacks what only the chain can tell: it empties it."""

import sqlalchemy as sa
from alembic import op


def empty() -> None:
    """Empties every table there is: the follower builds the index anew."""
    connection = op.get_bind()
    for name in sa.inspect(connection).get_table_names():
        if name != "alembic_version":
            connection.execute(sa.delete(sa.table(name)))


def empty_where_passed_over(condition: str) -> None:
    """Empties an index that holds an event for which the SQL condition is true: one that an older software kept and
    made nothing of."""
    if op.get_bind().execute(sa.text(f"SELECT 1 FROM events WHERE {condition} LIMIT 1")).first() is not None:  # noqa: S608
        empty()
