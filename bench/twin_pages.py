"""Time from a reading to its page, at 10,000 tags with one reading per second each.

A process runs `chromatrace twin run`. This process writes the readings to the spool, ten portions per second, and
receives server-sent events as an open page does: it looks for a new state every 0.25 s and writes the machines' values.
The time of a reading ends when the event with its value is complete. The baseline reads the same tag from the spool at
the same interval, without a twin. Both share two cores with the writer.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from app.streams import POLL_S, Streams
from bench.figure import Figure
from chromatrace.domain.reading import Reading
from chromatrace.ingest.spool import Spool
from chromatrace.plant import load_plant
from chromatrace.twin.plan import plan_of
from chromatrace.twin.store.database import TwinStore
from chromatrace.twin.views import TwinReader

TAGS, PORTIONS, SECONDS, WARM_UP_S = 10_000, 10, 30.0, 5.0
TARGET_S = 1.0
CHANNEL, SOURCE, MARKER = "hall", "line", "m0.t0"
_STARTED_S = 60.0


def run(progress: Callable[[str], None]) -> list[Figure]:
    """Return the 99th percentiles."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        plant_file = folder / "plant.toml"
        plant_file.write_text(_plant(), encoding="utf-8")
        plan = plan_of(load_plant(plant_file))
        with Spool(folder / "spool.db") as spool:
            _write(spool, 0)
            twin = subprocess.Popen(
                [sys.executable, "-m", "chromatrace", "--data", name, "twin", "run", str(plant_file)],
                stderr=subprocess.DEVNULL,
            )
            stop = threading.Event()
            writer = threading.Thread(target=_keep_writing, args=(spool, stop))
            try:
                store = TwinStore(f"sqlite:///{folder / 'twin.db'}")
                reader = TwinReader(store, plan)
                _wait_for_state(reader)
                progress(f"{TAGS:,} tags for {SECONDS:.0f} s")
                writer.start()
                pages, direct = _measure(reader, folder / "spool.db")
            finally:
                stop.set()
                if writer.is_alive():
                    writer.join()
                twin.terminate()
                twin.wait()
            store.close()
    return [
        Figure(
            "twin: reading to page at 10,000 tags, 99th percentile",
            *(float(np.percentile(pages, 99)), "s", "lower", TARGET_S),
            *("reading the tag from the spool at the same interval", float(np.percentile(direct, 99))),
        ),
        Figure("twin: reading to page at 10,000 tags, median", float(np.median(pages)), "s", "lower"),
    ]


def _plant() -> str:
    machines = "\n".join(
        f'[[machines]]\nid = "m{number}"\nname = "m{number}"\nstation = "1"\ntags = "m{number}."'
        for number in range(TAGS // 100)
    )
    tags = ",\n".join(
        f'{{ name = "m{number // 100}.t{number % 100}", station = "1", low = 0, high = 1e12, limit_high = 1e11 }}'
        for number in range(TAGS)
    )
    return (
        'schema = "chromatrace.plant/1"\nname = "bench"\ntitle = "Bench"\n'
        'stations = [{ id = "1", name = "Hall" }]\n'
        'products = [{ gtin = "09521234543213", name = "Pane", route = ["1"] }]\n' + f"tags = [\n{tags}\n]\n{machines}"
    )


def _write(spool: Spool, portion: int) -> None:
    """Append a reading of every `PORTIONS`-th tag and of the marker. A value is its own time in seconds."""
    now = time.time_ns()
    numbers = {0, *range(portion % PORTIONS, TAGS, PORTIONS)}
    spool.append(
        CHANNEL,
        [Reading(SOURCE, f"m{number // 100}.t{number % 100}", now, now, now / 1e9) for number in sorted(numbers)],
    )


def _keep_writing(spool: Spool, stop: threading.Event) -> None:
    start, portion = time.monotonic(), 0
    while not stop.wait(max(0.0, start + portion / PORTIONS - time.monotonic())):
        portion += 1
        _write(spool, portion)


def _wait_for_state(reader: TwinReader) -> None:
    deadline = time.monotonic() + _STARTED_S
    while not reader.log_sizes():
        if time.monotonic() > deadline:
            raise TimeoutError("the twin stored no state")
        time.sleep(0.1)


def _measure(reader: TwinReader, spool_path: Path) -> tuple[list[float], list[float]]:
    """Return the times of the page and of the baseline."""
    direct: list[float] = []
    stop = threading.Event()
    thread = threading.Thread(target=_read_spool, args=(spool_path, direct, stop))
    thread.start()
    pages: list[float] = []
    start = time.monotonic()
    while time.monotonic() < start + WARM_UP_S + SECONDS:
        streams = Streams(1)
        for marker in _markers(streams, reader):
            elapsed = time.monotonic() - start
            if elapsed > WARM_UP_S:
                pages.append(time.time() - marker)
            if elapsed > WARM_UP_S + SECONDS:
                streams.stop()
    stop.set()
    thread.join()
    return pages, direct


def _markers(streams: Streams, reader: TwinReader) -> Iterator[float]:
    """Yield the marker's value of each event. The first event is old, so it is left out."""

    def content() -> object:
        machines = reader.plant().machines
        return {machine.id: {value.tag: value.value for value in machine.values} for machine in machines}

    events = streams.response(lambda: dict(reader.log_sizes()), content).iter_encoded()
    data = (event.decode().removeprefix("data: ") for event in events if event.startswith(b"data: "))
    next(data, None)
    for text in data:
        yield json.loads(text)["m0"][MARKER]


def _read_spool(path: Path, times: list[float], stop: threading.Event) -> None:
    with Spool(path) as spool:
        known = 0.0
        while not stop.wait(POLL_S):
            now = time.time_ns()
            rows = spool.series_fields(CHANNEL, SOURCE, MARKER, now - 5 * 10**9, now + 1, 1000)
            value = rows[-1][4] if rows else None
            if isinstance(value, float) and value != known:
                known = value
                times.append(time.time() - value)
