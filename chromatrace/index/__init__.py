"""The chain's events in SQL: follower, projections, queries. Whatever is here can be built again from the chain."""

from chromatrace.index.database import Index, Snapshot
from chromatrace.index.follower import Follower

__all__ = ["Follower", "Index", "Snapshot"]
