"""Alembic's entry: runs on the connection that `schema.upgrade` hands over, inside its transaction."""

from alembic import context

from chromatrace.index.models import Base

context.configure(
    connection=context.config.attributes["connection"], target_metadata=Base.metadata, transactional_ddl=False
)
context.run_migrations()
