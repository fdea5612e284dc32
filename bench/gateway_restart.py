"""Memory of a gateway over ten million readings, and the time of its restart with them in the spool.

A process writes the readings as a gateway does (`SpoolWriter`). A second process then opens the spool and continues the
tags that have readings and as many new ones. The baseline reads the last row of the same file with sqlite3.
"""

from __future__ import annotations

import argparse
import json
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from bench.figure import Figure
from bench.readings import peak_mb
from chromatrace.ingest.gateway.statistics import GatewayStatistics
from chromatrace.ingest.gateway.values import ReceivedValue, TagKey
from chromatrace.ingest.gateway.writer import SpoolWriter
from chromatrace.ingest.spool import BATCH, Spool

READINGS, TAGS, NEW_TAGS = 10_000_000, 1_000, 10_000
TARGET_MB, TARGET_S = 200, 3
CHANNEL, SOURCE = "line", "plant"
_START_NS, _STEP_NS = 1_767_225_600 * 10**9, 10**9
_ROOT = Path(__file__).resolve().parent.parent


def run(progress: Callable[[str], None]) -> list[Figure]:
    """Measure once: the spool takes minutes to fill."""
    with tempfile.TemporaryDirectory() as name:
        path = Path(name) / "spool.db"
        written = _in_process("write", path)
        progress(f"peak {written['early_mb']:.0f} MB after a tenth, {written['peak_mb']:.0f} MB after {READINGS:,}")
        restarted = min(_in_process("restart", path)["seconds"] for _ in range(3))
        plain = min(last_row_seconds(path) for _ in range(3))
        progress(f"restart in {restarted:.2f} s; the last row with sqlite3: {plain:.4f} s")
    return [
        Figure("gateway: peak resident memory over 10 million readings", written["peak_mb"], "MB", "lower", TARGET_MB),
        Figure(
            "gateway: memory added after the first million of 10 million readings",
            written["peak_mb"] - written["early_mb"],
            "MB",
            "lower",
            20,
        ),
        Figure(
            f"gateway: continue {TAGS:,} tags and {NEW_TAGS:,} new ones with 10 million readings in the spool",
            restarted,
            "s",
            "lower",
            TARGET_S,
            "sqlite3: the last row",
            plain,
        ),
    ]


def last_row_seconds(path: Path) -> float:
    """Return the time to open the file with sqlite3 and read its last row."""
    begun = time.perf_counter()
    with sqlite3.connect(path) as database:
        database.execute("SELECT * FROM reading ORDER BY id DESC LIMIT 1").fetchone()
    seconds = time.perf_counter() - begun
    database.close()
    return seconds


def _in_process(task: str, path: Path) -> dict[str, float]:
    command = [sys.executable, "-m", "bench.gateway_restart", task, str(path)]
    output = subprocess.run(command, cwd=_ROOT, capture_output=True, text=True, check=True).stdout
    result: dict[str, float] = json.loads(output)
    return result


def _write(path: Path) -> dict[str, float]:
    keys = [TagKey(SOURCE, f"tag {number}", "kN") for number in range(TAGS)]
    rows_of_batch = max(1, BATCH // TAGS)
    early_mb = 0.0
    with Spool(path) as spool:
        writer = SpoolWriter(spool, CHANNEL, GatewayStatistics())
        for first in range(0, READINGS // TAGS, rows_of_batch):
            rows = range(first, min(first + rows_of_batch, READINGS // TAGS))
            writer.write(
                [
                    ReceivedValue(key, time_ns, time_ns + 10**6, row + number / 7, 0, False)
                    for row in rows
                    for time_ns in (_START_NS + row * _STEP_NS,)
                    for number, key in enumerate(keys)
                ]
            )
            if not early_mb and first >= READINGS // TAGS // 10:
                early_mb = peak_mb()
    return {"early_mb": early_mb, "peak_mb": peak_mb()}


def _restart(path: Path) -> dict[str, float]:
    begun = time.perf_counter()
    with Spool(path) as spool:
        writer = SpoolWriter(spool, CHANNEL, GatewayStatistics())
        keys = [TagKey(SOURCE, f"tag {number}", "kN") for number in range(TAGS + NEW_TAGS)]
        writer.resume(keys)
        newest = writer.newest_ns(keys[0])
        seconds = time.perf_counter() - begun
        if newest != _START_NS + (READINGS // TAGS - 1) * _STEP_NS or writer.newest_ns(keys[-1]) is not None:
            raise RuntimeError("the writer does not continue at the last reading")
    return {"seconds": seconds}


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("task", choices=["write", "restart"])
    parser.add_argument("path", type=Path)
    options = parser.parse_args()
    print(json.dumps({"write": _write, "restart": _restart}[options.task](options.path)))
