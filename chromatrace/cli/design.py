"""`chromatrace record design`: release designs to production."""

from __future__ import annotations

import click

from chromatrace.cli.output import emit, json_option
from chromatrace.domain.identifiers import Gtin
from chromatrace.number_types import WholeRange
from chromatrace.services.workspace import Workspace


@click.group()
def design() -> None:
    """Release designs: simulations come first, experiments second, production third.

    The section [design] of the plant file names the department and the design of each product. Add simulations and
    experiments with `record add`; an experiment refers to its simulations, a release to its experiments.

    \b
    Example: record a simulation and an experiment, release the design
      chromatrace --plant plant.toml record add simulation.json --attach output_file=field.csv
      chromatrace --plant plant.toml record add experiment.json --attach data_file=spectra.csv
      chromatrace --plant plant.toml record design release D-7 09521234543213 --version 1 --experiment E-1
    """


@design.command()
@click.argument("name")
@click.argument("gtin")
@click.option("--version", required=True, type=WholeRange(1, 2**31), help="Version; the next number after the newest.")
@click.option(
    "--experiment", "experiments", multiple=True, required=True, help="Experiment that supports it; may be repeated."
)
@json_option
@click.pass_obj
def release(
    workspace: Workspace, name: str, gtin: str, version: int, experiments: tuple[str, ...], as_json: bool
) -> None:
    """Release the design NAME of the product GTIN: publish product, route and check sheets of the plant file."""
    from chromatrace.services.designs import release_design

    released, tx = release_design(workspace, name, Gtin(gtin), version, experiments)
    emit(as_json, released.as_json() | {"tx": tx})


@design.command()
@click.argument("gtin")
@json_option
@click.pass_obj
def check(workspace: Workspace, gtin: str, as_json: bool) -> None:
    """Check that the plant file agrees with the newest released design of the product GTIN."""
    from chromatrace.services.designs import current_design
    from chromatrace.services.records import plant_of

    current = current_design(workspace, plant_of(workspace.settings.plant), Gtin(gtin))
    emit(as_json, {"design": current.as_json() if current else None})


@design.command()
@click.argument("gtin")
@json_option
@click.pass_obj
def definition(workspace: Workspace, gtin: str, as_json: bool) -> None:
    """Show the definition of the product GTIN in the plant file: description, route and check sheets."""
    import orjson

    from chromatrace.plant.product_definition import definition_of
    from chromatrace.services.records import plant_of

    emit(as_json, orjson.loads(definition_of(plant_of(workspace.settings.plant), Gtin(gtin))))
