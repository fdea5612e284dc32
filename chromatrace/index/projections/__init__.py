"""From events to rows: for each kind of entity, what its events in order amount to."""

from chromatrace.index.projections.projector import Projector
from chromatrace.index.projections.record import EventRecord

__all__ = ["EventRecord", "Projector"]
