"""Versions of an SQL schema: Alembic migrations in a package's folder."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from sqlalchemy import Connection, Engine, inspect, text

from chromatrace.domain.errors import Conflict
from chromatrace.storage.sql import WRITES


class SqlSchema(NamedTuple):
    """A schema and its migrations.

    migrations     folder with Alembic's `env.py`, which runs on the connection in `config.attributes`, and `versions`
    newest         the newest migration
    version_table  table with the migration of a database, also in `config.attributes`
    wrong          error for a database of newer software
    content        what the tables contain, such as "index"
    replace        hint about a database of newer software
    """

    migrations: Path
    newest: str
    version_table: str
    wrong: type[Conflict]
    content: str
    replace: str

    def is_current(self, engine: Engine) -> bool:
        """Whether there is nothing to migrate. Raises `wrong` if newer software created the schema."""
        present = self._present(engine)
        if present is not None and not any((self.migrations / "versions").glob(f"{present}_*.py")):
            raise self.wrong(
                f"the {self.content} has schema {present}; this version of the software supports schemas up to "
                f"{self.newest}",
                field="database_url",
                hint=self.replace,
            )
        return present == self.newest

    def upgrade(self, engine: Engine, *, before: Callable[[Connection], None] | None = None) -> None:
        """Apply all missing migrations in one transaction. `before` takes a lock in it."""
        if self.is_current(engine):
            return
        # Imported here: importing Alembic takes longer than opening a database.
        from alembic import command
        from alembic.config import Config

        config = Config()
        config.set_main_option("script_location", str(self.migrations).replace("%", "%%"))
        with engine.execution_options(**{WRITES: True}).begin() as connection:
            if before is not None:
                before(connection)
            config.attributes["connection"] = connection
            config.attributes["version_table"] = self.version_table
            command.upgrade(config, "head")

    def _present(self, engine: Engine) -> str | None:
        """Return the migration of the database, or None if it does not contain the schema."""
        with engine.connect() as connection:
            if not inspect(connection).has_table(self.version_table):
                return None
            revision: str | None = connection.scalar(text(f"SELECT version_num FROM {self.version_table}"))  # noqa: S608
            return revision
