"""Time of a machine in each status, downtime by reason, runs and counts.

    utilisation        time running of the time with a known status
    downtime           time idle, stopped or in fault, by reason
    mean time between failures, mean time to repair
                       time running, and time in fault, divided by the number of faults

The reason of a stop is the last one that the reason tag reports during it; otherwise the one before it, if it was
reported after the machine ran last. Otherwise the reason is unknown.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from chromatrace.domain.reading import ReadingValue
from chromatrace.twin.equipment.series import MachineLog
from chromatrace.twin.plan import NS_PER_S, MachineStatus
from chromatrace.twin.state.machine import as_text

UNKNOWN_REASON = "unknown"
_DOWN = (MachineStatus.IDLE, MachineStatus.STOPPED, MachineStatus.FAULT)


@dataclass(frozen=True, slots=True)
class Period:
    """A period in one status. Times are in Unix nanoseconds."""

    status: MachineStatus
    start_ns: int
    end_ns: int

    @property
    def seconds(self) -> float:
        return (self.end_ns - self.start_ns) / NS_PER_S


@dataclass(slots=True)
class Downtime:
    """Time that a machine did not run for one reason."""

    status: MachineStatus
    reason: str
    seconds: float = 0.0
    stops: int = 0


@dataclass(frozen=True, slots=True)
class Usage:
    """Use of a machine from `from_ns` to `to_ns`. Times without unit in the name are in seconds.

    log_sizes  number of readings of each channel that it was computed from
    units, rejected  None without a counter and readings of it
    """

    machine: str
    from_ns: int
    to_ns: int
    running_s: float
    idle_s: float
    stopped_s: float
    fault_s: float
    unknown_s: float
    runs: int
    faults: int
    units: int | None
    rejected: int | None
    downtime: tuple[Downtime, ...]
    log_sizes: dict[str, int] = field(default_factory=dict)

    @property
    def utilisation(self) -> float | None:
        """Time running of the time with a known status; None without one."""
        known = self.running_s + self.idle_s + self.stopped_s + self.fault_s
        return self.running_s / known if known else None

    @property
    def between_failures_s(self) -> float | None:
        """Mean time between failures; None without a failure."""
        return self.running_s / self.faults if self.faults else None

    @property
    def to_repair_s(self) -> float | None:
        """Mean time to repair; None without a failure."""
        return self.fault_s / self.faults if self.faults else None


def usage_of(log: MachineLog, from_ns: int, to_ns: int) -> Usage:
    """Return the use of a machine in a period. It ends at the machine's newest reading at the latest."""
    machine = log.machine
    last = log.last_time()
    end_ns = max(from_ns, min(to_ns, last if last is not None else from_ns))
    timeline = periods(log, from_ns, end_ns)
    seconds = {status: sum(item.seconds for item in timeline if item.status is status) for status in MachineStatus}
    reasons: list[tuple[int, str]] = []
    if machine.reason_tag is not None and timeline:
        reasons = [(time_ns, as_text(value)) for time_ns, value in log.values(machine.reason_tag, 0, end_ns)]
    return Usage(
        machine=machine.id,
        from_ns=from_ns,
        to_ns=end_ns,
        running_s=seconds[MachineStatus.RUNNING],
        idle_s=seconds[MachineStatus.IDLE],
        stopped_s=seconds[MachineStatus.STOPPED],
        fault_s=seconds[MachineStatus.FAULT],
        unknown_s=seconds[MachineStatus.UNKNOWN],
        runs=starts(timeline, MachineStatus.RUNNING),
        faults=starts(timeline, MachineStatus.FAULT),
        units=increase(log, machine.count_tag, from_ns, end_ns),
        rejected=increase(log, machine.reject_tag, from_ns, end_ns),
        downtime=tuple(_downtime(timeline, reasons)),
        log_sizes=log.log_sizes,
    )


def periods(log: MachineLog, from_ns: int, to_ns: int) -> list[Period]:
    """Return the statuses of a machine one after the other; none if the plant file has no state tag."""
    machine = log.machine
    if machine.state_tag is None or to_ns <= from_ns:
        return []
    before = log.value_before(machine.state_tag, from_ns)
    status = _status(machine.state_values, None if before is None else before[1])
    timeline, start_ns = [], from_ns
    for time_ns, value in log.values(machine.state_tag, from_ns, to_ns):
        following = _status(machine.state_values, value)
        if following is status:
            continue
        if time_ns > start_ns:
            timeline.append(Period(status, start_ns, time_ns))
        status, start_ns = following, time_ns
    return [*timeline, Period(status, start_ns, to_ns)]


def starts(timeline: Sequence[Period], status: MachineStatus) -> int:
    """Return how often a status began. A status that lasted from before the first period began before it."""
    return sum(period.status is status for period in timeline[1:])


def increase(log: MachineLog, tag: str | None, from_ns: int, to_ns: int) -> int | None:
    """Return the increase of a counting tag; None without the tag or readings of it."""
    if tag is None or log.series(tag) is None:
        return None
    before = log.value_before(tag, from_ns)
    return round(increases(log.values(tag, from_ns, to_ns), None if before is None else before[1]))


def increases(values: Iterable[tuple[int, ReadingValue]], last: ReadingValue = None) -> float:
    """Return the sum of the increases of a counter. A counter that falls was reset to 0."""
    total = 0.0
    for _, value in values:
        if not isinstance(value, float | int):
            continue
        if isinstance(last, float | int):
            total += value - last if value >= last else value
        last = value
    return total


def _status(values: object, value: ReadingValue) -> MachineStatus:
    assert hasattr(values, "get")
    status = values.get(as_text(value)) if value is not None else None
    return status if isinstance(status, MachineStatus) else MachineStatus.UNKNOWN


def _downtime(timeline: Sequence[Period], reasons: Sequence[tuple[int, str]]) -> Iterator[Downtime]:
    """Yield the downtime by status and reason, longest first."""
    totals: dict[tuple[MachineStatus, str], Downtime] = {}
    ran_until = 0
    for period in timeline:
        if period.status is MachineStatus.RUNNING:
            ran_until = period.end_ns
        if period.status not in _DOWN:
            continue
        reason = _reason(period, ran_until, reasons)
        total = totals.setdefault((period.status, reason), Downtime(period.status, reason))
        total.seconds += period.seconds
        total.stops += 1
    yield from sorted(totals.values(), key=lambda total: (-total.seconds, total.reason))


def _reason(period: Period, ran_until: int, reasons: Sequence[tuple[int, str]]) -> str:
    reported = [(time_ns, text) for time_ns, text in reasons if ran_until <= time_ns < period.end_ns and text]
    during = [text for time_ns, text in reported if time_ns >= period.start_ns]
    found = during or [text for _, text in reported]
    return found[-1] if found else UNKNOWN_REASON
