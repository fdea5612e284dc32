"""Section `[design]` of a plant file: the department that develops products, and the design of each product.

Its records: simulations first, then experiments, then releases. An experiment refers to simulations and a release to
experiments, all about the same design; the client checks that they exist.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from chromatrace.domain.identifiers import Gtin
from chromatrace.domain.record_kinds import Field, FieldType, Preceding, RecordKind
from chromatrace.plant.names import Names, Section
from chromatrace.storage.toml import TomlTable

SIMULATION_KIND, EXPERIMENT_KIND, RELEASE_KIND = "design.simulation", "design.experiment", "design.release"
MAX_DESIGN = 40
"""Maximum length of the id of a design, in characters."""


def design_subject(design: str) -> str:
    """Return the product under which the records of a design are found."""
    return f"design/{design}"


def definition_subject(digest: bytes) -> str:
    """Return the product under which a release is found by the digest of its definition (192 bits of it)."""
    return f"definition/{digest[:24].hex()}"


@dataclass(frozen=True, slots=True)
class DesignPlan:
    """The section. `department` develops; None: the plant has no designs. `products`: design by product."""

    department: str | None = None
    station: str = ""
    products: Mapping[Gtin, str] = field(default_factory=dict)

    def record_kinds(self) -> tuple[RecordKind, ...]:
        """Return the kinds of record of product development."""
        if self.department is None:
            return ()
        key, texts = FieldType.KEY, FieldType.TEXTS
        common = (
            Field("design", key, "Design"),
            Field("title", FieldType.TEXT, "Title", longest=200),
            Field("parameters", texts, "Parameters"),
            Field("results", texts, "Results"),
            Field("time", FieldType.TIME, "Time"),
        )
        simulation = RecordKind(
            *(SIMULATION_KIND, 1, "Simulation", self.department, self.station),
            fields=(
                Field("simulation_id", key, "Simulation ID"),
                *common,
                Field("software", FieldType.TEXT, "Software and version", required=False, longest=200),
                Field("input_file", FieldType.FILE, "Input", required=False),
                Field("output_file", FieldType.FILE, "Output"),
            ),
            key=("simulation_id",),
            subject="design",
        )
        experiment = RecordKind(
            *(EXPERIMENT_KIND, 1, "Experiment", self.department, self.station),
            fields=(
                Field("experiment_id", key, "Experiment ID"),
                Field("simulation_ids", FieldType.KEYS, "Simulations that it tests"),
                *common,
                Field("data_file", FieldType.FILE, "Data"),
            ),
            key=("experiment_id",),
            subject="design",
            preceding=(Preceding("simulation_ids", SIMULATION_KIND),),
        )
        release = RecordKind(
            *(RELEASE_KIND, 1, "Design release", self.department, self.station),
            fields=(
                Field("release_id", key, "Release ID"),
                Field("design_id", key, "Design"),
                Field("version", FieldType.WHOLE, "Version"),
                Field("gtin", key, "Product"),
                Field("experiment_ids", FieldType.KEYS, "Experiments that support it"),
                Field("digest", FieldType.HEX, "SHA-256 of the definition", longest=32),
                Field("definition", FieldType.FILE, "Product, route and check sheets"),
                Field("about", FieldType.KEYS, "Design and definition"),
            ),
            key=("release_id",),
            subject="about",
            preceding=(Preceding("experiment_ids", EXPERIMENT_KIND),),
        )
        return simulation, experiment, release


def read_design(top: TomlTable, names: Names) -> DesignPlan:
    """Read [design]."""
    if "design" not in top:
        return DesignPlan()
    table = top.table("design")
    products, designs = table.table("products"), dict[Gtin, str]()
    for number in products.fields():
        design = products.text(number, maximum=MAX_DESIGN)
        if number not in names["products"]:
            products.mistake(number, f"the plant has no product {number!r}", "add it to [[products]]")
        elif design and products.valid:
            designs[Gtin(number)] = design
    products.finish()
    return (
        table.build(
            DesignPlan,
            department=table.text("department", maximum=64),
            station=table.reference("station", "station", names["stations"]),
            products=designs,
        )
        or DesignPlan()
    )


DESIGN: Section[DesignPlan] = Section("design", read_design)
