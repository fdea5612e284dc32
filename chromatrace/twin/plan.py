"""The machines, tags and rules that the twin mirrors. `plan_of` takes them from a plant file."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields, replace
from enum import StrEnum
from functools import cached_property
from typing import Any

from chromatrace.domain.errors import NotFound
from chromatrace.domain.identifiers import Gln
from chromatrace.domain.reading import ReadingValue
from chromatrace.domain.units import convert
from chromatrace.plant.alarm_settings import ALARMS, AlarmSettings, Priority, TagAlarms
from chromatrace.plant.chart_plans import CHARTS, ChartPlan
from chromatrace.plant.forecast_plans import FORECASTS, ForecastPlan
from chromatrace.plant.proposal_rules import PROPOSALS, ProposalRule
from chromatrace.plant.records import Plant, Tag
from chromatrace.plant.twin_options import TWIN

__all__ = ["NS_PER_S", "AlarmSettings", "MachinePlan", "MachineStatus", "Priority", "TagPlan", "TwinPlan"]

NS_PER_S = 1_000_000_000
_FORMAT = 4
"""Number of the stored form of the state; a change of it computes the state from the beginning of the logs."""


class MachineStatus(StrEnum):
    """Status of a machine. `UNKNOWN` if its state tag has no value yet or one that the plant file does not name."""

    RUNNING = "running"
    IDLE = "idle"
    STOPPED = "stopped"
    FAULT = "fault"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class TagPlan:
    """A tag.

    name           as in the log, or its last path component
    low, high      range of the instrument
    stale_after_ns time without a good value after which the tag is stale; None: never
    convert_from   unit of the readings in the log; None: it is `unit`
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
    convert_from: str | None = None

    def in_unit(self, value: float) -> float:
        """Return the value of a reading in the unit of the tag."""
        return value if self.convert_from is None else convert(value, self.convert_from, self.unit)

    def shown(self, value: ReadingValue, unit: str) -> tuple[ReadingValue, str]:
        """Return the value of a reading and its unit as they are shown."""
        if self.convert_from is None or not isinstance(value, float | int):
            return value, unit
        return self.in_unit(float(value)), self.unit


@dataclass(frozen=True, slots=True)
class MachinePlan:
    """A machine.

    channel         log channel of its readings; None: any channel
    source          source of its readings, if several machines have tags of the same name; None: any source
    tags            names of its tags; the special tags belong to it as well
    state_values    status by value of the state tag, as text
    count_tag       counter of units produced; `reject_tag` counts those of them that are not good
    reason_tag      reason of a stop, for the downtime by reason
    ideal_cycle_s   seconds per unit at the designed speed
    """

    id: str
    name: str = ""
    station: str = ""
    channel: str | None = None
    source: str | None = None
    tags: frozenset[str] = frozenset()
    state_tag: str | None = None
    state_values: Mapping[str, MachineStatus] = field(default_factory=dict)
    batch_tag: str | None = None
    step_tag: str | None = None
    count_tag: str | None = None
    reject_tag: str | None = None
    reason_tag: str | None = None
    ideal_cycle_s: float | None = None

    def roles(self) -> Iterator[tuple[str, str]]:
        """Yield the special tags with their role: state, batch, step, count or reject."""
        for role in ("state", "batch", "step", "count", "reject"):
            tag = getattr(self, f"{role}_tag")
            if tag is not None:
                yield role, tag

    def names(self) -> frozenset[str]:
        """Return the names of all its tags."""
        reason = {self.reason_tag} if self.reason_tag else set()
        return self.tags | {name for _, name in self.roles()} | reason


@dataclass(frozen=True)
class TwinPlan:
    """The twin's part of a plant file. `digest` changes if the state must be computed from the beginning.

    gln  organisation whose people may confirm proposals
    """

    name: str
    machines: tuple[MachinePlan, ...] = ()
    tags: tuple[TagPlan, ...] = ()
    charts: tuple[ChartPlan, ...] = ()
    forecasts: tuple[ForecastPlan, ...] = ()
    rules: tuple[ProposalRule, ...] = ()
    alarms: AlarmSettings = field(default_factory=AlarmSettings)
    gln: Gln | None = None
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
        having = {machine.id: machine for name in names_of(tag, source) for machine in self._machines.get(name, ())}
        found = [
            machine
            for machine in having.values()
            if machine.channel in (None, channel) and machine.source in (None, source)
        ]
        if len(found) > 1:
            found = [machine for machine in found if source in (machine.id, machine.name, machine.source)]
        return found[0] if len(found) == 1 else None

    def tag_of(self, tag: str, source: str = "") -> TagPlan | None:
        """Return the plan of a tag of the log, by source/tag, its whole name or its last path component."""
        return next((self._tags[name] for name in names_of(tag, source) if name in self._tags), None)

    def chart_of(self, tag: str, source: str = "") -> ChartPlan | None:
        """Return the chart of a tag of the log. See `tag_of`."""
        return next((self._charts[name] for name in names_of(tag, source) if name in self._charts), None)

    def forecast_of(self, tag: str, source: str = "") -> ForecastPlan | None:
        """Return the forecast of a tag of the log. See `tag_of`."""
        return next((self._forecasts[name] for name in names_of(tag, source) if name in self._forecasts), None)

    @cached_property
    def _machines(self) -> Mapping[str, list[MachinePlan]]:
        """The machines of each tag."""
        machines: dict[str, list[MachinePlan]] = {}
        for machine in self.machines:
            for name in machine.names():
                machines.setdefault(name, []).append(machine)
        return machines

    @cached_property
    def _charts(self) -> Mapping[str, ChartPlan]:
        return {plan.tag: plan for plan in self.charts}

    @cached_property
    def _forecasts(self) -> Mapping[str, ForecastPlan]:
        return {plan.tag: plan for plan in self.forecasts}

    @cached_property
    def _tags(self) -> Mapping[str, TagPlan]:
        return {plan.name: plan for plan in self.tags}


def names_of(tag: str, source: str) -> tuple[str, ...]:
    """Return the names by which a plant file may call a tag of the log."""
    return f"{source}/{tag}", tag, tag.rpartition("/")[2]


def plan_of(plant: Plant) -> TwinPlan:
    """Return the twin's part of a plant."""
    channels = {source.id: source.channel for source in plant.sources}
    alarms = plant.section(ALARMS)
    machines = tuple(
        MachinePlan(
            id=machine.id,
            name=machine.name,
            station=machine.station,
            channel=channels.get(machine.source or ""),
            tags=frozenset(machine.tags) | {tag.name for tag in plant.tags if tag.machine == machine.id},
            state_tag=machine.state_tag,
            state_values={value: MachineStatus(state) for value, state in machine.states.items()},
            batch_tag=machine.batch_tag,
            step_tag=machine.step_tag,
            count_tag=machine.count_tag,
            reject_tag=machine.reject_tag,
            reason_tag=machine.reason_tag,
            ideal_cycle_s=machine.ideal_cycle_s,
        )
        for machine in plant.machines
    )
    tags = tuple(_tag(tag, alarms) for tag in plant.tags)
    charts, forecasts = plant.section(CHARTS), plant.section(FORECASTS)
    rules, gln = plant.section(PROPOSALS), plant.section(TWIN).gln
    plan = TwinPlan(plant.name, machines, tags, charts, forecasts, rules, alarms, gln)
    # The state depends on these fields only.
    machine_fields = [sorted_fields(machine) for machine in machines]
    content = (_FORMAT, machine_fields, tags, charts, forecasts, sorted_fields(alarms))
    return replace(plan, digest=hashlib.sha256(repr(content).encode()).hexdigest())


def sorted_fields(record: Any) -> str:
    """Return the fields of a record as text, with sets and mappings in order."""
    parts = []
    for item in fields(record):
        value = getattr(record, item.name)
        if isinstance(value, frozenset):
            value = sorted(value)
        elif isinstance(value, Mapping):
            value = sorted(value.items())
        parts.append(f"{item.name}={value!r}")
    return "; ".join(parts)


def _tag(tag: Tag, alarms: AlarmSettings) -> TagPlan:
    own = alarms.tags.get(tag.name) or TagAlarms(tag.name)
    return TagPlan(
        tag.name,
        tag.unit,
        tag.low if math.isfinite(tag.low) else None,
        tag.high if math.isfinite(tag.high) else None,
        tag.limit_low,
        tag.limit_high,
        own.priority,
        own.stale_after_ns,
        tag.machine,
        tag.convert_from,
    )
