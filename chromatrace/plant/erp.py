"""The section `[erp]` of a plant file: how an ERP or MES names products and columns, and where webhooks go."""

from __future__ import annotations

import csv
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from chromatrace.domain.errors import InvalidInput
from chromatrace.domain.identifiers import Gtin
from chromatrace.plant.names import Names, Section
from chromatrace.storage.toml import TomlTable

EVENTS = ("order.progress", "order.quality", "order.genealogy")
"""Types of webhook messages."""
_COLUMNS = ("order", "material", "quantity", "start", "finish", "status", "lot")
_UTC = ZoneInfo("UTC")


@dataclass(frozen=True, slots=True)
class WebhookTarget:
    """An HTTP endpoint that receives signed messages.

    secret_file    file with `whsec_` and the base64 text of the shared secret
    allow_private  whether the address may be in a private network
    ca             certification authority of the target; None: those of the system
    """

    id: str
    url: str
    secret_file: Path
    events: tuple[str, ...] = EVENTS
    allow_private: bool = False
    ca: Path | None = None


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
    time_zone: ZoneInfo = _UTC
    webhooks: tuple[WebhookTarget, ...] = ()
    organisation: int | None = None


def read_erp(top: TomlTable, names: Names) -> Erp:
    """Read the section from a plant file."""
    return read_section(top.table("erp", {}), names["products"], names.folder) if "erp" in top else Erp()


def read_section(table: TomlTable, gtins: Collection[str], folder: Path) -> Erp:
    """Read the section. `gtins` are the plant's products; paths are relative to `folder`."""
    columns = table.table("columns", {})
    erp = table.build(
        Erp,
        materials=_materials(table, gtins, folder),
        columns={name: columns.text(name, maximum=120) for name in _COLUMNS if name in columns},
        delimiter=table.text("delimiter", ",", maximum=1),
        date_format=table.optional_text("date_format", maximum=40),
        decimal=table.choice("decimal", (".", ",")) if "decimal" in table else None,
        time_zone=_time_zone(table),
        webhooks=table.parts(_webhook(item, folder) for item in table.tables("webhooks")),
        organisation=table.integer("organisation", at_least=1) if "organisation" in table else None,
    )
    columns.finish()
    for position, target in enumerate(erp.webhooks if erp else ()):
        if erp and target.id in [other.id for other in erp.webhooks[:position]]:
            table.mistake(f"webhooks[{position}].id", f"duplicate id {target.id!r}")
    return erp or Erp()


def _time_zone(table: TomlTable) -> ZoneInfo:
    name = table.text("time_zone", "UTC")
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        table.mistake("time_zone", f"{name!r} is not an IANA time zone", "for example Europe/Berlin or UTC")
        return _UTC


def _materials(table: TomlTable, gtins: Collection[str], folder: Path) -> dict[str, Gtin]:
    inline, materials = table.table("materials", {}), dict[str, Gtin]()
    for number in inline.fields():
        gtin = _product(inline, number, inline.text(number), "", gtins)
        if gtin is not None:
            materials[number] = gtin
    inline.finish()
    if "materials_file" in table:
        path = table.file("materials_file", folder / table.text("materials_file"))
        for number, text, line in _materials_file(table, path):
            at = f"{path.name}, line {line}: "
            if number in materials:
                table.mistake("materials_file", f"{at}material {number!r} is mapped twice")
            gtin = _product(table, "materials_file", text, at, gtins)
            if gtin is not None:
                materials[number] = gtin
    return materials


def _product(table: TomlTable, key: str, text: str, at: str, gtins: Collection[str]) -> Gtin | None:
    try:
        gtin = Gtin(text)
    except InvalidInput as error:
        table.mistake(key, at + error.message, error.hint)
        return None
    if text not in gtins:
        table.mistake(key, f"{at}the plant has no product {text}", "add it to [[products]]")
    return gtin


def _materials_file(table: TomlTable, path: Path) -> Iterator[tuple[str, str, int]]:
    """Yield the rows of a mapping table with the columns material and gtin."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file, strict=True)
            if not {"material", "gtin"} <= set(reader.fieldnames or ()):
                table.mistake("materials_file", f"{path} needs the columns material and gtin")
                return
            for row in reader:
                yield row["material"] or "", row["gtin"] or "", reader.line_num
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        table.mistake("materials_file", f"{path} cannot be read: {error}")


def _webhook(table: TomlTable, folder: Path) -> WebhookTarget | None:
    url, allow_private = table.text("url"), table.boolean("allow_private", False)
    if url and not url.startswith(("https://", "http://")):
        table.mistake("url", f"{url!r:.80} is not an http or https URL")
    elif url.startswith("http://") and not allow_private:
        table.mistake("url", "expected https", "http is only allowed with allow_private = true")
    events = table.texts("events", EVENTS)
    for position, name in enumerate(events):
        if name not in EVENTS:
            table.mistake(f"events[{position}]", f"{name!r} is not one of {', '.join(EVENTS)}")
    return table.build(
        WebhookTarget,
        id=table.text("id", maximum=60),
        url=url,
        secret_file=table.file("secret_file", folder / table.text("secret_file")),
        events=events,
        allow_private=allow_private,
        ca=table.file("ca", folder / table.text("ca")) if "ca" in table else None,
    )


ERP = Section("erp", read_erp)
