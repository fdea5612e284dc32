"""From events to rows: for each kind of entity, what its events in order amount to."""

from chromatrace.index.fold.projector import Projector
from chromatrace.index.fold.record import EventRecord

__all__ = ["EventRecord", "Projector"]
