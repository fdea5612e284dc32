"""Run the migrations on the connection of `schema.upgrade`, inside its transaction."""

from alembic import context

from chromatrace.index.models import IndexTable

context.configure(
    connection=context.config.attributes["connection"], target_metadata=IndexTable.metadata, transactional_ddl=False
)
context.run_migrations()
