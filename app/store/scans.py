"""How often each code was scanned. A copied code shows as an unexpected count."""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass

from sqlalchemy import func, select
from sqlalchemy.dialects import postgresql, sqlite

from app.store.database import PortalDatabase
from app.store.models import CodeScan
from chromatrace.domain.identifiers import BatchKey, Serial

MANY_CODES = 10
"""Codes of a day. An address that opens more is a shop, a warehouse or a search engine, and its scans do not count."""

_DAY_S = 86_400


@dataclass(frozen=True, slots=True)
class ScanSummary:
    """The scans of one code: at most one for each address and day. Times are Unix seconds."""

    count: int
    first_at: int | None
    last_at: int | None


class ScanLog:
    """Records and counts scans. Stores no IP address: a viewer cannot be linked across days."""

    def __init__(self, database: PortalDatabase, secret: bytes) -> None:
        self._database = database
        self._secret = secret

    def record(self, key: BatchKey, serial: Serial | None, network: str, now: int) -> None:
        """Record a view from `network` (`client_network`), once for each code and day."""
        day = f"{now // _DAY_S}|{network}".encode()
        viewer = hmac.new(self._secret, b"scan|" + day, hashlib.sha256).digest()[:16]
        insert = postgresql.insert if self._database.is_postgresql else sqlite.insert
        scan = insert(CodeScan).values(**_columns(key, serial), viewer=viewer, scanned_at=now)
        with self._database.begin() as session:
            codes = session.scalar(select(func.count()).where(CodeScan.viewer == viewer)) or 0
            if codes <= MANY_CODES:
                session.execute(scan.on_conflict_do_nothing())

    def summary(self, key: BatchKey, serial: Serial | None) -> ScanSummary:
        """Return the count and times of the scans of exactly this code."""
        scans = select(CodeScan.viewer, CodeScan.scanned_at).filter_by(**_columns(key, serial)).subquery()
        codes = select(func.count()).where(CodeScan.viewer == scans.c.viewer).scalar_subquery()
        totals = select(func.count(), func.min(scans.c.scanned_at), func.max(scans.c.scanned_at))
        with self._database.read() as session:
            return ScanSummary(*session.execute(totals.where(codes <= MANY_CODES)).one())


def _columns(key: BatchKey, serial: Serial | None) -> dict[str, str]:
    return {"gtin": str(key.gtin), "lot": str(key.lot), "serial": str(serial) if serial else ""}
