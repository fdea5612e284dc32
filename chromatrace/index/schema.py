"""Schema versions: Alembic migrations, packaged next to this module."""

from __future__ import annotations

from pathlib import Path

from chromatrace.index.errors import WrongIndexError
from chromatrace.storage.sql_schema import SqlSchema

MIGRATIONS = Path(__file__).parent / "migrations"
REVISION = "0001"
"""The newest migration; a test compares it with Alembic's."""

SCHEMA = SqlSchema(
    MIGRATIONS,
    REVISION,
    "alembic_version",
    WrongIndexError,
    "index",
    "update the software, or build a new index in another database",
)
