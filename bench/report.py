"""Writes the figures as JSON and as the table of `bench/README.md`."""

from __future__ import annotations

import datetime
import json
import os
import platform
import subprocess
from pathlib import Path
from typing import Any

from bench.figure import Figure

HERE = Path(__file__).parent
LATEST = HERE / "results" / "latest.json"
README = HERE / "README.md"
BEGIN, END = "<!-- figures -->", "<!-- /figures -->"


def machine() -> dict[str, Any]:
    """What the figures were measured on."""
    cpu = platform.processor() or "unknown"
    for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
        if line.startswith("model name"):
            cpu = line.split(":", 1)[1].strip()
            break
    return {"cpu": cpu, "cores": os.cpu_count(), "system": platform.platform(), "python": platform.python_version()}


def _commit() -> str:
    answer = subprocess.run(["git", "describe", "--always", "--dirty"], capture_output=True, text=True, check=False)
    return answer.stdout.strip() or "unknown"


def write(figures: list[Figure], *, replace_all: bool) -> None:
    """Writes `figures`; with `replace_all` false, figures of other names stay as they are."""
    kept: list[dict[str, Any]] = []
    if not replace_all and LATEST.exists():
        new = {figure.name for figure in figures}
        kept = [
            entry for entry in json.loads(LATEST.read_text(encoding="utf-8"))["figures"] if entry["name"] not in new
        ]
    entries = sorted(kept + [figure.as_dict() for figure in figures], key=lambda entry: entry["name"])
    LATEST.parent.mkdir(exist_ok=True)
    today = datetime.datetime.now(datetime.UTC).date().isoformat()
    document = {"machine": machine(), "commit": _commit(), "date": today, "figures": entries}
    LATEST.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
    all_figures = [Figure(**{key: value for key, value in entry.items() if key != "ratio"}) for entry in entries]
    text = README.read_text(encoding="utf-8")
    head, rest = text.split(BEGIN)
    _, tail = rest.split(END)
    place = f"Measured on {document['machine']['cpu']}, {os.cpu_count()} cores, commit {document['commit']}, {today}."
    README.write_text(f"{head}{BEGIN}\n{place}\n\n{table(all_figures)}\n{END}{tail}", encoding="utf-8")


def _number(value: float | None) -> str:
    if value is None:
        return "-"
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def table(figures: list[Figure]) -> str:
    """The figures as a Markdown table."""
    rows = [
        "| figure | value | unit | bar | reached | rival | rival's value | ratio |",
        "|---|--:|---|--:|---|---|--:|--:|",
    ]
    for figure in figures:
        bar = "-" if figure.bar is None else f"{'≤' if figure.better == 'lower' else '≥'} {_number(figure.bar)}"
        reached = {None: "-", True: "yes", False: "**no**"}[figure.reached]
        rows.append(
            f"| {figure.name} | {_number(figure.value)} | {figure.unit} | {bar} | {reached} | {figure.rival or '-'} "
            f"| {_number(figure.rival_value)} | {_number(figure.ratio)} |"
        )
    return "\n".join(rows)
