"""Read `[erp]` of a plant configuration: how an ERP or MES names products and columns, and where webhooks go."""

from __future__ import annotations

import csv
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from chromatrace.domain.errors import InvalidInput
from chromatrace.domain.identifiers import Gtin
from chromatrace.plant.errors import PlantError
from chromatrace.plant.table import TomlTable

EVENTS = ("order.progress", "order.quality", "order.genealogy")
"""Types of webhook messages."""
_COLUMNS = ("order", "material", "quantity", "start", "finish", "status", "lot")


@dataclass(frozen=True, slots=True)
class WebhookTarget:
    """An HTTP endpoint that receives signed messages.

    secret_file    file with `whsec_` and the base64 text of the shared secret
    allow_private  whether the address may be in a private network
    """

    id: str
    url: str
    secret_file: Path
    events: tuple[str, ...] = EVENTS
    allow_private: bool = False


@dataclass(frozen=True, slots=True)
class Erp:
    """How an ERP or MES sends orders.

    materials    material number of the ERP to GTIN
    columns      member of an order to the column of the CSV export
    date_format  strptime format of CSV files; None: ISO 8601, as in JSON
    decimal      decimal mark of quantities in CSV files; None: whole numbers without separators
    time_zone    of times without an offset
    organisation number of the plant's organisation on the chain, whose batches count; None: that of the signer
    """

    materials: Mapping[str, Gtin] = field(default_factory=dict)
    columns: Mapping[str, str] = field(default_factory=dict)
    delimiter: str = ","
    date_format: str | None = None
    decimal: str | None = None
    time_zone: ZoneInfo = field(default_factory=lambda: ZoneInfo("UTC"))
    webhooks: tuple[WebhookTarget, ...] = ()
    organisation: int | None = None


def read_erp(table: TomlTable, gtins: Collection[Gtin], folder: Path) -> Erp:
    """Read the section. `gtins` are the plant's products; paths are relative to `folder`. Raises `PlantError`."""
    materials = _materials(table, gtins, folder)
    columns_table = table.table("columns", {})
    columns = {name: columns_table.text(name, maximum=120) for name in _COLUMNS if name in columns_table.rest()}
    columns_table.finish()
    delimiter = table.text("delimiter", ",", maximum=1)
    decimal = table.choice("decimal", (".", ","), "") or None if "decimal" in table.rest() else None
    zone = table.text("time_zone", "UTC")
    try:
        time_zone = ZoneInfo(zone)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise PlantError(f"{zone!r} is not an IANA time zone", field=table.path("time_zone")) from error
    webhooks = tuple(_webhook(item, folder) for item in table.tables("webhooks"))
    for position, target in enumerate(webhooks):
        if target.id in [other.id for other in webhooks[:position]]:
            raise PlantError(f"duplicate id {target.id!r}", field=table.path(f"webhooks[{position}].id"))
    date_format = table.text("date_format", "", maximum=40) or None
    organisation = table.integer("organisation", at_least=1) if "organisation" in table.rest() else None
    table.finish()
    return Erp(materials, columns, delimiter, date_format, decimal, time_zone, webhooks, organisation)


def _materials(table: TomlTable, gtins: Collection[Gtin], folder: Path) -> dict[str, Gtin]:
    inline = table.table("materials", {})
    texts = {number: (inline.text(number), inline.path(number)) for number in list(inline.rest())}
    if "materials_file" in table.rest():
        path, where = folder / table.text("materials_file"), table.path("materials_file")
        for number, text, line in _materials_file(path, where):
            if number in texts:
                raise PlantError(f"material {number!r} is mapped twice", field=f"{where}, line {line} of {path.name}")
            texts[number] = (text, f"{where}, line {line} of {path.name}")
    materials = {}
    for number, (text, where) in texts.items():
        try:
            materials[number] = Gtin(text)
        except InvalidInput as error:
            raise PlantError(error.message, field=where, hint=error.hint) from error
        if materials[number] not in gtins:
            raise PlantError(f"the plant has no product {text}", field=where, hint="add it to [[products]]")
    return materials


def _materials_file(path: Path, where: str) -> list[tuple[str, str, int]]:
    """Return the rows of a mapping table with the columns material and gtin."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file, strict=True)
            if not {"material", "gtin"} <= set(reader.fieldnames or ()):
                raise PlantError(f"{path} needs the columns material and gtin", field=where)
            return [(row["material"] or "", row["gtin"] or "", reader.line_num) for row in reader]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise PlantError(f"{path} cannot be read: {error}", field=where) from error


def _webhook(table: TomlTable, folder: Path) -> WebhookTarget:
    target = WebhookTarget(
        table.text("id", maximum=60),
        table.text("url", maximum=500),
        folder / table.text("secret_file"),
        table.texts("events", EVENTS),
        table.boolean("allow_private", False),
    )
    for name in target.events:
        if name not in EVENTS:
            raise PlantError(f"{name!r} is not one of {', '.join(EVENTS)}", field=table.path("events"))
    if not target.url.startswith(("https://", "http://")):
        raise PlantError(f"{target.url!r} is not an http or https URL", field=table.path("url"))
    if not target.url.startswith("https://") and not target.allow_private:
        raise PlantError(
            "expected https", field=table.path("url"), hint="http is only allowed with allow_private = true"
        )
    table.finish()
    return target
