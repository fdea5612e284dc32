"""How often a code was opened. A copied code shows by its count."""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass

from sqlalchemy import func, select

from app.store.database import PortalDatabase
from app.store.models import CodeScan
from chromatrace.domain.identifiers import BatchKey, Serial

SAME_VIEW_S = 600
"""A page opened again from the same device within this many seconds is the same scan."""

_DAY_S = 86_400
_RECENT = 5


@dataclass(frozen=True, slots=True)
class ScanSummary:
    """What is known about the scans of one code. Times are Unix seconds; `recent` has the newest first."""

    count: int
    first_at: int | None
    last_at: int | None
    recent: tuple[int, ...]


class ScanLog:
    """Records and counts scans. No address is stored: `viewer` cannot be traced back once its day is over."""

    def __init__(self, store: PortalDatabase, secret: bytes) -> None:
        self._store = store
        self._secret = secret

    def record(self, key: BatchKey, serial: Serial | None, device: str, now: int) -> bool:
        """Counts one opening by `device` (address and browser); False where it is the same view as just before."""
        day = f"{now // _DAY_S}|{device}".encode()
        viewer = hmac.new(self._secret, b"scan|" + day, hashlib.sha256).digest()[:16]
        columns = {"gtin": str(key.gtin), "lot": str(key.lot), "serial": str(serial) if serial else ""}
        with self._store.begin() as session:
            seen = (
                select(CodeScan.id).filter_by(**columns, viewer=viewer).where(CodeScan.scanned_at > now - SAME_VIEW_S)
            )
            if session.scalar(seen.limit(1)) is not None:
                return False
            session.add(CodeScan(**columns, viewer=viewer, scanned_at=now))
            return True

    def facts(self, key: BatchKey, serial: Serial | None) -> ScanSummary:
        """Count and times of the scans of exactly this code."""
        columns = {"gtin": str(key.gtin), "lot": str(key.lot), "serial": str(serial) if serial else ""}
        with self._store.begin() as session:
            totals = select(func.count(), func.min(CodeScan.scanned_at), func.max(CodeScan.scanned_at)).filter_by(
                **columns
            )
            count, first_at, last_at = session.execute(totals).one()
            newest = (
                select(CodeScan.scanned_at).filter_by(**columns).order_by(CodeScan.scanned_at.desc()).limit(_RECENT)
            )
            return ScanSummary(count, first_at, last_at, tuple(session.scalars(newest)))
