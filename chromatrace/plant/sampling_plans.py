"""Section [[sampling_plans]] of a plant file: acceptance sampling of lots."""

from __future__ import annotations

from chromatrace.domain.errors import InvalidInput
from chromatrace.domain.identifiers import BatchKey, Gtin
from chromatrace.plant.names import Names, Section
from chromatrace.quality.sampling import SamplingPlan
from chromatrace.quality.sampling.plans import AQL, METHODS, ONE_PER
from chromatrace.quality.sampling.tables import AQLS, LEVELS
from chromatrace.storage.toml import TomlTable


def _read(top: TomlTable, names: Names) -> tuple[SamplingPlan, ...]:
    plans: list[SamplingPlan] = []
    for table in top.tables("sampling_plans"):
        plan = _read_plan(table, names)
        if plan is None:
            continue
        for other in plans:
            if other.stage == plan.stage and (
                not (other.products and plan.products) or set(other.products) & set(plan.products)
            ):
                table.mistake("stage", f"plan {other.id!r} is for the same products at stage {plan.stage!r}")
        plans.append(plan)
    return tuple(plans)


def _read_plan(table: TomlTable, names: Names) -> SamplingPlan | None:
    method = table.choice("method", METHODS)
    for name in ("one_per", "accept") if method == AQL else ("level", "aql", "permit_reduced"):
        if name in table:
            table.mistake(name, f"is not a key of the method {method!r}")
    aql = table.number("aql", 1.0) if method == AQL else 1.0
    if method == AQL and "aql" in table and aql not in AQLS:
        table.mistake("aql", f"{aql:g} is not an AQL of the tables", f"AQLs: {', '.join(f'{item:g}' for item in AQLS)}")
    return table.build(
        SamplingPlan,
        id=table.text("id", maximum=60),
        stage=table.choice("stage", ("first", "final")),
        method=method,
        products=tuple(Gtin(gtin) for gtin in products(table, names)),
        one_per=table.integer("one_per", 100, at_least=1) if method == ONE_PER else 100,
        accept=table.integer("accept", 0) if method == ONE_PER else 0,
        level=table.choice("level", LEVELS, "II") if method == AQL else "II",
        aql=aql,
        permit_reduced=table.boolean("permit_reduced", False) if method == AQL else False,
        resumed_after=_lots(table, "resumed_after"),
        irregular_after=_lots(table, "irregular_after"),
    )


def products(table: TomlTable, names: Names) -> tuple[str, ...]:
    """Return the key `products`: valid GTINs of the plant."""
    gtins = table.references("products", "product", names["products"], ())
    for position, gtin in enumerate(gtins):
        try:
            Gtin(gtin)
        except InvalidInput as error:
            table.mistake(f"products[{position}]", error.message, error.hint)
            return ()
    return gtins


def _lots(table: TomlTable, name: str) -> tuple[str, ...]:
    lots = table.texts(name, ())
    for position, lot in enumerate(lots):
        gtin, _, number = lot.partition("/")
        try:
            BatchKey.parse(gtin, number)
        except InvalidInput as error:
            table.mistake(f"{name}[{position}]", error.message, "write GTIN/LOT")
    return lots


SAMPLING_PLANS: Section[tuple[SamplingPlan, ...]] = Section("sampling_plans", _read)
