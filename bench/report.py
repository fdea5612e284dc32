"""Write the figures as JSON and as the table in `bench/README.md`."""

from __future__ import annotations

import datetime
import json
import os
import platform
import subprocess
from pathlib import Path
from typing import Any

from bench.figure import Figure

FOLDER = Path(__file__).parent
LATEST = FOLDER / "results" / "latest.json"
README = FOLDER / "README.md"
BEGIN, END = "<!-- figures -->", "<!-- /figures -->"


def machine() -> dict[str, Any]:
    """Describe this machine."""
    cpu = platform.processor() or "unknown"
    for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
        if line.startswith("model name"):
            cpu = line.split(":", 1)[1].strip()
            break
    return {"cpu": cpu, "cores": os.cpu_count(), "system": platform.platform(), "python": platform.python_version()}


def cpu_times() -> tuple[int, int]:
    """Return the ticks stolen by the hypervisor and all ticks (proc(5), /proc/stat)."""
    ticks = [int(text) for text in Path("/proc/stat").read_text(encoding="ascii").split("\n", 1)[0].split()[1:9]]
    return ticks[7], sum(ticks)


def stolen_percent(before: tuple[int, int], after: tuple[int, int]) -> float:
    """Return the percentage of stolen CPU time between two `cpu_times`. Stolen time lowers the measured rates."""
    return round(100 * (after[0] - before[0]) / max(1, after[1] - before[1]), 1)


def _commit() -> str:
    """Return the measured commit, with "-dirty" if files other than the benchmarks' output have changes."""
    output = [f":!{path}" for path in ("bench/results", "bench/README.md", "docs/figures")]
    head = _git("rev-parse", "--short", "HEAD")
    return head + "-dirty" * bool(head and _git("status", "--porcelain", "-uno", "--", ".", *output)) or "unknown"


def _git(*arguments: str) -> str:
    return subprocess.run(["git", *arguments], capture_output=True, text=True, check=False).stdout.strip()


def write(figures: list[Figure], stolen: dict[str, float], *, replace_all: bool) -> None:
    """Write `figures`. Keep the other figures of the last run unless `replace_all` is true.

    stolen  percentage of stolen CPU time, by benchmark
    """
    kept: list[dict[str, Any]] = []
    if not replace_all and LATEST.exists():
        new = {figure.name for figure in figures}
        earlier = json.loads(LATEST.read_text(encoding="utf-8"))
        kept = [entry for entry in earlier["figures"] if entry["name"] not in new]
        stolen = earlier["stolen_percent"] | stolen
    entries = sorted(kept + [figure.as_dict() for figure in figures], key=lambda entry: entry["name"])
    LATEST.parent.mkdir(exist_ok=True)
    today = datetime.datetime.now(datetime.UTC).date().isoformat()
    document = {
        **{"machine": machine(), "commit": _commit(), "date": today},
        **{"stolen_percent": stolen, "figures": entries},
    }
    LATEST.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
    all_figures = [Figure(**{key: value for key, value in entry.items() if key != "ratio"}) for entry in entries]
    text = README.read_text(encoding="utf-8")
    head, rest = text.split(BEGIN)
    _, tail = rest.split(END)
    percentages = ", ".join(f"{name} {share:g} %" for name, share in sorted(stolen.items()))
    conditions = (
        f"Measured on {machine()['cpu']}, {os.cpu_count()} cores, commit {document['commit']}, {today}. "
        f"CPU time stolen by the host: {percentages}."
    )
    README.write_text(f"{head}{BEGIN}\n{conditions}\n\n{table(all_figures)}\n{END}{tail}", encoding="utf-8")


def _number(value: float | None) -> str:
    if value is None:
        return "-"
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def table(figures: list[Figure]) -> str:
    """Return the figures as a Markdown table."""
    rows = [
        "| figure | value | unit | target | reached | baseline | baseline's value | ratio |",
        "|---|--:|---|--:|---|---|--:|--:|",
    ]
    for figure in figures:
        target = (
            "-" if figure.target is None else f"{'≤' if figure.better == 'lower' else '≥'} {_number(figure.target)}"
        )
        reached = {None: "-", True: "yes", False: "**no**"}[figure.reached]
        rows.append(
            f"| {figure.name} | {_number(figure.value)} | {figure.unit} | {target} | {reached} "
            f"| {figure.baseline or '-'} | {_number(figure.baseline_value)} | {_number(figure.ratio)} |"
        )
    return "\n".join(rows)
