"""The section [erp] of a plant file."""

from __future__ import annotations

import pytest

from chromatrace.domain.identifiers import Gtin
from chromatrace.plant.erp import read_section
from chromatrace.storage.toml import TomlError, TomlTable

PANE = Gtin("09521234543213")
HOOK = {"id": "mes", "url": "https://mes.example/hook", "secret_file": "mes.secret"}


def _read(folder, **members):
    return read_section(TomlTable(members, "erp"), [str(PANE)], folder)


def test_a_mapping_table_adds_to_the_materials_of_the_plant_file(tmp_path):
    (tmp_path / "materials.csv").write_text("material,gtin,text\nEC-301,09521234543213,pane\n")
    erp = _read(tmp_path, materials={"EC-300": str(PANE)}, materials_file="materials.csv")
    assert erp.materials == {"EC-300": PANE, "EC-301": PANE}


def test_paths_are_relative_to_the_plant_file(tmp_path):
    (target,) = _read(tmp_path, webhooks=[HOOK]).webhooks
    assert target.secret_file == tmp_path / "mes.secret"


@pytest.mark.parametrize(
    ("members", "field"),
    [
        ({"materials": {"A": "123"}}, "erp.materials.A"),
        ({"materials": {"A": "09521234500025"}}, "erp.materials.A"),
        ({"materials_file": "missing.csv"}, "erp.materials_file"),
        ({"columns": {"number": "AUFNR"}}, "erp.columns.number"),
        ({"decimal": ";"}, "erp.decimal"),
        ({"time_zone": "Mars/Olympus"}, "erp.time_zone"),
        ({"webhooks": [HOOK, HOOK]}, "erp.webhooks[1].id"),
        ({"webhooks": [HOOK | {"url": "http://mes.example/"}]}, "erp.webhooks[0].url"),
        ({"webhooks": [HOOK | {"url": "ftp://mes.example/"}]}, "erp.webhooks[0].url"),
        ({"webhooks": [HOOK | {"events": ["order.lost"]}]}, "erp.webhooks[0].events[0]"),
        ({"webhook": []}, "erp.webhook"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_mistake_names_its_key(tmp_path, members, field):
    with pytest.raises(TomlError) as raised:
        _read(tmp_path, **members)
    assert raised.value.field == field
