"""The stored form of the state. All fields are plain values, so equal states have equal bytes (MessagePack)."""

from __future__ import annotations

import msgspec

from chromatrace.domain.reading import ReadingValue
from chromatrace.twin.plan import MachineStatus


class SeriesState(msgspec.Struct, array_like=True):
    """The last value of a tag.

    index          of its reading in the log of the channel
    good_ns        receipt of the last good value, in the log's time; `good_active_ns`: without pauses of the channel
    late           readings that were older than the last value; they do not change the state
    """

    source: str
    tag: str
    machine: str | None = None
    index: int = -1
    source_time_ns: int = 0
    received_ns: int = 0
    value: ReadingValue = None
    unit: str = ""
    quality: int = 0
    good_ns: int = 0
    good_active_ns: int = 0
    late: int = 0
    stale: bool = False


class HourCounts(msgspec.Struct, array_like=True):
    """Nanoseconds in each status, and units, of one hour."""

    running: int = 0
    idle: int = 0
    stopped: int = 0
    fault: int = 0
    unknown: int = 0
    units: int = 0
    rejected: int = 0


class BatchState(msgspec.Struct, array_like=True):
    """A batch at a machine. Readings `first_index` to `last_index` of the channel are its window, `None`: open."""

    batch: str
    started_ns: int
    first_index: int
    step: str | None = None
    ended_ns: int | None = None
    last_index: int | None = None
    units: int = 0
    rejected: int = 0


class MachineState(msgspec.Struct, array_like=True):
    """The state of a machine in one channel. `hours`: by Unix hour, the newest `KEPT_HOURS`."""

    id: str
    status: MachineStatus = MachineStatus.UNKNOWN
    status_text: str = ""
    status_since_ns: int = 0
    counted_ns: int = 0
    last_time_ns: int = 0
    index: int = -1
    step: str | None = None
    batch: BatchState | None = None
    units: float | None = None
    rejected: float | None = None
    earlier: list[BatchState] = []
    hours: dict[int, HourCounts] = {}


class ActiveAlarm(msgspec.Struct, array_like=True):
    """A condition that is true. `time_ns` is that of the reading that raised it."""

    key: str
    kind: str
    priority: str
    log_size: int
    time_ns: int
    message: str
    suppressed: bool = False
    machine: str | None = None
    source: str | None = None
    tag: str | None = None
    batch: str | None = None


class PendingForecast(msgspec.Struct, array_like=True):
    """A forecast whose outcome is not known: it is about the reading with this `number` of its tag.

    state  the state of the tag when the forecast was made
    """

    number: int
    log_size: int
    step: int
    state: int


class ForecasterState(msgspec.Struct, array_like=True):
    """The Markov chain of a tag, and what its baselines have seen.

    number          readings so far
    state           of the last reading; -1: unknown
    counts          weights of the transitions
    visits          readings in each state
    scored, stayed  scored forecasts by step, and those whose state had stayed
    """

    source: str
    tag: str
    number: int = 0
    state: int = -1
    counts: list[list[float]] = []
    visits: list[int] = []
    scored: list[int] = []
    stayed: list[int] = []
    pending: list[PendingForecast] = []


class ChartState(msgspec.Struct, array_like=True):
    """The chart of a tag: the values of `TagChart.state`, and the number of readings since the last signal."""

    values: list[int | float | None] = []
    quiet: int = 0


class ModelState(msgspec.Struct, array_like=True):
    """A model of several tags: the state of its monitor, the row that is being filled, and its end."""

    monitor: bytes = b""
    row_end_ns: int = 0
    values: list[float] = []
    times_ns: list[int] = []


class ChannelState(msgspec.Struct, array_like=True):
    """The state of a channel after its first `size` readings.

    clock_ns    the latest time of receipt; `active_ns`: time that passed, without long pauses of the channel
    checked_ns  time of the last check of stale tags and floods
    raised_ns   times of the newest alarms
    """

    channel: str
    size: int = 0
    clock_ns: int = 0
    active_ns: int = 0
    checked_ns: int = 0
    flood: bool = False
    raised_ns: list[int] = []
    series: dict[str, SeriesState] = {}
    machines: dict[str, MachineState] = {}
    alarms: dict[str, ActiveAlarm] = {}
    forecasters: dict[str, ForecasterState] = {}
    charts: dict[str, ChartState] = {}
    models: dict[str, ModelState] = {}


# The order of each dictionary follows from the log, and decoding keeps it: equal states have equal bytes.
_ENCODER = msgspec.msgpack.Encoder()
_DECODER = msgspec.msgpack.Decoder(ChannelState)


def decode(state: bytes) -> ChannelState:
    """Return the state of a stored form."""
    return _DECODER.decode(state)


def encode(state: ChannelState) -> bytes:
    """Return the stored form of a channel's state."""
    return _ENCODER.encode(state)
