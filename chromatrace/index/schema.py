"""Schema versions: Alembic migrations, packaged next to this module."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import Engine, inspect, text

from chromatrace.index.errors import WrongIndexError

MIGRATIONS = Path(__file__).parent / "migrations"
REVISION = "0001"
"""The newest migration; a test compares it with Alembic's."""


def is_current(engine: Engine) -> bool:
    """Whether there is nothing to migrate. Raises `WrongIndexError` if newer software created the schema."""
    present = _revision_of(engine)
    if present is not None and not any((MIGRATIONS / "versions").glob(f"{present}_*.py")):
        raise WrongIndexError(
            f"the index has schema {present}; this version of the software supports schemas up to {REVISION}",
            field="database_url",
            hint="update the software, or build a new index in another database",
        )
    return present == REVISION


def upgrade(engine: Engine) -> None:
    """Apply all missing migrations in one transaction."""
    if is_current(engine):
        return
    # Imported here: importing Alembic takes longer than opening an index.
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    with engine.execution_options(index_writer=True).begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "head")


def _revision_of(engine: Engine) -> str | None:
    """Return the revision of the database, or None if it contains no index."""
    with engine.connect() as connection:
        if not inspect(connection).has_table("alembic_version"):
            return None
        revision: str | None = connection.scalar(text("SELECT version_num FROM alembic_version"))
        return revision
