"""Values per second from a recorded table, parsed and stored, next to the C parser of pandas.

The table is a CSV file of 52 columns of numbers. The first figure is parsing alone: cells to valid readings. The
baseline is `pandas.read_csv` with the C engine, which returns columns of numbers and no readings.
"""

from __future__ import annotations

import random
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import pandas as pd

from bench.figure import Figure
from chromatrace.ingest.files import ingest_file
from chromatrace.ingest.layout import Layout, layout_for
from chromatrace.ingest.records import ReadingFields
from chromatrace.ingest.spool import BATCH, Spool
from chromatrace.ingest.tables import RowReader, interpret, open_rows

COLUMNS, ROWS, ROUNDS = 52, 20_000, 3
VALUES = COLUMNS * ROWS
TARGET_RATIO = 0.5
TARGET_PER_S = 50_000


def run(progress: Callable[[str], None]) -> list[Figure]:
    """Measure in alternating rounds and return the best of each, because other load disturbs single runs."""
    parsed, stored, baseline = [], [], []
    layout = layout_for(columns=f"X(1..{COLUMNS})", start="2026-01-01T00:00:00Z", step="1s")
    with tempfile.TemporaryDirectory() as name:
        table = Path(name) / "table.csv"
        write_table(table)
        for turn in range(ROUNDS):
            parsed.append(VALUES / parse_seconds(table, layout))
            baseline.append(VALUES / pandas_seconds(table))
            with Spool(Path(name) / f"{turn}.db") as spool:
                stored.append(VALUES / ingest_seconds(spool, table, layout))
            progress(f"{parsed[-1]:,.0f} values/s parsed, {stored[-1]:,.0f} stored; pandas: {baseline[-1]:,.0f}")
    pandas = "pandas.read_csv, C engine"
    best, best_baseline = max(parsed), max(baseline)
    return [
        Figure("file: values parsed to readings", best, "values/s", "higher", None, pandas, best_baseline),
        Figure("file: parsing, times the rate of pandas", best / best_baseline, "×", "higher", TARGET_RATIO),
        Figure("file: readings parsed and stored in the spool", max(stored), "readings/s", "higher", TARGET_PER_S),
    ]


def write_table(path: Path) -> None:
    """Write a CSV file of drifting numbers."""
    generator = random.Random(52)
    template = ",".join(["%.7g"] * COLUMNS) + "\n"
    with path.open("w", encoding="ascii") as file:
        for _ in range(ROWS):
            file.write(template % tuple([generator.uniform(-1e3, 1e3) for _ in range(COLUMNS)]))


def parse_seconds(table: Path, layout: Layout) -> float:
    """Return the time to make a reading of each cell, without storing it."""
    count, readings = 0, list[ReadingFields]()
    begun = time.perf_counter()
    with table.open("rb") as file:
        rows = open_rows(file, table, layout)
        interpretation = interpret(rows, layout, "table")
        reader = RowReader(interpretation, "table")
        for row in interpretation.rows:
            if reader.read(row, readings):
                raise RuntimeError(f"row {row.number} is rejected")
            if len(readings) >= BATCH:
                count += len(readings)
                readings.clear()
    seconds = time.perf_counter() - begun
    if count + len(readings) != VALUES:
        raise RuntimeError(f"{count + len(readings)} readings of {VALUES} cells")
    return seconds


def pandas_seconds(table: Path) -> float:
    """Return the time in which pandas reads the file."""
    begun = time.perf_counter()
    frame = pd.read_csv(table, engine="c", header=None)
    seconds = time.perf_counter() - begun
    if frame.size != VALUES:
        raise RuntimeError(f"pandas read {frame.size} of {VALUES} cells")
    return seconds


def ingest_seconds(spool: Spool, table: Path, layout: Layout) -> float:
    """Return the time to store the file."""
    begun = time.perf_counter()
    result = ingest_file(spool, "line", table, layout)
    seconds = time.perf_counter() - begun
    if result.stored != VALUES:
        raise RuntimeError(f"{result.stored} of {VALUES} values are stored")
    return seconds
