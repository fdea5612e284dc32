"""The schema's version: Alembic's migrations, packaged beside this module."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import Engine, inspect, text

from chromatrace.index.errors import WrongIndex

MIGRATIONS = Path(__file__).parent / "migrations"
REVISION = "0008"
"""The newest migration; a test holds it equal to Alembic's own answer."""


def is_current(engine: Engine) -> bool:
    """Whether there is nothing to migrate. Raises `WrongIndex` where the schema is newer than this software."""
    present = revision_of(engine)
    if present is not None and not any((MIGRATIONS / "versions").glob(f"{present}_*.py")):
        raise WrongIndex(
            f"the index has schema {present}, this software knows it up to {REVISION}",
            field="database_url",
            hint="update the software, or let it build a new index under another URL",
        )
    return present == REVISION


def upgrade(engine: Engine) -> None:
    """Applies the migrations that the database lacks, in one transaction."""
    if is_current(engine):
        return
    # Alembic takes longer to import than an index takes to open.
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    with engine.execution_options(index_writer=True).begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "head")


def revision_of(engine: Engine) -> str | None:
    """The migration that the database is at; None where there is no index in it."""
    with engine.connect() as connection:
        if not inspect(connection).has_table("alembic_version"):
            return None
        revision: str | None = connection.scalar(text("SELECT version_num FROM alembic_version"))
        return revision
