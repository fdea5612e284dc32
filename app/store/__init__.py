"""The portal's own tables: accounts, sessions, nonces, scans, sent transactions and rate limits."""

from app.store.database import PortalDatabase

__all__ = ["PortalDatabase"]
