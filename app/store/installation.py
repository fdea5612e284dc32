"""A database belongs to one data folder, whose outbox, keystores and documents its rows refer to."""

from __future__ import annotations

import uuid
from contextlib import suppress
from pathlib import Path

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError as ConstraintError

from app.store.database import PortalDatabase
from app.store.models import Installation
from chromatrace.domain.errors import Conflict
from chromatrace.storage.files import write_once

_FILE = "portal_id"


def bind(database: PortalDatabase, folder: Path) -> None:
    """Bind a new database to the data folder; raises `Conflict` if it is bound to another one.

    Two folders have separate outboxes: their portals could accept the same record, or sign with the same nonce.
    """
    identifier = _identifier(folder)
    owner = _owner(database)
    if owner is None:
        with suppress(ConstraintError), database.begin() as session:  # another portal may bind it now
            session.add(Installation(id=1, data_folder=identifier))
        owner = _owner(database)
    if owner != identifier:
        raise Conflict(
            f"the database belongs to the data folder with the identifier {owner}, and {folder} has {identifier}",
            field="database_url",
            hint="use that data folder, or another database; to replace a lost folder, write the first identifier to "
            f"{folder / _FILE}",
        )


def _owner(database: PortalDatabase) -> str | None:
    with database.read() as session:
        return session.scalar(select(Installation.data_folder))


def _identifier(folder: Path) -> str:
    path = folder / _FILE
    if not path.exists():
        with suppress(FileExistsError):  # another worker wrote it
            write_once(path, str(uuid.uuid4()).encode())
    return path.read_text(encoding="ascii", errors="replace").strip()
