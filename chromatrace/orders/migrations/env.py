"""Run the migrations on the connection of `SqlStore`, inside its transaction."""

from alembic import context

from chromatrace.orders.tables import OrderBase

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=OrderBase.metadata,
    version_table=context.config.attributes["version_table"],
    transactional_ddl=False,
)
context.run_migrations()
