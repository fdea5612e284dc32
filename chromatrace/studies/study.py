"""The result of a study: rows for a table and a file, and its findings compared with the published ones."""

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
class StudyFinding:
    """A published or intended statement, what was observed, and whether that agrees."""

    statement: str
    observed: str
    agrees: bool


@dataclass(frozen=True)
class Study:
    """The result of a study. `summary` is printed, `rows` are written as CSV, `draw` fills a Matplotlib figure."""

    name: str
    title: str
    parameters: Row
    summary: tuple[Row, ...]
    rows: tuple[Row, ...]
    findings: tuple[StudyFinding, ...]
    draw: Callable[[Figure], None]

    def write_csv(self, path: Path) -> None:
        """Write all rows with a header."""
        text = io.StringIO(newline="")
        writer = csv.DictWriter(text, list(self.rows[0]))
        writer.writeheader()
        writer.writerows(self.rows)
        deliver(path, [text.getvalue().encode()])

    def write_figure(self, path: Path) -> None:
        """Write an SVG or PNG, by the suffix of `path`. The SVG is reproducible byte for byte."""
        import matplotlib as mpl
        from matplotlib.figure import Figure

        with mpl.rc_context({"svg.hashsalt": "chromatrace", "font.size": 9, "axes.spines.top": False}):
            figure = Figure(figsize=(8, 4.6), layout="constrained")
            self.draw(figure)
            image, kind = io.BytesIO(), path.suffix.removeprefix(".")
            figure.savefig(image, format=kind, dpi=150, metadata={"Date": None} if kind == "svg" else None)
        deliver(path, [image.getvalue()])


def plain(row: Row) -> Row:
    """Return the row with numbers rounded to five digits."""
    return {name: float(f"{value:.5g}") if isinstance(value, float) else value for name, value in row.items()}
