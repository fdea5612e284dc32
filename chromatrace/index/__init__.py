"""The chain's events in a SQL database that can be rebuilt from the chain at any time."""

from chromatrace.index.database import Index
from chromatrace.index.follower import Follower
from chromatrace.index.snapshot import Snapshot

__all__ = ["Follower", "Index", "Snapshot"]
