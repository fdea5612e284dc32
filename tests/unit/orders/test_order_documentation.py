"""The examples of docs/erp.md are valid."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

from erp_office import PANE

from chromatrace.orders.importing import OrderFormat
from chromatrace.plant.erp import read_section
from chromatrace.storage.toml import TomlTable

PAGE = (Path(__file__).resolve().parents[3] / "docs" / "erp.md").read_text()


def _blocks(language):
    return re.findall(rf"^```{language}\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)


def test_the_plant_file_reads_the_export_of_the_erp_and_the_order_of_the_mes(office, tmp_path):
    section = tomllib.loads(_blocks("toml")[0])["erp"]
    (tmp_path / section["materials_file"]).write_text("material,gtin\n")
    office.erp = read_section(TomlTable(section, "erp"), [str(PANE)], tmp_path)
    (table,), (document,) = _blocks("csv"), _blocks("json")
    report = office.send(table)
    assert (len(report.created), report.ignored) == (2, ("WERKS",))
    assert [change.number for change in office.send(document, OrderFormat.JSON).created] == ["1000473"]
    assert office.store.get("1000471").order.quantity == 500
