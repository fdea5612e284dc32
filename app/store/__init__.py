"""The portal's own tables: accounts, logins, nonces, scans, actions, rate limits. Never rights: those are on chain."""

from app.store.database import PortalDatabase

__all__ = ["Store"]
