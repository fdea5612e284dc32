"""Apply the readings of one channel, in the order of its log."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import msgspec

from chromatrace.domain.errors import IntegrityError
from chromatrace.domain.reading import GOOD, ReadingValue
from chromatrace.ingest.records import ReadingFields
from chromatrace.twin.alarms.active import ActiveAlarms
from chromatrace.twin.alarms.events import condition_state, is_event_tag, machine_of_event
from chromatrace.twin.alarms.limits import Limit, limits_of
from chromatrace.twin.effects import Effect
from chromatrace.twin.plan import NS_PER_S, MachineStatus, Priority, TagPlan, TwinPlan, names_of
from chromatrace.twin.state.chart import ChartFollower
from chromatrace.twin.state.forecaster import TagForecaster
from chromatrace.twin.state.machine import MachineFollower
from chromatrace.twin.state.model import ModelFollower, ModelPlan
from chromatrace.twin.state.records import (
    ChannelState,
    ChartState,
    ForecasterState,
    MachineState,
    ModelState,
    SeriesState,
    encode,
)

_NAMED_TAGS = 10
_CHECK_NS = NS_PER_S
"""Log time between two checks of stale tags and floods."""


@dataclass(slots=True)
class _Series:
    """A tag of the log with what follows it. `stale_after_ns`: 0 if it is never stale."""

    key: str
    state: SeriesState
    plan: TagPlan | None
    machine: MachineFollower | None
    role: str | None
    limits: tuple[Limit, ...]
    stale_after_ns: int
    is_event: bool
    chart: ChartFollower | None
    forecaster: TagForecaster | None
    models: list[tuple[ModelFollower, int]]


class ChannelMirror:
    """The state of one channel. `apply` changes it; `state` is its stored form."""

    def __init__(self, plan: TwinPlan, state: ChannelState, models: Sequence[ModelPlan] = ()) -> None:
        self.plan, self.state = plan, state
        self.alarms = ActiveAlarms(plan.alarms, state)
        limits = [plan.alarms.stale_after_ns, *(tag.stale_after_ns for tag in plan.tags)]
        # A pause of the whole channel must not make its tags stale when it resumes.
        self._pause_ns = min((limit for limit in limits if limit is not None), default=0) // 2
        self._machines: dict[str, MachineFollower] = {}
        self._series: dict[tuple[str, str], _Series] = {}
        self._models: dict[str, ModelFollower] = {}
        for series in state.series.values():
            self._follow(series.source, series.tag)
        self.set_models(models)

    def set_models(self, models: Sequence[ModelPlan]) -> None:
        """Set the models of the channel. Each one monitors the readings from its start to its end."""
        self._model_plans = [plan for plan in models if plan.channel == self.state.channel]
        self._select_models()

    def _select_models(self) -> None:
        """Start and end models at the present log size."""
        size, active = self.state.size, {}
        for plan in self._model_plans:
            if plan.start <= size and (plan.end is None or size < plan.end):
                active[f"{plan.name} {plan.start}"] = plan
        for key in self.state.models.keys() - active.keys():
            del self.state.models[key]
        self._models = {
            key: self._models.get(key) or ModelFollower(plan, self.state.models.setdefault(key, ModelState()))
            for key, plan in active.items()
        }
        for series in self._series.values():
            series.models = self._models_of(series.state.source, series.state.tag)

    def _models_of(self, source: str, tag: str) -> list[tuple[ModelFollower, int]]:
        found = []
        for model in self._models.values():
            position = next((model.positions[name] for name in names_of(tag, source) if name in model.positions), None)
            if position is not None:
                found.append((model, position))
        return found

    def apply(self, start: int, readings: Iterable[ReadingFields]) -> list[Effect]:
        """Apply readings from index `start` on, which must be the next one. Return what they cause."""
        limits = {size for plan in self._model_plans for size in (plan.start, plan.end) if size and size > start}
        if not limits:
            return self._apply(start, readings)
        effects: list[Effect] = []
        rest = list(readings)
        for size in (*sorted(limits), start + len(rest)):
            part, rest = rest[: size - start], rest[size - start :]
            if part:
                effects += self._apply(start, part)
                start += len(part)
            if start == size:
                effects += self.end_models(self._model_plans)
                self._select_models()
        return effects

    def end_models(self, plans: Sequence[ModelPlan]) -> list[Effect]:
        """Clear the alarms of models that end at the present log size."""
        size = self.state.size
        ended = {plan.name for plan in plans if plan.end == size and plan.channel == self.state.channel}
        keys = [key for key in self.state.alarms for name in ended if key.startswith(f"model:{name}:")]
        return [effect for key in keys for effect in self.alarms.clear(key, size, self.state.clock_ns)]

    def _apply(self, start: int, readings: Iterable[ReadingFields]) -> list[Effect]:
        state, known = self.state, self._series
        if start != state.size:
            raise IntegrityError(f"{state.channel!r}: expected reading {state.size}, got {start}", field="log_size")
        effects: list[Effect] = []
        index = start - 1
        for index, reading in enumerate(readings, start):
            source, tag, time_ns, received_ns, value, unit, quality, _, _ = reading
            series = known.get((source, tag)) or self._follow(source, tag)
            last = series.state
            if received_ns > state.clock_ns:
                if state.clock_ns:
                    state.active_ns += min(received_ns - state.clock_ns, self._pause_ns)
                state.clock_ns = received_ns
                if received_ns - state.checked_ns >= _CHECK_NS:
                    effects += self._check(index)
            if time_ns < last.source_time_ns:
                last.late += 1
                continue
            last.index, last.source_time_ns, last.received_ns = index, time_ns, received_ns
            last.value, last.unit, last.quality = value, unit, quality
            good = quality == GOOD and value is not None
            if series.chart is not None or series.forecaster is not None:
                effects += self._number(series, _number_of(value, series.plan) if good else None, index + 1)
            if good and series.models:
                effects += self._model_rows(series, value, index + 1)
            if good:
                last.good_ns, last.good_active_ns = state.clock_ns, state.active_ns
                if last.stale or series.role is not None or series.limits or series.is_event:
                    effects += self._good(series, index)
            elif not last.good_ns:
                last.good_ns, last.good_active_ns = state.clock_ns, state.active_ns
        state.size = index + 1
        return effects

    def _good(self, series: _Series, index: int) -> Iterator[Effect]:
        last, log_size = series.state, index + 1
        if last.stale:
            last.stale = False
            yield from self.alarms.clear(f"stale:{series.key}", log_size, last.source_time_ns)
        if series.machine is not None and series.role is not None:
            yield from self._machine(series.machine, series.role, index, last)
        if series.limits and isinstance(last.value, float | int):
            yield from self._limits(series, float(last.value), log_size)
        if series.is_event:
            yield from self._event(series, log_size)

    def _number(self, series: _Series, value: float | None, log_size: int) -> Iterator[Effect]:
        """Apply a reading to the chart and the forecast of its tag."""
        if series.chart is not None:
            yield from self._chart(series, series.chart, value, log_size)
        if series.forecaster is not None:
            last = series.state
            yield from series.forecaster.apply(value, log_size, last, self.batch_of(last.machine))

    def _chart(self, series: _Series, chart: ChartFollower, value: float | None, log_size: int) -> Iterator[Effect]:
        last, change = series.state, chart.apply(value)
        about = {
            "machine": last.machine,
            "source": last.source,
            "tag": last.tag,
            "batch": self.batch_of(last.machine),
        }
        dead_key = f"dead:{series.key}"
        if change.dead:
            message = f"{last.tag} repeats the value {value:g}; the sensor may be dead"
            priority = self.plan.alarms.stale_priority
            yield from self.alarms.raise_(
                dead_key, "stale", priority, log_size, last.source_time_ns, message, data={"value": value}, **about
            )
        elif value is not None:
            yield from self.alarms.clear(dead_key, log_size, last.source_time_ns)
        key = f"chart:{series.key}"
        if change.active:
            unit = last.unit if series.plan is None else series.plan.shown(value, last.unit)[1]
            message = f"{last.tag}: {', '.join(change.signals)} at {value:g} {unit}".rstrip()
            yield from self.alarms.raise_(
                key,
                "chart",
                chart.plan.priority,
                log_size,
                last.source_time_ns,
                message,
                data={
                    "value": value,
                    "signals": list(change.signals),
                    "centre": chart.plan.centre,
                    "sigma": chart.plan.sigma,
                    "ewma": chart.chart.ewma,
                    "cusum_high": chart.chart.cusum_high,
                    "cusum_low": chart.chart.cusum_low,
                },
                **about,
            )
        elif change.active is False:
            yield from self.alarms.clear(key, log_size, last.source_time_ns)

    def _model_rows(self, series: _Series, value: ReadingValue, log_size: int) -> Iterator[Effect]:
        """Apply a good value to the models of its tag."""
        number, last = _number_of(value, series.plan), series.state
        if number is None:
            return
        for model, position in series.models:
            name = model.plan.name
            raised, ended = model.apply(position, last.source_time_ns, number)
            for alarm in raised:
                shares = {tag: round(share, 4) for tag, share in list(alarm.contributions.items())[:_NAMED_TAGS]}
                named = ", ".join(f"{tag} {alarm.contributions[tag]:.0%}" for tag in alarm.main_tags)
                yield from self.alarms.raise_(
                    f"model:{name}:{alarm.statistic}",
                    "chart",
                    Priority.HIGH,
                    log_size,
                    last.source_time_ns,
                    f"{name}: {alarm.statistic} is above its limit; main tags: {named}",
                    machine=last.machine,
                    source=last.source,
                    batch=self.batch_of(last.machine),
                    data={
                        "statistic": alarm.statistic,
                        "contributions": shares,
                        "first_row": alarm.first_row,
                        "raised_row": alarm.raised_row,
                        "model": model.plan.model.digest.hex(),
                    },
                )
            for alarm in ended:
                yield from self.alarms.clear(f"model:{name}:{alarm.statistic}", log_size, last.source_time_ns)

    def _machine(self, machine: MachineFollower, role: str, index: int, last: SeriesState) -> Iterator[Effect]:
        machine.apply(role, index, last.source_time_ns, last.value)
        if role != "state":
            return
        state, key = machine.state, f"fault:{machine.plan.id}"
        if state.status is MachineStatus.FAULT:
            name = machine.plan.name or machine.plan.id
            yield from self.alarms.raise_(
                key,
                "fault",
                self.plan.alarms.fault_priority,
                index + 1,
                last.source_time_ns,
                f"{name} reports a fault ({state.status_text})",
                machine=machine.plan.id,
                source=last.source,
                tag=last.tag,
                batch=state.batch.batch if state.batch else None,
                data={"value": last.value},
            )
        else:
            yield from self.alarms.clear(key, index + 1, last.source_time_ns)

    def _limits(self, series: _Series, value: float, log_size: int) -> Iterator[Effect]:
        last, plan = series.state, series.plan
        assert plan is not None
        value, unit = plan.in_unit(value), last.unit if plan.convert_from is None else plan.unit
        for limit in series.limits:
            key = f"limit-{limit.name}:{series.key}"
            if limit.exceeded(value):
                beyond = "above" if limit.sign > 0 else "below"
                yield from self.alarms.raise_(
                    key,
                    "limit",
                    plan.priority,
                    log_size,
                    last.source_time_ns,
                    f"{last.tag} is {value:g} {unit}".rstrip() + f", {beyond} its limit {limit.raise_at:g}",
                    machine=last.machine,
                    source=last.source,
                    tag=last.tag,
                    batch=self.batch_of(last.machine),
                    data={"value": value, "limit": limit.raise_at, "clears_at": limit.clear_at, "unit": unit},
                )
            elif limit.cleared(value):
                yield from self.alarms.clear(key, log_size, last.source_time_ns)

    def _event(self, series: _Series, log_size: int) -> Iterator[Effect]:
        last, key = series.state, f"event:{series.key}"
        condition = condition_state(last.tag, last.value)
        if condition is None:
            return
        if not condition.active:
            yield from self.alarms.clear(key, log_size, last.source_time_ns)
            return
        yield from self.alarms.raise_(
            key,
            "event",
            condition.priority,
            log_size,
            last.source_time_ns,
            condition.message,
            machine=last.machine,
            source=last.source,
            tag=last.tag,
            batch=self.batch_of(last.machine),
            data=condition.facts,
        )

    def _check(self, index: int) -> Iterator[Effect]:
        """Find tags that became stale by the log's time before the reading `index`."""
        state = self.state
        state.checked_ns = state.clock_ns
        for series in self._series.values():
            last = series.state
            if not series.stale_after_ns or last.stale or not last.good_ns:
                continue
            if state.active_ns - last.good_active_ns > series.stale_after_ns:
                silent_ns = state.clock_ns - last.good_ns
                last.stale = True
                priority = series.plan.priority if series.plan is not None else self.plan.alarms.stale_priority
                yield from self.alarms.raise_(
                    f"stale:{series.key}",
                    "stale",
                    priority,
                    index,
                    state.clock_ns,
                    f"{last.tag} has no good value since {silent_ns / NS_PER_S:.0f} s",
                    machine=last.machine,
                    source=last.source,
                    tag=last.tag,
                    batch=self.batch_of(last.machine),
                    data={"last_good_ns": last.good_ns, "last_index": last.index, "quality": last.quality},
                )
        yield from self.alarms.check_flood(index)

    def encoded(self) -> bytes:
        """Return the stored form of the state."""
        for series in self._series.values():
            if series.chart is not None:
                series.chart.store()
        for model in self._models.values():
            model.store()
        return encode(self.state)

    def shown(self) -> bytes:
        """Return the stored form of the part of the state that pages show: without charts and forecasts."""
        return encode(msgspec.structs.replace(self.state, charts={}, forecasters={}, models={}))

    def batch_of(self, machine_id: str | None) -> str | None:
        """Return the current batch at a machine."""
        machine = self.state.machines.get(machine_id or "")
        return machine.batch.batch if machine is not None and machine.batch is not None else None

    def _follow(self, source: str, tag: str) -> _Series:
        """Return what follows a tag, from its first reading on."""
        key = f"{source}\x1f{tag}"
        is_event = is_event_tag(tag)
        plan = None if is_event else self.plan.tag_of(tag, source)
        if is_event:
            machine = machine_of_event(self.plan, self.state.channel, tag)
        else:
            machine = self.plan.machine_of(self.state.channel, source, tag)
        state = self.state.series.setdefault(key, SeriesState(source, tag, machine.id if machine else None))
        follower = role = None
        if machine is not None:
            record = self.state.machines.setdefault(machine.id, MachineState(machine.id))
            follower = self._machines.setdefault(machine.id, MachineFollower(machine, record))
            roles = {name: role for role, name in machine.roles()}
            role = next((roles[name] for name in names_of(tag, source) if name in roles), None)
        stale = plan.stale_after_ns if plan is not None and plan.stale_after_ns else self.plan.alarms.stale_after_ns
        stale = None if is_event else stale
        limits = limits_of(plan, self.plan.alarms.deadband) if plan is not None else ()
        series = _Series(
            key=f"{source}/{tag}",
            state=state,
            plan=plan,
            machine=follower,
            role=role,
            limits=limits,
            stale_after_ns=stale or 0,
            is_event=is_event,
            chart=self._chart_of(key, source, tag),
            forecaster=self._forecaster_of(key, source, tag),
            models=self._models_of(source, tag),
        )
        self._series[source, tag] = series
        return series

    def _chart_of(self, key: str, source: str, tag: str) -> ChartFollower | None:
        plan = self.plan.chart_of(tag, source)
        return None if plan is None else ChartFollower(plan, self.state.charts.setdefault(key, ChartState()))

    def _forecaster_of(self, key: str, source: str, tag: str) -> TagForecaster | None:
        plan = self.plan.forecast_of(tag, source)
        if plan is None:
            return None
        state = self.state.forecasters.setdefault(key, ForecasterState(source, tag))
        return TagForecaster(plan, self.state.channel, state)


def _number_of(value: ReadingValue, plan: TagPlan | None) -> float | None:
    """Return a number in the unit of the tag; None for a text."""
    if not isinstance(value, float | int):
        return None
    return float(value) if plan is None else plan.in_unit(float(value))
