"""What goes into the spool and what it answers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from chromatrace.domain.reading import Reading

LISTED_CONFLICTS = 1000

ReadingFields = tuple[str, str, int, int, float, str, int, int, bool]
"""The fields of a valid `Reading`, in its order."""


def reading_fields(reading: Reading) -> ReadingFields:
    """The fields of `reading`."""
    return (
        reading.source,
        reading.tag,
        reading.source_time_ns,
        reading.received_ns,
        float(reading.value),
        reading.unit,
        reading.quality,
        reading.sequence,
        reading.replayed,
    )


def reading_of(fields: Sequence[Any]) -> Reading:
    """The reading of these fields, as they lie in the database."""
    source, tag, source_time_ns, received_ns, value, unit, quality, sequence, replayed = fields
    return Reading(source, tag, source_time_ns, received_ns, value, unit, quality, sequence, bool(replayed))


@dataclass(frozen=True, slots=True)
class Spooled:
    """A reading with its number within the channel, from 0."""

    index: int
    reading: Reading


@dataclass(frozen=True, slots=True)
class Conflict:
    """`offered` was kept out because `stored`, of the same identity, says something else.

    `offset` is the place of `offered` among the readings that were given to `append`, from 0.
    """

    offset: int
    offered: Reading
    stored: Spooled


@dataclass(frozen=True, slots=True)
class AppendResult:
    """What became of the readings: `taken + duplicates + conflicting` is how many were given.

    `conflicts` lists the first thousand; the spool has all of them.
    """

    taken: int
    duplicates: int
    conflicting: int = 0
    conflicts: tuple[Conflict, ...] = ()
