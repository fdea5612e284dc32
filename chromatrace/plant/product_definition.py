"""The definition of a product: its description, route and check sheets, as canonical JSON (`chromatrace.design/1`).

A released version of a design commits to the digest of this document, and each batch names that version.
"""

from __future__ import annotations

from typing import Any

from chromatrace.documents.evidence import LimitComparison
from chromatrace.domain.errors import InvalidInput, NotFound
from chromatrace.domain.identifiers import Gtin
from chromatrace.plant.records import Check, CheckSheet, Plant
from chromatrace.storage import strict_json

SCHEMA = "chromatrace.design/1"


def definition_of(plant: Plant, gtin: Gtin) -> bytes:
    """Return the definition of a product of the plant. Raises `NotFound`."""
    product = next((product for product in plant.products if product.gtin == gtin), None)
    if product is None:
        raise NotFound(f"{plant.name} has no product {gtin}", field="gtin")
    stations = {station.id: station for station in plant.stations}
    document = {
        "schema": SCHEMA,
        "gtin": str(gtin),
        "name": product.name,
        "description": product.description,
        "route": [{"id": station, "name": stations[station].name} for station in product.route],
        "check_sheets": [_sheet(sheet) for sheet in plant.check_sheets if sheet.station in product.route],
    }
    return strict_json.canonical(document)


def check_sheet_in(definition: bytes, stage: str) -> CheckSheet | None:
    """Return the check sheet of a stage in a definition; None without one. Raises `InvalidInput`."""
    document = strict_json.parse_object(definition, SCHEMA)
    try:
        sheets = [_read_sheet(item) for item in document["check_sheets"]]
    except (KeyError, TypeError, ValueError) as error:
        raise InvalidInput(f"not a definition of a product: {error}", field="definition") from error
    return next((sheet for sheet in sheets if sheet.stage == stage), None)


def _sheet(sheet: CheckSheet) -> dict[str, Any]:
    return {
        "id": sheet.id,
        "station": sheet.station,
        "stage": sheet.stage,
        "sample_one_per": sheet.sample_one_per,
        "ordered": sheet.ordered,
        "states": list(sheet.states),
        "checks": [
            {
                "quantity": check.quantity,
                "unit": check.unit,
                "comparison": check.comparison.value,
                "limit": check.limit,
                "definition": check.definition,
                "criterion": check.criterion,
            }
            for check in sheet.checks
        ],
    }


def _read_sheet(item: dict[str, Any]) -> CheckSheet:
    checks = tuple(
        Check(
            check["quantity"],
            check["unit"],
            LimitComparison(check["comparison"]),
            float(check["limit"]),
            check["definition"],
            check["criterion"],
        )
        for check in item["checks"]
    )
    return CheckSheet(
        *(item["id"], item["station"], item["stage"], item["sample_one_per"], item["ordered"]),
        *(tuple(item["states"]), checks),
    )
