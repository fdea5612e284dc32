"""Rate-limit counters in the portal database, shared by all workers (a storage backend of the `limits` package)."""

from __future__ import annotations

import logging
import time
from typing import ClassVar

from limits.storage import MemoryStorage, Storage
from sqlalchemy import case, delete, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import SQLAlchemyError

from app.errors import StorageFullError
from app.store.database import PortalDatabase
from app.store.models import RateCount

log = logging.getLogger(__name__)


class SqlRateStorage(Storage):
    """Fixed-window counters, registered for the URI scheme `portal`. The option `database` is a `PortalDatabase`."""

    STORAGE_SCHEME: ClassVar[list[str] | None] = ["portal"]  # type: ignore[misc]

    def __init__(self, uri: str | None = None, wrap_exceptions: bool = False, **options: object) -> None:
        super().__init__(uri, wrap_exceptions)
        database = options["database"]
        assert isinstance(database, PortalDatabase)
        self._database = database
        self._memory = MemoryStorage()
        """Counts while the database cannot be written."""
        self._paused = False

    @property
    def base_exceptions(self) -> type[Exception] | tuple[type[Exception], ...]:
        return SQLAlchemyError

    def incr(self, key: str, expiry: int, amount: int = 1) -> int:
        try:
            count = self._count(key, expiry, amount)
        except StorageFullError as error:
            if not self._paused:
                log.warning("each worker counts rate limits in its memory until the database can be written: %s", error)
            self._paused = True
            return self._memory.incr(key, expiry, amount)
        self._paused = False
        return count

    def _count(self, key: str, expiry: int, amount: int) -> int:
        now = int(time.time())
        insert = postgresql.insert if self._database.is_postgresql else sqlite.insert
        fresh = insert(RateCount).values(key=key, count=amount, expires_at=now + expiry)
        expired = RateCount.expires_at <= now
        # One statement, so concurrent first requests cannot both insert.
        upsert = fresh.on_conflict_do_update(
            index_elements=[RateCount.key],
            set_={
                "count": case((expired, amount), else_=RateCount.count + amount),
                "expires_at": case((expired, now + expiry), else_=RateCount.expires_at),
            },
        ).returning(RateCount.count)
        with self._database.begin() as session:
            count = session.scalars(upsert).one()
        if count == amount:
            self._delete_expired(now)
        return count

    def _delete_expired(self, now: int) -> None:
        # In a transaction of its own and without waiting for locks: two workers must not wait for each other.
        expired = select(RateCount.key).where(RateCount.expires_at <= now).with_for_update(skip_locked=True)
        with self._database.begin() as session:
            session.execute(delete(RateCount).where(RateCount.key.in_(expired)))

    def get(self, key: str) -> int:
        with self._database.read() as session:
            row = session.get(RateCount, key)
        stored = row.count if row is not None and row.expires_at > time.time() else 0
        return max(stored, self._memory.get(key))

    def get_expiry(self, key: str) -> float:
        with self._database.read() as session:
            expires_at = session.scalar(select(RateCount.expires_at).where(RateCount.key == key))
            return float(expires_at) if expires_at is not None else self._memory.get_expiry(key)

    def check(self) -> bool:
        self._database.ping()
        return True

    def reset(self) -> int | None:
        with self._database.begin() as session:
            return int(session.execute(delete(RateCount)).rowcount)  # type: ignore[attr-defined]

    def clear(self, key: str) -> None:
        with self._database.begin() as session:
            session.execute(delete(RateCount).where(RateCount.key == key))
