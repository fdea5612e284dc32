"""The line of the demonstration: a simulated plant behind an OPC UA server, its readings spooled and anchored."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import UTC, datetime

from chromatrace.anchor import Anchorer
from chromatrace.documents.content import ReadingWindow
from chromatrace.domain.errors import Unavailable
from chromatrace.domain.identifiers import Gln, Lot
from chromatrace.domain.reading import Reading
from chromatrace.ingest.opcua.background import BackgroundGateway
from chromatrace.ingest.opcua.settings import OpcUaSettings
from chromatrace.plant.process import PlantProcess
from chromatrace.services.workspace import Workspace

CHANNEL = "sputtering-line"
SAMPLE_PERIOD_S = 30
LOT_TAGS = ("201.lot", "301.lot")
TIMEOUT_S = 120.0

Progress = Callable[[str], AbstractContextManager[Callable[[float], None]]]
"""Shows the progress of a task: takes its description, yields a callable for the amount done."""


@dataclass(frozen=True, slots=True)
class Run:
    """A run of the line: its readings and their window in the anchored log."""

    readings: tuple[Reading, ...]
    window: ReadingWindow
    stored: int
    replayed: int

    @property
    def ended(self) -> datetime:
        """Source time of the last reading."""
        return datetime.fromtimestamp(self.window.last_time_ns / 1e9, UTC)


def run_line(
    workspace: Workspace,
    anchorer: Anchorer,
    owner: Gln,
    progress: Progress,
    *,
    seed: int,
    start: datetime,
    lot: Lot,
    faults: tuple[str, ...] = (),
) -> Run:
    """Run the plant once from `start` (simulated time), store its readings over OPC UA, and anchor them.

    Before, the manufacturing system reports that `lot` is in the chambers.
    """
    # The server of a run has no history of the run before; the gateway would report the gap for each tag.
    logging.getLogger("chromatrace.ingest.opcua").setLevel(logging.CRITICAL)
    logging.getLogger("asyncua").setLevel(logging.ERROR)
    report_lot(workspace, lot, start)
    first = workspace.spool.size(CHANNEL)
    arguments = [
        "--plant", "electrochromic", "--runs", "1", "--time-factor", "max", "--seed", str(seed),
        "--sample-period", str(SAMPLE_PERIOD_S), "--start", start.isoformat(),
    ]  # fmt: skip
    for fault in faults:
        arguments += ["--fault", fault]
    with PlantProcess(*arguments) as plant:
        settings = OpcUaSettings(plant.url, CHANNEL, since_ns=0, once=True)
        with (
            BackgroundGateway(settings, workspace.spool) as gateway,
            progress(f"reading run {seed}") as show,
        ):
            waited = 0.0
            while not gateway.wait(0.2):
                show(gateway.statistics.stored)
                waited += 0.2
                if waited > TIMEOUT_S:
                    raise Unavailable(f"the plant did not finish within {TIMEOUT_S:g} s", field="plant")
        statistics = gateway.statistics
    return anchored_run(workspace, anchorer, owner, first, statistics.stored, statistics.replayed)


def report_lot(workspace: Workspace, lot: Lot, start: datetime) -> None:
    """Store the readings of the manufacturing system that `lot` is in both chambers."""
    at_ns = int(start.timestamp()) * 10**9
    readings = [Reading("manufacturing-system", tag, at_ns, time.time_ns(), str(lot)) for tag in LOT_TAGS]
    workspace.spool.append(CHANNEL, readings)


def anchored_run(workspace: Workspace, anchorer: Anchorer, owner: Gln, first: int, stored: int, replayed: int) -> Run:
    """Anchor the spool and return the run of its readings from leaf `first` on."""
    anchorer.extend(CHANNEL)
    head = anchorer.anchor(CHANNEL)
    if head is None:
        raise Unavailable("the plant sent no readings", field="plant")
    readings = tuple(workspace.spool.entries(CHANNEL, first, head.size))
    window = ReadingWindow(
        channel=CHANNEL,
        organisation=owner,
        first_leaf=first,
        last_leaf=head.size - 1,
        tree_size=head.size,
        root=head.root,
        first_time_ns=min(reading.source_time_ns for reading in readings),
        last_time_ns=max(reading.source_time_ns for reading in readings),
    )
    return Run(readings, window, stored, replayed)
