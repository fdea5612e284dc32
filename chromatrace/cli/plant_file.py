"""`chromatrace plant check`: the mistakes in a plant file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import click

from chromatrace.cli.output import emit, json_option, print_line
from chromatrace.plant.configuration import example_plants, load_plant, plant_path
from chromatrace.plant.errors import PlantError
from chromatrace.storage.toml import Mistake

_COUNTED = (
    *("stations", "tags", "sources", "machines", "instruments"),
    *("products", "check_sheets", "channels", "layouts"),
)


@click.command()
@click.argument("file")
@json_option
def check(file: str, as_json: bool) -> None:
    """Check the plant FILE (TOML), or a shipped plant by its name.

    All mistakes are listed, each with file, line and key; the exit status is then 1. Checked are syntax, keys and
    values, references between sections, units, the limits of check sheets, and that each named file exists.
    """
    path = plant_path(file) if file in example_plants() else Path(file)
    try:
        plant = load_plant(path, complete=True)
    except PlantError as error:
        if not error.mistakes:
            raise
        _report(path, error.mistakes, as_json)
        raise SystemExit(1) from error
    facts = {"file": str(path), "plant": plant.name} | {name: len(getattr(plant, name)) for name in _COUNTED}
    emit(as_json, facts | {"mistakes": []})


def _report(path: Path, mistakes: Sequence[Mistake], as_json: bool) -> None:
    def human() -> None:
        for mistake in mistakes:
            print_line(f"{path}:{mistake}")
        print_line(f"mistakes: {len(mistakes)}")

    emit(as_json, {"file": str(path), "mistakes": [asdict(mistake) for mistake in mistakes]}, human)
