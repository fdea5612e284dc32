"""Check sheets of a plant file."""

from __future__ import annotations

from collections.abc import Iterable

from chromatrace.documents.evidence import LimitComparison
from chromatrace.plant.names import Names
from chromatrace.plant.records import Check, CheckSheet
from chromatrace.storage.toml import TomlDocument, TomlTable

_LOWER = (LimitComparison.AT_LEAST, LimitComparison.ABOVE)


def read_check_sheet(table: TomlTable, names: Names) -> CheckSheet | None:
    """Read one of [[check_sheets]]."""
    states = table.texts("states", ("pass", "fail"))
    if len(states) < 2 and table.valid:
        table.mistake("states", "expected at least two states")
    checks = table.parts(_check(item) for item in table.tables("checks", required=True))
    if table.valid:
        _check_limits(table, checks)
    return table.build(
        CheckSheet,
        id=table.text("id"),
        station=table.reference("station", "station", names["stations"]),
        stage=table.text("stage"),
        sample_one_per=table.integer("sample_one_per", 1, at_least=1),
        ordered=table.boolean("ordered", False),
        states=states,
        checks=checks,
    )


def check_stages(sheets: tuple[CheckSheet, ...], document: TomlDocument) -> tuple[CheckSheet, ...]:
    """Check that each stage has one sheet."""
    for position, stage in enumerate(stages := list(document.values("check_sheets", "stage"))):
        if stage is not None and stage in stages[:position]:
            document.add(f"check_sheets[{position}].stage", f"duplicate stage {stage!r}")
    return sheets


def _check_limits(table: TomlTable, checks: Iterable[Check]) -> None:
    """Check that a value can pass all lines of its quantity, and that they have one unit."""
    lines = list(zip(checks, table.tables("checks"), strict=True))
    for position, (check, item) in enumerate(lines):
        for other, _ in lines[:position]:
            if other.quantity != check.quantity:
                continue
            if other.unit != check.unit:
                item.mistake("unit", f"{check.unit!r} here and {other.unit!r} in another line of {check.quantity!r}")
            elif other.comparison == check.comparison:
                item.mistake("comparison", f"{check.quantity!r} has two limits with {check.comparison}")
            elif not _satisfiable(other, check):
                item.mistake("limit", f"no value passes {other.text} and {check.text}")


def _satisfiable(first: Check, second: Check) -> bool:
    """Return whether a value passes both lines."""
    lower = [check for check in (first, second) if check.comparison in _LOWER]
    if len(lower) != 1:
        return True
    low, high = (first, second) if lower[0] is first else (second, first)
    inclusive = (low.comparison, high.comparison) == (LimitComparison.AT_LEAST, LimitComparison.AT_MOST)
    return low.limit < high.limit or (inclusive and low.limit == high.limit)


def _check(table: TomlTable) -> Check | None:
    return table.build(
        Check,
        quantity=table.text("quantity"),
        unit=table.text("unit", ""),
        comparison=LimitComparison(table.choice("comparison", tuple(LimitComparison))),
        limit=table.number("limit"),
        definition=table.text("definition", ""),
        criterion=table.optional_text("criterion"),
    )
