"""Run the migrations on the connection of `SqlSchema.upgrade`, inside its transaction."""

from alembic import context

from chromatrace.twin.store.models import TwinTable

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=TwinTable.metadata,
    version_table=context.config.attributes["version_table"],
    transactional_ddl=False,
)
context.run_migrations()
