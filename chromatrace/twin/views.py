"""The state of machines and batches, for pages and commands.

`TwinReader` reads the state that `chromatrace twin run` stored last. With the spool it also applies the readings since
then, without storing anything. Every view names the log size behind it.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from sqlalchemy import func, select

from chromatrace.domain.errors import NotFound
from chromatrace.domain.reading import ReadingValue
from chromatrace.plant.alarm_settings import Priority
from chromatrace.twin.follower import ReadingLog, replay
from chromatrace.twin.plan import NS_PER_S, MachinePlan, MachineStatus, TwinPlan
from chromatrace.twin.state.effectiveness import Effectiveness, effectiveness
from chromatrace.twin.state.mirror import Mirror
from chromatrace.twin.state.records import BatchState, ChannelState, HourCounts, MachineState, SeriesState, decode
from chromatrace.twin.store.alarms import AlarmFilter, AlarmView, alarms
from chromatrace.twin.store.database import TwinStore
from chromatrace.twin.store.models import LiveRow, SnapshotRow, TwinRow

DEFAULT_HOURS = 8
_WATCH_NS = 60 * NS_PER_S
_RENEW_NS = 30 * NS_PER_S
_HOUR_NS = 3600 * NS_PER_S


@dataclass(frozen=True, slots=True)
class ValueView:
    """The last value of a tag. `age_s`: seconds since its source time; `index`: of its reading in the log."""

    channel: str
    source: str
    tag: str
    value: ReadingValue
    unit: str
    quality: int
    source_time_ns: int
    received_ns: int
    index: int
    age_s: float
    stale: bool
    late: int
    limit_low: float | None
    limit_high: float | None


@dataclass(frozen=True, slots=True)
class BatchView:
    """A batch at a machine; readings `first_index` to `last_index` (None: still open) of the channel are its window."""

    batch: str
    machine: str
    channel: str
    step: str | None
    started_ns: int
    ended_ns: int | None
    first_index: int
    last_index: int | None
    units: int
    rejected: int


@dataclass(frozen=True, slots=True)
class MachineView:
    """A machine. `log_size`: readings of `channel` behind the state; None: no reading yet.

    alarms  its alarms that are not normal
    """

    id: str
    name: str
    station: str
    status: MachineStatus
    status_text: str
    status_since_ns: int | None
    age_s: float | None
    channel: str | None
    log_size: int | None
    step: str | None
    batch: BatchView | None
    earlier_batches: tuple[BatchView, ...]
    effectiveness: Effectiveness
    values: tuple[ValueView, ...]
    alarms: tuple[AlarmView, ...] = ()

    @property
    def highest_priority(self) -> Priority | None:
        """The highest priority of its alarms."""
        return min((alarm.priority for alarm in self.alarms), key=lambda priority: priority.rank, default=None)


@dataclass(frozen=True, slots=True)
class PlantView:
    """The whole plant. `unassigned`: tags that belong to no machine."""

    plant: str
    now_ns: int
    log_sizes: Mapping[str, int]
    machines: tuple[MachineView, ...]
    unassigned: tuple[ValueView, ...]
    flood: bool
    alarms: tuple[AlarmView, ...] = field(default=())

    @property
    def batches(self) -> tuple[BatchView, ...]:
        """The current batches."""
        return tuple(machine.batch for machine in self.machines if machine.batch is not None)

    def machine(self, machine_id: str) -> MachineView:
        """Return a machine. Raises `NotFound`."""
        for machine in self.machines:
            if machine.id == machine_id:
                return machine
        raise NotFound(f"{self.plant} has no machine {machine_id!r}", field="machine")


class TwinReader:
    """Reads the state. Thread-safe.

    log  the spool, to apply readings since the stored state; None: the stored state, which `chromatrace twin run`
         stores several times a second while it is read
    """

    def __init__(self, store: TwinStore, plan: TwinPlan, log: ReadingLog | None = None) -> None:
        self._store, self._plan, self._log = store, plan, log
        self._lock = threading.Lock()
        self._mirror = Mirror(plan)
        self._states: dict[str, ChannelState] = {}
        self._watched_until_ns = 0

    def log_sizes(self) -> Mapping[str, int]:
        """Return the log sizes of the newest stored states; cheap, to find out whether there is something new."""
        self._watch()
        sizes: dict[str, int] = {}
        with self._store.read() as session:
            for table in (SnapshotRow, LiveRow):
                rows = session.execute(
                    select(table.channel, func.max(table.log_size))
                    .where(table.plan == self._plan.digest)
                    .group_by(table.channel)
                )
                for channel, size in rows:
                    sizes[channel] = max(size, sizes.get(channel, 0))
        return sizes

    def plant(self, *, hours: int = DEFAULT_HOURS, now_ns: int | None = None, with_alarms: bool = True) -> PlantView:
        """Return the state of the plant; the effectiveness covers the last `hours`."""
        now = time.time_ns() if now_ns is None else now_ns
        open_alarms = alarms(self._store, now, AlarmFilter(), limit=1000) if with_alarms else []
        with self._lock:
            if self._log is None:
                self._read_states()
            else:
                self._catch_up(self._log)
            states = [state for _, state in sorted(self._states.items())]
            return plant_view(self._plan, states, now, hours=hours, open_alarms=open_alarms)

    def _read_states(self) -> None:
        for channel, size in self.log_sizes().items():
            known = self._states.get(channel)
            if known is not None and known.size >= size:
                continue
            with self._store.read() as session:
                row = session.get(LiveRow, channel)
                if row is None or row.log_size < size or row.plan != self._plan.digest:
                    snapshot = session.get(SnapshotRow, (channel, size))
                    content = snapshot.state if snapshot is not None else None
                else:
                    content = row.state
            if content is not None:
                self._states[channel] = decode(content)

    def _catch_up(self, log: ReadingLog) -> None:
        """Apply the readings since the newest snapshot."""
        for channel in log.names():
            if channel not in self._mirror.channels:
                with self._store.read() as session:
                    newest = select(SnapshotRow).where(
                        SnapshotRow.channel == channel, SnapshotRow.plan == self._plan.digest
                    )
                    row = session.scalars(newest.order_by(SnapshotRow.log_size.desc()).limit(1)).one_or_none()
                if row is not None:
                    self._mirror.load(row.state)
            mirror = self._mirror.channel(channel)
            replay(log, mirror, max(mirror.state.size, log.size(channel)))
            self._states[channel] = mirror.state

    def _watch(self) -> None:
        """Ask the follower to store its state more often for a minute."""
        now = time.time_ns()
        if self._log is not None or self._watched_until_ns - now > _RENEW_NS:
            return
        with self._store.begin() as session:
            row = session.scalars(select(TwinRow)).one_or_none()
            if row is not None:
                self._watched_until_ns = row.watched_until_ns = now + _WATCH_NS


def plant_view(
    plan: TwinPlan,
    states: Iterable[ChannelState],
    now_ns: int,
    *,
    hours: int = DEFAULT_HOURS,
    open_alarms: Iterable[AlarmView] = (),
) -> PlantView:
    """Return the view of these states."""
    channels = list(states)
    every_alarm = tuple(open_alarms)
    values: dict[str | None, list[ValueView]] = {}
    for channel in channels:
        for series in channel.series.values():
            if series.index >= 0:
                values.setdefault(series.machine, []).append(_value(plan, channel, series, now_ns))
    machines = tuple(
        _machine(machine, channels, values.get(machine.id, ()), every_alarm, now_ns, hours) for machine in plan.machines
    )
    return PlantView(
        plan.name,
        now_ns,
        {channel.channel: channel.size for channel in channels},
        machines,
        tuple(values.get(None, ())),
        any(channel.flood for channel in channels),
        every_alarm,
    )


def _value(plan: TwinPlan, channel: ChannelState, series: SeriesState, now_ns: int) -> ValueView:
    tag = plan.tag_of(series.tag, series.source)
    value, unit = (series.value, series.unit) if tag is None else tag.shown(series.value, series.unit)
    return ValueView(
        channel.channel,
        series.source,
        series.tag,
        value,
        unit,
        series.quality,
        series.source_time_ns,
        series.received_ns,
        series.index,
        (now_ns - series.source_time_ns) / NS_PER_S,
        series.stale,
        series.late,
        tag.limit_low if tag is not None else None,
        tag.limit_high if tag is not None else None,
    )


def _machine(
    plan: MachinePlan,
    channels: Iterable[ChannelState],
    values: Iterable[ValueView],
    open_alarms: Iterable[AlarmView],
    now_ns: int,
    hours: int,
) -> MachineView:
    shown = tuple(sorted(values, key=lambda value: (value.source, value.tag)))
    # A machine without a source may be in several channels; the one with the newest reading counts.
    found = [(channel, channel.machines[plan.id]) for channel in channels if plan.id in channel.machines]
    channel, state = max(found, key=lambda item: item[1].last_time_ns, default=(None, MachineState(plan.id)))
    newest = max((value.source_time_ns for value in shown), default=None)
    name = channel.channel if channel is not None else ""
    return MachineView(
        id=plan.id,
        name=plan.name or plan.id,
        station=plan.station,
        status=state.status,
        status_text=state.status_text,
        status_since_ns=state.status_since_ns or None,
        age_s=None if newest is None else (now_ns - newest) / NS_PER_S,
        channel=channel.channel if channel is not None else None,
        log_size=channel.size if channel is not None else None,
        step=state.step,
        batch=_batch(plan.id, name, state.batch) if state.batch is not None else None,
        earlier_batches=tuple(_batch(plan.id, name, batch) for batch in reversed(state.earlier)),
        effectiveness=effectiveness(_recent(state, hours), plan.ideal_cycle_s),
        values=shown,
        alarms=tuple(alarm for alarm in open_alarms if alarm.machine == plan.id),
    )


def _recent(state: MachineState, hours: int) -> Iterable[HourCounts]:
    """Return the counts of the last `hours` that begin at a full hour, by the time of the machine's readings."""
    first = state.last_time_ns // _HOUR_NS - hours + 1
    return (counts for hour, counts in state.hours.items() if hour >= first)


def _batch(machine: str, channel: str, batch: BatchState) -> BatchView:
    return BatchView(
        batch.batch,
        machine,
        channel,
        batch.step,
        batch.started_ns,
        batch.ended_ns,
        batch.first_index,
        batch.last_index,
        batch.units,
        batch.rejected,
    )
