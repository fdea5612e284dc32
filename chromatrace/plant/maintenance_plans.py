"""Section `[[maintenance]]` of a plant file: maintenance tasks and their limits."""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from dataclasses import dataclass

from chromatrace.domain.units import UnitError, conversion
from chromatrace.plant.names import Names, Section
from chromatrace.storage.toml import TomlTable

MEASURES = ("integral", "increase", "running", "runs", "date")
"""Integral of a tag over time, increase of a counting tag, hours running, number of runs, or only a due date."""
_OF_TAG = ("integral", "increase")
_DEFAULT_GAP_S = 600.0


@dataclass(frozen=True, slots=True)
class MaintenancePlan:
    """One task.

    machine        id of the machine; None: the task has only a due date
    measure        one of `MEASURES`
    tag            tag that is integrated, or counts; `tag_unit` is its unit
    unit           unit of the counter: of an integral, the unit of the tag times time, such as kWh for W
    limit          value at which the task is due; `warn_at`: share of it from which it is reported as near
    maximum_gap_s  an integral does not count across a longer gap between two readings
    due            date on which the task is due in any case
    """

    id: str
    name: str
    machine: str | None = None
    measure: str = "date"
    tag: str | None = None
    tag_unit: str = ""
    unit: str = ""
    limit: float | None = None
    warn_at: float = 0.9
    maximum_gap_s: float = _DEFAULT_GAP_S
    due: datetime.date | None = None


def read_maintenance(top: TomlTable, names: Names) -> tuple[MaintenancePlan, ...]:
    """Read [[maintenance]]."""
    units = _tag_units(top)
    return top.parts(_plan(table, names, units) for table in top.tables("maintenance"))


def _plan(table: TomlTable, names: Names, units: Mapping[str, str]) -> MaintenancePlan | None:
    measure = table.choice("measure", MEASURES, "date")
    due = table.value("due")
    if due is not None and (not isinstance(due, datetime.date) or isinstance(due, datetime.datetime)):
        table.mistake("due", f"expected a date, got {due!s:.60}", "such as 2027-01-31, without quotes")
    if measure == "date":
        if due is None:
            table.mistake("due", "missing", "give a date, or a measure with a limit")
        return table.build(MaintenancePlan, id=_id(table), name=_name(table), due=due)
    tag = table.reference("tag", "tag", names["tags"]) if measure in _OF_TAG else None
    tag_unit = units.get(tag or "", "")
    unit = table.text("unit", {"running": "h", "runs": ""}.get(measure, tag_unit), maximum=40)
    if measure == "integral":
        try:
            conversion(f"{tag_unit}*h" if tag_unit else "h", unit)
        except UnitError as error:
            table.mistake("unit", f"{error.message}: the integral of {tag_unit or 'a number'} over time", error.hint)
    warn_at = table.number("warn_at", 0.9, above=0)
    if warn_at > 1:
        table.mistake("warn_at", f"{warn_at:g} is too large; it must be at most 1")
    return table.build(
        MaintenancePlan,
        id=_id(table),
        name=_name(table),
        machine=table.reference("machine", "machine", names["machines"]),
        measure=measure,
        tag=tag,
        tag_unit=tag_unit,
        unit=unit,
        limit=table.number("limit", above=0),
        warn_at=warn_at,
        maximum_gap_s=table.number("maximum_gap_s", _DEFAULT_GAP_S, above=0),
        due=due,
    )


def _id(table: TomlTable) -> str:
    return table.text("id", maximum=60)


def _name(table: TomlTable) -> str:
    return table.text("name", maximum=120)


def _tag_units(top: TomlTable) -> Mapping[str, str]:
    tags = top.value("tags", [])
    known = [tag for tag in tags if isinstance(tag, Mapping)] if isinstance(tags, list) else []
    return {str(tag.get("name")): str(tag.get("unit", "")) for tag in known}


MAINTENANCE: Section[tuple[MaintenancePlan, ...]] = Section("maintenance", read_maintenance)
