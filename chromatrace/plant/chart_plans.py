"""Section [[charts]] of a plant file: tags with a control chart."""

from __future__ import annotations

from dataclasses import dataclass

from chromatrace.plant.alarm_settings import Priority, read_priority
from chromatrace.plant.names import Names, Section
from chromatrace.storage.toml import TomlTable

SIGNALS = ("western electric", "nelson", "moving range", "EWMA", "CUSUM")
"""Groups of signals that a chart can report."""
DEFAULT_SIGNALS = ("western electric", "EWMA", "CUSUM")


@dataclass(frozen=True, slots=True)
class ChartPlan:
    """The control chart of a tag.

    centre, sigma  of the process in control
    signals        groups of `SIGNALS` that raise an alarm
    clear_after    readings without a signal after which the alarm is cleared
    dead_after     more equal values in a row mean a dead sensor; None: not checked
    """

    tag: str
    centre: float
    sigma: float
    signals: tuple[str, ...] = DEFAULT_SIGNALS
    priority: Priority = Priority.MEDIUM
    clear_after: int = 10
    dead_after: int | None = None


def _read(top: TomlTable, names: Names) -> tuple[ChartPlan, ...]:
    plans: dict[str, ChartPlan] = {}
    for table in top.tables("charts"):
        plan = _read_plan(table, names)
        if plan is not None and plan.tag in plans:
            table.mistake("tag", f"{plan.tag!r} has another chart")
        elif plan is not None:
            plans[plan.tag] = plan
    return tuple(plans.values())


def _read_plan(table: TomlTable, names: Names) -> ChartPlan | None:
    signals = table.texts("signals", DEFAULT_SIGNALS)
    for position, name in enumerate(signals):
        if name not in SIGNALS:
            table.mistake(f"signals[{position}]", f"expected one of {', '.join(SIGNALS)}, got {name!r:.60}")
    return table.build(
        ChartPlan,
        tag=table.reference("tag", "tag", names["tags"]),
        centre=table.number("centre"),
        sigma=table.number("sigma", above=0),
        signals=signals,
        priority=read_priority(table, "priority", Priority.MEDIUM),
        clear_after=table.integer("clear_after", 10, at_least=1, at_most=1_000_000),
        dead_after=table.integer("dead_after", at_least=1) if "dead_after" in table else None,
    )


CHARTS: Section[tuple[ChartPlan, ...]] = Section("charts", _read)
