"""The twin of a plant with 10,000 tags, each with limits, a control chart and a forecast, at one reading per second.

- Share of one core: CPU time of the follower (spool to state, alarms, forecasts and SQLite) for one second of readings.
  The baseline reads the same readings from the spool and keeps the last value of each tag in a dict.
- Latency: from the return of `Spool.append_fields` until `TwinReader.plant`, as a page calls it, contains the reading.
  The follower and the reader run in processes of their own, at full load.
- Memory: growth of a process that follows a simulated week, from its first day to its last.
"""

from __future__ import annotations

import multiprocessing
import random
import resource
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

from bench.figure import Figure
from chromatrace.ingest.records import ReadingFields
from chromatrace.ingest.spool import Spool
from chromatrace.plant.chart_plans import ChartPlan
from chromatrace.plant.forecast_plans import ForecastPlan
from chromatrace.twin.follower import TwinFollower
from chromatrace.twin.plan import NS_PER_S, MachinePlan, TagPlan, TwinPlan
from chromatrace.twin.store.database import TwinStore
from chromatrace.twin.views import TwinReader

TAGS, MACHINES = 10_000, 100
TARGET_SHARE, TARGET_LATENCY_S, TARGET_GROWTH_MB = 1.0, 1.0, 8
_CPU_SECONDS, _LATENCY_SECONDS = 20, 30
_WEEK_TAGS, _WEEK_PERIOD_S, _WEEK_S = 10, 10, 7 * 86_400
_START_NS = 1_760_000_400 * NS_PER_S
_processes = multiprocessing.get_context("spawn")


def run(progress: Callable[[str], None]) -> list[Figure]:
    """Return the figures."""
    with tempfile.TemporaryDirectory() as folder:
        progress(f"{_CPU_SECONDS} s of {TAGS:,} tags")
        share, baseline = _cpu_share(Path(folder))
        progress(f"latency of {_LATENCY_SECONDS} s of {TAGS:,} tags")
        latency_s = _latency(Path(folder))
        progress("a simulated week")
        growth_mb = _growth(Path(folder))
    dictionary = "last values in a dict"
    return [
        Figure(
            f"twin: share of one core at {TAGS:,} tags and one reading per second each",
            *(share, "cores", "lower", TARGET_SHARE, dictionary, baseline),
        ),
        Figure(
            f"twin: spooled reading to state read for a page at {TAGS:,} tags, 99th percentile",
            *(latency_s, "s", "lower", TARGET_LATENCY_S),
        ),
        Figure(
            "twin: growth of memory over a simulated week, after the first day",
            *(growth_mb, "MB", "lower", TARGET_GROWTH_MB),
        ),
    ]


def _plan(tags: int, machines: int) -> TwinPlan:
    names = [f"t{number}" for number in range(tags)]
    size = tags // machines
    return TwinPlan(
        "bench",
        tuple(MachinePlan(f"m{k}", tags=frozenset(names[k * size : (k + 1) * size])) for k in range(machines)),
        tuple(TagPlan(name, "Pa", 0.0, 10.0, 1.0, 9.0, stale_after_ns=60 * NS_PER_S) for name in names),
        tuple(ChartPlan(name, 5.0, 0.5, ("nelson",)) for name in names),
        tuple(ForecastPlan(name, 5.0, 0.5) for name in names),
        digest="bench",
    )


def _second(second: int, tags: int, source: random.Random, time_ns: int | None = None) -> list[ReadingFields]:
    at_ns = _START_NS + second * NS_PER_S if time_ns is None else time_ns
    noise = [source.gauss(5.0, 0.25) for _ in range(100)]
    return [
        ("plc", f"t{tag}", at_ns + tag, at_ns + tag, noise[tag % 100], "Pa", 0, second, False) for tag in range(tags)
    ]


def _cpu_share(folder: Path) -> tuple[float, float]:
    source = random.Random(1)
    with Spool(folder / "cpu.db") as spool, closing(TwinStore(f"sqlite:///{folder / 'cpu-twin.db'}")) as store:
        follower = TwinFollower(spool, store, _plan(TAGS, MACHINES))
        follower.start()
        used = 0.0
        for second in range(_CPU_SECONDS + 2):
            spool.append_fields("line", _second(second, TAGS, source))
            start = time.process_time()
            while follower.poll():
                pass
            if second >= 2:  # the first ones create the tags
                used += time.process_time() - start
        start = time.process_time()
        last: dict[tuple[str, str], Any] = {}
        for fields in spool.fields("line", 2 * TAGS):
            last[fields[0], fields[1]] = fields
        baseline = time.process_time() - start
    return used / _CPU_SECONDS, baseline / _CPU_SECONDS


def _latency(folder: Path) -> float:
    """Return the 99th percentile of the time until the last reading of a second is in the state of a reader."""
    spool_path, url = folder / "latency.db", f"sqlite:///{folder / 'latency-twin.db'}"
    stop, ready = _processes.Event(), _processes.Event()
    process = _processes.Process(target=_follow, args=(str(spool_path), url, ready, stop), daemon=True)
    process.start()
    ready.wait()
    source, plan, waits = random.Random(2), _plan(TAGS, MACHINES), []
    with Spool(spool_path) as spool, closing(TwinStore(url)) as store:
        reader = TwinReader(store, plan)
        for second in range(_LATENCY_SECONDS + 3):
            began = time.monotonic()
            spool.append_fields("line", _second(second, TAGS, source, time.time_ns()))
            stored, size = time.monotonic(), spool.size("line")
            while reader.log_sizes().get("line", 0) < size:
                time.sleep(0.02)
            reader.plant(with_alarms=False)
            if second >= 3:
                waits.append(time.monotonic() - stored)
            time.sleep(max(0.0, began + 1 - time.monotonic()))
    stop.set()
    process.join()
    return sorted(waits)[min(len(waits) - 1, round(0.99 * len(waits)))]


def _follow(spool_path: str, url: str, ready: Any, stop: Any) -> None:
    with Spool(spool_path) as spool, closing(TwinStore(url)) as store:
        follower = TwinFollower(spool, store, _plan(TAGS, MACHINES))
        follower.start()
        ready.set()
        follower.run(stop, 0.05)


def _growth(folder: Path) -> float:
    receiver, sender = _processes.Pipe(duplex=False)
    process = _processes.Process(target=_week, args=(str(folder), sender), daemon=True)
    process.start()
    growth: float = receiver.recv()
    process.join()
    return growth


def _week(folder: str, sender: Any) -> None:
    """Follow a week, and send the growth of the peak memory in MB after its first day."""
    with closing(TwinStore(f"sqlite:///{folder}/week-twin.db")) as store:
        log = _GeneratedLog()
        follower = TwinFollower(log, store, _plan(_WEEK_TAGS, 2))
        follower.start()
        first_day = 0.0
        for second in range(0, _WEEK_S, 3600):
            log.until = (second + 3600) // _WEEK_PERIOD_S * _WEEK_TAGS
            while follower.poll():
                pass
            if second == 86_400:
                first_day = _peak_mb()
        sender.send(_peak_mb() - first_day)


def _peak_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


class _GeneratedLog:
    """A log whose readings are computed from their index: its own memory does not count."""

    until = 0

    def names(self) -> list[str]:
        return ["line"]

    def size(self, channel: str) -> int:
        return self.until

    def fields(self, channel: str, start: int = 0, stop: int | None = None) -> Iterator[ReadingFields]:
        for index in range(start, self.until if stop is None else stop):
            row, tag = divmod(index, _WEEK_TAGS)
            at_ns = _START_NS + row * _WEEK_PERIOD_S * NS_PER_S
            value = 5.0 + 0.25 * ((index * 2_654_435_761 % 2**32) / 2**31 - 1)
            yield "plc", f"t{tag}", at_ns, at_ns, value, "Pa", 0, row, False

    def log_entry(self, channel: str, index: int) -> bytes:
        return index.to_bytes(8, "big")
