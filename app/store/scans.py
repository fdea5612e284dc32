"""How often each code was scanned. A copied code shows as an unexpected count."""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass

from sqlalchemy import func, select

from app.store.database import PortalDatabase
from app.store.models import CodeScan
from chromatrace.domain.identifiers import BatchKey, Serial

SAME_VIEW_S = 600
"""Seconds within which views from the same device count as one scan."""

_DAY_S = 86_400
_RECENT = 5


@dataclass(frozen=True, slots=True)
class ScanSummary:
    """The scans of one code. Times are Unix seconds; `recent` has the newest first."""

    count: int
    first_at: int | None
    last_at: int | None
    recent: tuple[int, ...]


class ScanLog:
    """Records and counts scans. Stores no IP address: a viewer cannot be linked across days."""

    def __init__(self, database: PortalDatabase, secret: bytes) -> None:
        self._database = database
        self._secret = secret

    def record(self, key: BatchKey, serial: Serial | None, device: str, now: int) -> bool:
        """Record a view by `device` (address and browser). Return False if it belongs to the previous scan."""
        day = f"{now // _DAY_S}|{device}".encode()
        viewer = hmac.new(self._secret, b"scan|" + day, hashlib.sha256).digest()[:16]
        columns = _columns(key, serial)
        with self._database.begin() as session:
            scans = select(CodeScan.id).filter_by(**columns, viewer=viewer)
            if session.scalar(scans.where(CodeScan.scanned_at > now - SAME_VIEW_S).limit(1)) is not None:
                return False
            session.add(CodeScan(**columns, viewer=viewer, scanned_at=now))
            return True

    def summary(self, key: BatchKey, serial: Serial | None) -> ScanSummary:
        """Return the count and times of the scans of exactly this code."""
        columns, scanned_at = _columns(key, serial), CodeScan.scanned_at
        with self._database.begin() as session:
            totals = select(func.count(), func.min(scanned_at), func.max(scanned_at)).filter_by(**columns)
            count, first_at, last_at = session.execute(totals.select_from(CodeScan)).one()
            newest = select(scanned_at).filter_by(**columns).order_by(scanned_at.desc()).limit(_RECENT)
            return ScanSummary(count, first_at, last_at, tuple(session.scalars(newest)))


def _columns(key: BatchKey, serial: Serial | None) -> dict[str, str]:
    return {"gtin": str(key.gtin), "lot": str(key.lot), "serial": str(serial) if serial else ""}
