"""What a study gives: rows for a table and a file, and its findings beside the published ones."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from chromatrace.storage.files import deliver

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Finding:
    """One statement (published, or set as a goal), what we found, and whether that agrees."""

    statement: str
    ours: str
    agrees: bool


@dataclass(frozen=True)
class Study:
    """`summary` is printed, `rows` (all detail) are written as CSV; `draw` fills a Matplotlib figure."""

    name: str
    title: str
    parameters: Row
    summary: tuple[Row, ...]
    rows: tuple[Row, ...]
    findings: tuple[Finding, ...]
    draw: Callable[[Figure], None]

    def write_csv(self, path: Path) -> None:
        """All rows, with a header."""
        made = io.StringIO(newline="")
        writer = csv.DictWriter(made, list(self.rows[0]))
        writer.writeheader()
        writer.writerows(self.rows)
        deliver(path, [made.getvalue().encode()])

    def write_figure(self, path: Path) -> None:
        """SVG or PNG, by the file's name; the same study gives the same bytes of SVG."""
        import matplotlib as mpl
        from matplotlib.figure import Figure

        with mpl.rc_context({"svg.hashsalt": "chromatrace", "font.size": 9, "axes.spines.top": False}):
            figure = Figure(figsize=(8, 4.6), layout="constrained")
            self.draw(figure)
            made, kind = io.BytesIO(), path.suffix.removeprefix(".")
            figure.savefig(made, format=kind, dpi=150, metadata={"Date": None} if kind == "svg" else None)
        deliver(path, [made.getvalue()])


def plain(row: Row) -> Row:
    """A row with rounded numbers, for people and for files that should not change in the last digits."""
    return {name: float(f"{value:.5g}") if isinstance(value, float) else value for name, value in row.items()}
