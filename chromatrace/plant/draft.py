"""Write a first plant file from the tags that a server, broker or file has. `plant check` accepts it."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

from chromatrace.domain.units import UnitError, check_unit
from chromatrace.plant.configuration import SCHEMA, parse_plant
from chromatrace.storage.toml.text import toml_lines

Values: TypeAlias = Mapping[str, str | bool | int | float | Sequence[str] | None]

_MAX_NAME = 120
_MAX_ID = 60


@dataclass(frozen=True, slots=True)
class DraftTag:
    """A tag of the readings of `source`, with the range of its instrument if it is known."""

    source: str
    tag: str
    unit: str = ""
    range: tuple[float, float] | None = None


@dataclass(frozen=True, slots=True)
class DraftSource:
    """A source of the plant file: the keys of its table, its layout if it reads files, and its tags."""

    id: str
    values: Values
    tags: tuple[DraftTag, ...]
    layout: Values = field(default_factory=dict)


def draft_plant(name: str, sources: Sequence[DraftSource], notes: Sequence[str] = ()) -> str:
    """Return the text of a plant file with a station for each source of readings. `notes` become comments.

    Raises `PlantError` if the tags do not make a valid plant file, such as a name that is too long.
    """
    origins = list(dict.fromkeys(tag.source for source in sources for tag in source.tags))
    stations = _ids(origins)
    text = "".join(
        [
            "# A first plant file. Complete it, then run: chromatrace plant check FILE\n",
            "# docs/plant-file.md describes every key.\n",
            toml_lines(schema=SCHEMA, name=slug(name), title=name),
            *(_station(stations[origin], origin) for origin in origins),
            _CHANNEL.format(name=toml_lines(name=slug(name))),
            *(_source(source, slug(name)) for source in sources),
            _comments("Not read", notes),
            _TAGS,
            *_tags(sources, stations),
            _EXAMPLES.format(station=next(iter(stations.values()))),
        ]
    )
    parse_plant(text, "the draft")
    return text


def slug(text: str) -> str:
    """Return an id: lower-case letters, digits and hyphens."""
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")[:_MAX_ID].strip("-") or "plant"


def _ids(origins: Sequence[str]) -> dict[str, str]:
    """Return an id for each source of readings."""
    ids: dict[str, str] = {}
    for origin in origins:
        wanted, number = slug(origin), 2
        while wanted in ids.values():
            wanted, number = f"{slug(origin)[: _MAX_ID - 6]}-{number}", number + 1
        ids[origin] = wanted
    return ids


def _station(station: str, origin: str) -> str:
    return "\n[[stations]]\n" + toml_lines(id=station, name=origin[:_MAX_NAME])


def _source(source: DraftSource, channel: str) -> str:
    layout = "\n[[layouts]]\n" + toml_lines(**source.layout) if source.layout else ""
    values = dict(source.values)
    return f"{layout}\n[[sources]]\n" + toml_lines(
        id=source.id, protocol=values.pop("protocol"), channel=channel, **values
    )


def _tags(sources: Sequence[DraftSource], stations: Mapping[str, str]) -> list[str]:
    uses = Counter(tag.tag for source in sources for tag in source.tags)
    parts = []
    for source in sources:
        for tag in source.tags:
            name = tag.tag if uses[tag.tag] == 1 else f"{tag.source}/{tag.tag}"
            low, high = tag.range or (None, None)
            unit, comment = _unit(tag.unit)
            values = toml_lines(
                name=name, station=stations[tag.source], source=source.id, unit=unit or None, low=low, high=high
            )
            parts.append(f"\n{comment}[[tags]]\n{values}")
    return parts


def _unit(unit: str) -> tuple[str, str]:
    """Return the unit if it is known, else a comment that states it."""
    try:
        check_unit(unit)
    except UnitError as error:
        near = f" ({error.hint})" if error.hint else ""
        return "", _comments("Unit", [f"the device states {unit!r}, which is not known{near}"])
    return unit.strip(), ""


def _comments(title: str, notes: Sequence[str]) -> str:
    return "".join(f"# {title}: {_line(note)}\n" for note in notes)


def _line(text: str) -> str:
    """Return text for a comment, which ends at the end of the line."""
    return "".join(c if c.isprintable() else " " for c in text)


_CHANNEL = """
# The log of the readings. The entries of a public channel have no salt.
[[channels]]
{name}"""

_TAGS = """
# Tags. Add limit_low and limit_high, the limits of the process. If a device uses another unit than you want to see,
# write your unit and convert_from = "unit of the device".
"""

_EXAMPLES = """
# [[machines]]
# id = "machine-1"
# name = "Machine 1"
# station = "{station}"
# tags = "prefix of its tags"
# state_tag = "tag of its state"
# states = {{ running = [1], idle = [2], stopped = [0], fault = [3] }}

# [[instruments]]
# id = "thickness-gauge"
# name = "Thickness gauge"
# kind = "gauge"
# station = "{station}"
# quantities = {{ thickness = "um" }}

# [[products]]
# gtin = "09521234543213"
# name = "Product"
# route = ["{station}"]

# [[check_sheets]]
# id = "final-inspection"
# station = "{station}"
# stage = "final"
#
# [[check_sheets.checks]]
# quantity = "thickness"
# unit = "um"
# comparison = "<="
# limit = 100
"""
