"""Section [alarms] of a plant file: rules of all alarms, and priorities of tags."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from chromatrace.plant.names import Names, Section
from chromatrace.storage.toml import TomlTable

_NS_PER_S = 1_000_000_000


class Priority(StrEnum):
    """Priority of an alarm (ANSI/ISA-18.2), highest first."""

    CRITICAL = "critical"
    HIGH = "high"
    MEDIUM = "medium"
    LOW = "low"

    @property
    def rank(self) -> int:
        """0 for the highest priority."""
        return list(Priority).index(self)


@dataclass(frozen=True, slots=True)
class TagAlarms:
    """Alarms of a tag. `stale_after_ns`: time without a good value; None: as for all tags."""

    tag: str
    priority: Priority = Priority.MEDIUM
    stale_after_ns: int | None = None


@dataclass(frozen=True, slots=True)
class AlarmSettings:
    """Rules of all alarms.

    deadband        share of a tag's range that a value must return inside its limit before the alarm is cleared
    stale_after_ns  time without a good value after which a tag is stale; None: never
    flood_count     alarms within `flood_window_ns` that begin a flood (ANSI/ISA-18.2: 10 in 10 minutes)
    flood_end       a flood ends below this number in the window
    flood_passes    priorities that a flood does not suppress
    """

    deadband: float = 0.005
    stale_after_ns: int | None = None
    stale_priority: Priority = Priority.LOW
    fault_priority: Priority = Priority.HIGH
    flood_count: int = 10
    flood_end: int = 5
    flood_window_ns: int = 600 * _NS_PER_S
    flood_passes: frozenset[Priority] = frozenset({Priority.CRITICAL, Priority.HIGH})
    tags: Mapping[str, TagAlarms] = field(default_factory=dict)


def _read(top: TomlTable, names: Names) -> AlarmSettings:
    if "alarms" not in top:
        top.value("alarms")
        return AlarmSettings()
    table, default = top.table("alarms"), AlarmSettings()
    passes = table.texts("flood_passes", tuple(sorted(default.flood_passes)))
    for position, name in enumerate(passes):
        if name not in list(Priority):
            table.mistake(f"flood_passes[{position}]", f"expected one of {', '.join(Priority)}, got {name!r:.60}")
    tags = table.parts(_read_tag(item, names) for item in table.tables("tags"))
    count = table.integer("flood_count", default.flood_count, at_least=2)
    return (
        table.build(
            AlarmSettings,
            deadband=table.number("deadband", default.deadband, at_least=0),
            stale_after_ns=_nanoseconds(table, "stale_after_s"),
            stale_priority=read_priority(table, "stale_priority", default.stale_priority),
            fault_priority=read_priority(table, "fault_priority", default.fault_priority),
            flood_count=count,
            flood_end=table.integer("flood_end", min(default.flood_end, count), at_least=1, at_most=count),
            flood_window_ns=round(table.number("flood_window_s", 600.0, above=0) * _NS_PER_S) if table.valid else 1,
            flood_passes=frozenset(Priority(name) for name in passes if name in list(Priority)),
            tags={item.tag: item for item in tags},
        )
        or default
    )


def _read_tag(table: TomlTable, names: Names) -> TagAlarms | None:
    return table.build(
        TagAlarms,
        tag=table.reference("tag", "tag", names["tags"]),
        priority=read_priority(table, "priority", Priority.MEDIUM),
        stale_after_ns=_nanoseconds(table, "stale_after_s"),
    )


def read_priority(table: TomlTable, name: str, default: Priority) -> Priority:
    """Read a priority."""
    return Priority(table.choice(name, list(Priority), default))


def _nanoseconds(table: TomlTable, name: str) -> int | None:
    seconds = table.optional_number(name, above=0)
    return None if seconds is None or seconds != seconds else round(seconds * _NS_PER_S)


ALARMS: Section[AlarmSettings] = Section("alarms", _read)
