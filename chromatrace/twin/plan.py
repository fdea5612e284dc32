"""What the twin mirrors: machines, tags and rules. `plan_file` reads them from a plant file."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property

from chromatrace.domain.errors import NotFound

NS_PER_S = 1_000_000_000


class MachineStatus(StrEnum):
    """What a machine does. `UNKNOWN` if its state tag has no value yet or one that the plant file does not name."""

    RUNNING = "running"
    IDLE = "idle"
    STOPPED = "stopped"
    FAULT = "fault"
    UNKNOWN = "unknown"


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
class TagPlan:
    """A tag.

    name           as in the log, or its last path component
    low, high      range of the instrument
    stale_after_ns time without a good value after which the tag is stale; None: never
    """

    name: str
    unit: str = ""
    low: float | None = None
    high: float | None = None
    limit_low: float | None = None
    limit_high: float | None = None
    priority: Priority = Priority.MEDIUM
    stale_after_ns: int | None = None
    machine: str | None = None


@dataclass(frozen=True, slots=True)
class MachinePlan:
    """A machine.

    channel         log channel of its readings; None: any channel
    source          source of its readings, if several machines have tags of the same name; None: any source
    tags            names of its tags; `prefix` names further ones by the start of their names
    state_values    status by value of the state tag, as text
    count_tag       counter of units produced; `reject_tag` counts those of them that are not good
    ideal_cycle_s   seconds per unit at the designed speed
    """

    id: str
    name: str = ""
    station: str = ""
    channel: str | None = None
    source: str | None = None
    tags: frozenset[str] = frozenset()
    prefix: str | None = None
    state_tag: str | None = None
    state_values: Mapping[str, MachineStatus] = field(default_factory=dict)
    batch_tag: str | None = None
    step_tag: str | None = None
    count_tag: str | None = None
    reject_tag: str | None = None
    ideal_cycle_s: float | None = None
    fault_priority: Priority = Priority.HIGH

    def roles(self) -> Iterator[tuple[str, str]]:
        """Yield the special tags with their role: state, batch, step, count or reject."""
        for role in ("state", "batch", "step", "count", "reject"):
            tag = getattr(self, f"{role}_tag")
            if tag is not None:
                yield role, tag

    def has_tag(self, tag: str) -> bool:
        """Return whether a tag of the log belongs to the machine, by its whole name or its last path component."""
        last = tag.rpartition("/")[2]
        special = {name for _, name in self.roles()}
        if tag in self.tags or last in self.tags or tag in special or last in special:
            return True
        return self.prefix is not None and tag.startswith(self.prefix)


@dataclass(frozen=True, slots=True)
class ForecastPlan:
    """The forecast of a tag: a Markov chain over the states in control, warning and out of control.

    centre, sigma  of the process in control; the warning and action limits are `warning` and `action` sigmas away
    steps          numbers of readings ahead
    every          a forecast is stored once in this number of readings
    forgetting     weight of earlier transitions, for each reading
    """

    tag: str
    centre: float
    sigma: float
    machine: str | None = None
    warning: float = 2.0
    action: float = 3.0
    steps: tuple[int, ...] = (1, 10)
    every: int = 60
    forgetting: float = 0.99


@dataclass(frozen=True, slots=True)
class AlarmSettings:
    """Rules of all alarms.

    deadband        share of a tag's range that a value must return inside its limit before the alarm is cleared
    stale_after_ns  of tags that state none; None: they are never stale
    flood_count     alarms within `flood_window_ns` that begin a flood (ANSI/ISA-18.2: 10 in 10 minutes)
    flood_end       a flood ends below this number in the window
    flood_passes    priorities that a flood does not suppress
    """

    deadband: float = 0.005
    stale_after_ns: int | None = None
    stale_priority: Priority = Priority.LOW
    flood_count: int = 10
    flood_end: int = 5
    flood_window_ns: int = 600 * NS_PER_S
    flood_passes: frozenset[Priority] = frozenset({Priority.CRITICAL, Priority.HIGH})


@dataclass(frozen=True)
class TwinPlan:
    """The twin's part of a plant file. `digest` changes if the state must be computed anew."""

    name: str
    machines: tuple[MachinePlan, ...] = ()
    tags: tuple[TagPlan, ...] = ()
    forecasts: tuple[ForecastPlan, ...] = ()
    alarms: AlarmSettings = AlarmSettings()
    digest: str = ""

    def machine(self, machine_id: str) -> MachinePlan:
        """Return a machine. Raises `NotFound`."""
        for machine in self.machines:
            if machine.id == machine_id:
                return machine
        raise NotFound(f"{self.name} has no machine {machine_id!r}", field="machine")

    def machine_of(self, channel: str, source: str, tag: str) -> MachinePlan | None:
        """Return the machine that a tag of the log belongs to.

        If several machines have the tag, the one whose id or name is the reading's source is selected.
        """
        found = [
            machine
            for machine in self.machines
            if machine.channel in (None, channel) and machine.source in (None, source) and machine.has_tag(tag)
        ]
        if len(found) > 1:
            found = [machine for machine in found if source in (machine.id, machine.name, machine.source)]
        return found[0] if len(found) == 1 else None

    def tag_of(self, tag: str) -> TagPlan | None:
        """Return the plan of a tag of the log, by its whole name or its last path component."""
        return self._tags.get(tag) or self._tags.get(tag.rpartition("/")[2])

    @cached_property
    def _tags(self) -> Mapping[str, TagPlan]:
        return {plan.name: plan for plan in self.tags}
