"""Section [[forecasts]] of a plant file: tags whose state the twin forecasts."""

from __future__ import annotations

from dataclasses import dataclass

from chromatrace.plant.names import Names, Section
from chromatrace.storage.toml import TomlTable

MAX_STEP = 1000
_MAX_EVERY = 1_000_000


@dataclass(frozen=True, slots=True)
class ForecastPlan:
    """The forecast of a tag: a Markov chain over the states in control, warning and out of control.

    centre, sigma  of the process in control; the limits are 2 and 3 sigmas away
    steps          numbers of readings ahead
    every          a forecast is stored once in this number of readings
    forgetting     weight of earlier transitions, for each reading
    """

    tag: str
    centre: float
    sigma: float
    steps: tuple[int, ...] = (1, 10)
    every: int = 60
    forgetting: float = 0.99


def _read(top: TomlTable, names: Names) -> tuple[ForecastPlan, ...]:
    plans: dict[str, ForecastPlan] = {}
    for table in top.tables("forecasts"):
        plan = _read_plan(table, names)
        if plan is not None and plan.tag in plans:
            table.mistake("tag", f"{plan.tag!r} has another forecast")
        elif plan is not None:
            plans[plan.tag] = plan
    return tuple(plans.values())


def _read_plan(table: TomlTable, names: Names) -> ForecastPlan | None:
    forgetting = table.number("forgetting", 0.99, above=0)
    if forgetting > 1:
        table.mistake("forgetting", f"{forgetting:g} is too large; it must be at most 1")
    return table.build(
        ForecastPlan,
        tag=table.reference("tag", "tag", names["tags"]),
        centre=table.number("centre"),
        sigma=table.number("sigma", above=0),
        steps=_steps(table),
        every=table.integer("every", 60, at_least=1, at_most=_MAX_EVERY),
        forgetting=forgetting,
    )


def _steps(table: TomlTable) -> tuple[int, ...]:
    steps = table.value("steps", [1, 10])
    if not isinstance(steps, list) or not all(type(step) is int and 1 <= step <= MAX_STEP for step in steps):
        table.mistake("steps", f"expected a list of integers from 1 to {MAX_STEP}, got {steps!r:.60}")
        return ()
    if not steps or sorted(set(steps)) != steps:
        table.mistake("steps", "expected different steps in ascending order")
    return tuple(steps)


FORECASTS: Section[tuple[ForecastPlan, ...]] = Section("forecasts", _read)
