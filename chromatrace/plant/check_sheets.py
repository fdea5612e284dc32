"""Check sheets of a plant file."""

from __future__ import annotations

from chromatrace.documents.evidence import LimitComparison
from chromatrace.plant.names import Names
from chromatrace.plant.records import Check, CheckSheet
from chromatrace.storage.toml import TomlTable


def read_check_sheet(table: TomlTable, names: Names) -> CheckSheet | None:
    """Read one of [[check_sheets]]."""
    states = table.texts("states", ("pass", "fail"))
    if len(states) < 2 and table.valid:
        table.mistake("states", "expected at least two states")
    return table.build(
        CheckSheet,
        id=table.text("id"),
        station=table.reference("station", "station", names["stations"]),
        stage=table.text("stage"),
        sample_one_per=table.integer("sample_one_per", 1, at_least=1),
        ordered=table.boolean("ordered", False),
        states=states,
        checks=table.parts(_check(item) for item in table.tables("checks", required=True)),
    )


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
