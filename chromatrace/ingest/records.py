"""Readings as tuples, and the results of storing them in the spool."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from chromatrace.domain.reading import Reading, ReadingValue, normalised

LISTED_CONFLICTS = 1000
NUMBER, TEXT = "number", "text"
"""Types of values. None, the value of a bad reading, has no type."""

ReadingFields = tuple[str, str, int, int, ReadingValue, str, int, int, bool]
"""The fields of a valid `Reading`, in order. An integer that a float represents exactly is a float."""


def reading_fields(reading: Reading) -> ReadingFields:
    """Return the fields of `reading`."""
    return (
        reading.source,
        reading.tag,
        reading.source_time_ns,
        reading.received_ns,
        normalised(reading.value),
        reading.unit,
        reading.quality,
        reading.sequence,
        reading.replayed,
    )


def reading_from_fields(fields: Sequence[Any]) -> Reading:
    """Return the reading with these fields, as stored in the database."""
    source, tag, source_time_ns, received_ns, value, unit, quality, sequence, replayed = fields
    return Reading(source, tag, source_time_ns, received_ns, value, unit, quality, sequence, bool(replayed))


@dataclass(frozen=True, slots=True)
class SpooledReading:
    """A stored reading and its index within the channel, from 0."""

    index: int
    reading: Reading


@dataclass(frozen=True, slots=True)
class SeriesEnd:
    """The last readings of a tag: the newest source time, the newest that is not ahead of its receipt by more than a
    tolerance (0: none), the oldest source time, the largest sequence number, and the types of the values.
    """

    newest_ns: int
    plausible_ns: int
    oldest_ns: int
    sequence: int
    kinds: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class ReadingConflict:
    """A reading that was rejected because a stored reading with the same identity has another value, unit or quality.

    `position` is the index of `rejected` among the readings given to `append`.
    """

    position: int
    rejected: Reading
    stored: SpooledReading


@dataclass(frozen=True, slots=True)
class AppendResult:
    """Counts of one append. `stored + duplicates + conflicting` is the number of readings given.

    `conflicts` lists the first `LISTED_CONFLICTS`; the spool keeps all of them.
    """

    stored: int
    duplicates: int
    conflicting: int = 0
    conflicts: tuple[ReadingConflict, ...] = ()
