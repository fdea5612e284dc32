"""Rate limits in portal.db, so that several workers count together (a storage of the `limits` package)."""

from __future__ import annotations

import time
from typing import ClassVar

from limits.storage import Storage
from sqlalchemy import delete, select
from sqlalchemy.exc import SQLAlchemyError

from app.store.database import PortalDatabase
from app.store.models import RateCount


class SqlRateStorage(Storage):
    """Fixed-window counters. Registered under the scheme `portal`; `store` is given by `flask-limiter`'s options."""

    STORAGE_SCHEME: ClassVar[list[str] | None] = ["portal"]  # type: ignore[misc]

    def __init__(self, uri: str | None = None, wrap_exceptions: bool = False, **options: object) -> None:
        super().__init__(uri, wrap_exceptions)
        store = options["store"]
        assert isinstance(store, PortalDatabase)
        self._store = store

    @property
    def base_exceptions(self) -> type[Exception] | tuple[type[Exception], ...]:
        return SQLAlchemyError

    def incr(self, key: str, expiry: int, amount: int = 1) -> int:
        now = int(time.time())
        with self._store.begin() as session:
            session.execute(delete(RateCount).where(RateCount.expires_at <= now))
            row = session.get(RateCount, key, with_for_update=True)
            if row is None:
                row = RateCount(key=key, count=0, expires_at=now + expiry)
                session.add(row)
            row.count += amount
            return row.count

    def get(self, key: str) -> int:
        with self._store.begin() as session:
            row = session.get(RateCount, key)
            return row.count if row is not None and row.expires_at > time.time() else 0

    def get_expiry(self, key: str) -> float:
        with self._store.begin() as session:
            expires_at = session.scalar(select(RateCount.expires_at).where(RateCount.key == key))
            return float(expires_at) if expires_at is not None else time.time()

    def check(self) -> bool:
        with self._store.begin() as session:
            session.execute(select(1))
        return True

    def reset(self) -> int | None:
        with self._store.begin() as session:
            return int(session.execute(delete(RateCount)).rowcount)  # type: ignore[attr-defined]

    def clear(self, key: str) -> None:
        with self._store.begin() as session:
            session.execute(delete(RateCount).where(RateCount.key == key))
