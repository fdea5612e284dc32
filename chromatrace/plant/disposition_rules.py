"""Section [[dispositions]] of a plant file: what happens to units, by their measured values."""

from __future__ import annotations

from chromatrace.documents.disposition import OUTCOMES, Outcome
from chromatrace.documents.evidence import LimitComparison
from chromatrace.domain.identifiers import Gtin
from chromatrace.plant.names import Names, Section
from chromatrace.plant.sampling_plans import products
from chromatrace.quality.disposition import Condition, DispositionRule
from chromatrace.storage.toml import TomlTable


def _read(top: TomlTable, names: Names) -> tuple[DispositionRule, ...]:
    quantities = _quantities(top)
    return top.parts(_read_rule(table, names, quantities) for table in top.tables("dispositions"))


def _quantities(top: TomlTable) -> dict[str, dict[str, str]]:
    """Return the unit of each quantity of the check sheets, by stage."""
    units: dict[str, dict[str, str]] = {}
    for sheet in top.value("check_sheets", []) or []:
        checks = sheet.get("checks", []) if isinstance(sheet, dict) else []
        for check in checks if isinstance(checks, list) else []:
            if isinstance(check, dict) and isinstance(check.get("quantity"), str):
                units.setdefault(str(sheet.get("stage")), {})[check["quantity"]] = str(check.get("unit", ""))
    return units


def _read_rule(table: TomlTable, names: Names, quantities: dict[str, dict[str, str]]) -> DispositionRule | None:
    stage = table.choice("stage", tuple(OUTCOMES))
    outcome = Outcome(table.choice("outcome", tuple(Outcome)))
    if outcome not in OUTCOMES[stage]:
        allowed = ", ".join(OUTCOMES[stage])
        table.mistake("outcome", f"{outcome} is not an outcome of the {stage} inspection; allowed: {allowed}")
    price_class = table.optional_text("price_class", maximum=40)
    if price_class is not None and outcome is not Outcome.DEFECTIVE:
        table.mistake("price_class", "only defective units have a price class")
    verdict = table.choice("verdict", ("pass", "fail")) if "verdict" in table else None
    return table.build(
        DispositionRule,
        id=table.text("id", maximum=60),
        stage=stage,
        outcome=outcome,
        reason=table.text("reason", maximum=500),
        price_class=price_class,
        products=tuple(Gtin(gtin) for gtin in products(table, names)),
        verdict=verdict,
        conditions=table.parts(_condition(item, quantities.get(stage, {})) for item in table.tables("when")),
    )


def _condition(table: TomlTable, units: dict[str, str]) -> Condition | None:
    quantity = table.text("quantity")
    if quantity and quantity not in units:
        table.unknown("quantity", f"no check sheet of the stage has the quantity {quantity!r}", tuple(units))
    unit = table.text("unit", units.get(quantity, ""))
    if quantity in units and unit != units[quantity]:
        table.mistake("unit", f"{unit!r}; the check sheet has {units[quantity]!r}")
    return table.build(
        Condition,
        quantity=quantity,
        comparison=LimitComparison(table.choice("comparison", tuple(LimitComparison))),
        limit=table.number("limit"),
        unit=unit,
    )


DISPOSITIONS: Section[tuple[DispositionRule, ...]] = Section("dispositions", _read)
