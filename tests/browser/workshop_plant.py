"""A plant with one sputtering chamber, and a twin that follows its log."""

from __future__ import annotations

import threading
import time
from contextlib import contextmanager

from portal_world import MAKER_GLN

from chromatrace.domain.reading import Reading
from chromatrace.ingest.spool import Spool
from chromatrace.plant.configuration import parse_plant
from chromatrace.twin.follower import TwinFollower
from chromatrace.twin.plan import plan_of
from chromatrace.twin.store.database import TwinStore

CHANNEL = "hall-1"
PLANT = parse_plant(
    """
    schema = "chromatrace.plant/1"
    name = "workshop"
    title = "Coating hall"
    twin = { gln = "GLN" }
    channels = [{ name = "hall-1" }]
    stations = [
      { id = "201", name = "Sputtering" },
      { id = "202", name = "First inspection", after = ["201"] },
    ]
    products = [{ gtin = "09521234543213", name = "Pane", route = ["201", "202"] }]
    tags = [
      { name = "pressure", station = "201", unit = "Pa", low = 0, high = 10, limit_low = 0.5, limit_high = 3 },
      { name = "power", station = "201", unit = "W", low = 0, high = 1000 },
      { name = "state", station = "201", low = 0, high = 9 },
      { name = "lot", station = "201", low = 0, high = 1 },
    ]

    [[proposals]]
    id = "hold-high-pressure"
    when = "alarm"
    tag = "pressure"
    action = "hold"
    product = "09521234543213"

    [[machines]]
    id = "sputter-1"
    name = "Sputtering chamber 1"
    station = "201"
    tags = ["pressure", "power"]
    state_tag = "state"
    states = { running = [1], idle = [2], stopped = [3], fault = [4] }
    batch_tag = "lot"
    """.replace("GLN", str(MAKER_GLN))
)


def append(spool, tag, value, *, unit="", source="sputter-1"):
    """Append a reading of the present."""
    now = time.time_ns()
    spool.append(CHANNEL, [Reading(source, tag, now, now, value, unit)])


@contextmanager
def following(spool, url):
    """Follow the log while the block lasts."""
    store, stop = TwinStore(url), threading.Event()
    with store.following():
        follower = TwinFollower(spool, store, plan_of(PLANT))
        follower.start()
        thread = threading.Thread(target=follower.run, args=(stop, 0.05))
        thread.start()
        try:
            yield store
        finally:
            stop.set()
            thread.join()
    store.close()


def open_spool(folder):
    """Return an empty spool."""
    return Spool(folder / "workshop-spool.db")
