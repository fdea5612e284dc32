"""docs/plant-file.md has every key of a plant file, and no other."""

from __future__ import annotations

import re
from dataclasses import fields
from pathlib import Path

import pytest

from chromatrace.ingest.layout import Layout
from chromatrace.plant.configuration import example_plants, parse_plant, plant_path, read_plant
from chromatrace.storage.toml import TomlDocument

ROOT = Path(__file__).resolve().parents[3]
PAGE = (ROOT / "docs" / "plant-file.md").read_text(encoding="utf-8")
FILES = [*sorted(Path(__file__).parent.glob("*.toml")), *map(plant_path, example_plants())]
NAMED = re.compile(
    r"instruments\.quantities\.|erp\.materials\.|design\.products\.|layouts\.units\.|model\.chambers\.|device\.(working|counter|stack)\."
)


@pytest.fixture(scope="module")
def known():
    keys = {f"layouts.{field.name}" for field in fields(Layout)}
    for path in FILES:
        document = TomlDocument.read(path)
        assert read_plant(document, path.parent) is not None
        keys |= document.known
    return keys


def documented():
    """Return the keys of the tables below each heading."""
    section, keys = "", set()
    for line in PAGE.splitlines():
        if heading := re.fullmatch(r"#{2,3} (.*)", line):
            name = re.fullmatch(r"`\[+([\w.]+)\]+`", heading[1])
            section = name[1] if name else ""
            keys.add(section)
        elif row := re.match(r"\| (`.*?`) \|", line):
            keys |= {f"{section}.{key}".strip(".") for key in re.findall(r"`(\w+)`", row[1])}
    return keys - {""}


def test_every_key_is_documented(known):
    fixed, on_page = ({key for key in keys if not NAMED.match(key)} for keys in (known, documented()))
    assert on_page == fixed


def test_the_parameters_of_the_models_are_on_the_page(known):
    parameters = {key.rpartition(".")[2] for key in known if re.match(r"(model\.chambers\.\w+|device)\.", key)}
    assert not {name for name in parameters if f"`{name}`" not in PAGE}


def test_the_example_of_the_page_is_valid():
    plant = parse_plant(re.search(r"```toml\n(.*?)```", PAGE, re.DOTALL)[1])
    assert plant.tags[0].in_unit(80_000.0) == 80.0
