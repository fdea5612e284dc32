"""The definition of a product, which a released design commits to."""

from __future__ import annotations

import json

import pytest

from chromatrace.domain.errors import InvalidInput, NotFound
from chromatrace.domain.identifiers import Gtin
from chromatrace.plant import PlantError, example_plant
from chromatrace.plant.configuration import parse_plant
from chromatrace.plant.design_plan import DESIGN, definition_subject, design_subject
from chromatrace.plant.product_definition import check_sheet_in, definition_of

PLANT = example_plant("electrochromic")
PANE = PLANT.products[0].gtin
FILE = """
schema = "chromatrace.plant/1"
name = "panes"
title = "Panes"
[[stations]]
id = "201"
name = "Sputtering"
[[products]]
gtin = "09521234543213"
name = "Pane"
route = ["201"]
[design]
department = "Product development"
station = "201"
[design.products]
09521234543213 = "D-7"
"""


@pytest.mark.parametrize("stage", ["first", "final"])
def test_the_check_sheets_of_a_definition_are_those_of_the_plant(stage):
    assert check_sheet_in(definition_of(PLANT, PANE), stage) == PLANT.check_sheet_of(PANE, stage)


def test_a_definition_is_canonical_and_has_the_route():
    definition = definition_of(PLANT, PANE)
    assert definition == definition_of(PLANT, PANE)
    assert [station["id"] for station in json.loads(definition)["route"]] == list(PLANT.products[0].route)
    assert check_sheet_in(definition, "third") is None


def test_unknown_products_and_other_documents_are_errors():
    with pytest.raises(NotFound):
        definition_of(PLANT, Gtin("09521234500025"))
    with pytest.raises(InvalidInput):
        check_sheet_in(b'{"schema":"chromatrace.batch/1"}', "first")
    with pytest.raises(InvalidInput):
        check_sheet_in(b'{"check_sheets":[{"id":"x"}],"schema":"chromatrace.design/1"}', "first")


def test_subjects_fit_into_a_key():
    assert len(definition_subject(bytes(32))) <= 60
    assert len(design_subject("x" * 40)) <= 60


def test_a_plant_with_designs_has_their_record_kinds():
    plant = parse_plant(FILE)
    assert plant.section(DESIGN).products == {PANE: "D-7"}
    assert [kind.id for kind in plant.record_kinds] == ["design.simulation", "design.experiment", "design.release"]


@pytest.mark.parametrize(
    ("old", "new", "key"),
    [
        ('09521234543213 = "D-7"', '09521234500025 = "D-7"', "design.products.09521234500025"),
        ('09521234543213 = "D-7"', f'09521234543213 = "{"x" * 41}"', "design.products.09521234543213"),
        ('station = "201"\n[design', 'station = "202"\n[design', "design.station"),
    ],
    ids=["product", "length", "station"],
)
def test_a_mistake_names_its_key(old, new, key):
    with pytest.raises(PlantError) as raised:
        parse_plant(FILE.replace(old, new))
    assert key in [mistake.key for mistake in raised.value.mistakes]
