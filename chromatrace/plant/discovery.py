"""Find the tags of a live OPC UA server or MQTT broker, or of a table file, for a first plant file."""

from __future__ import annotations

import asyncio
import logging
import os
import threading
from dataclasses import dataclass, field, replace
from pathlib import Path

from chromatrace.domain.errors import InvalidInput, NotFound
from chromatrace.ingest.errors import FileFormatError
from chromatrace.ingest.files import preview
from chromatrace.ingest.gateway.values import TagKey
from chromatrace.ingest.layout import Layout
from chromatrace.ingest.mqtt.births import listen_for_births
from chromatrace.ingest.mqtt.settings import MqttSettings
from chromatrace.ingest.opcua.session import connected
from chromatrace.ingest.opcua.settings import OpcUaSettings
from chromatrace.plant.draft import DraftSource, DraftTag, Values, slug

_STATUS = ":status"
"""End of the namespace in which a simulated plant reports that it has finished."""


@dataclass(slots=True)
class Discovery:
    """Sources with their tags, and what is not read, with the reason."""

    sources: list[DraftSource] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)

    @property
    def tags(self) -> int:
        return sum(len(source.tags) for source in self.sources)


def discover_opcua(settings: OpcUaSettings, values: Values) -> Discovery:
    """Return a source for each namespace of a server that has variables. `values` are further keys of the sources.

    Raises `ServerUnavailable`, `NotAuthorised`, and `NotFound` if there are no variables.
    """
    # asyncua logs a traceback for a lost connection.
    logging.getLogger("asyncua").setLevel(logging.CRITICAL)
    return asyncio.run(_discover_opcua(settings, values))


async def _discover_opcua(settings: OpcUaSettings, values: Values) -> Discovery:
    found = Discovery()
    async with connected(settings) as session:
        namespaces = await session.namespaces()
    for namespace in namespaces:
        if namespace.endswith(_STATUS):
            continue
        async with connected(replace(settings, namespace=namespace)) as session:
            try:
                keys = await session.browse()
            except InvalidInput as error:
                if not session.left_out and error.message.startswith("no tags"):
                    continue
                found.left_out.append(f"{namespace}: {error.message}")
                continue
            finally:
                found.left_out += [f"{item.path}: {item.reason}" for item in session.left_out]
            ranges = await session.ranges(keys)
        tags = tuple(DraftTag(key.source, key.tag, key.unit, span) for key, span in zip(keys, ranges, strict=True))
        keys_of_source = {"protocol": "opcua", "endpoint": settings.url, "namespace": namespace, **values}
        found.sources.append(DraftSource(slug(tags[0].source), keys_of_source, tags))
    _number(found.sources)
    if not found.sources:
        raise NotFound(f"{settings.url} has no variables that can be read", field="opcua")
    return found


def discover_mqtt(settings: MqttSettings, seconds: float, stop: threading.Event, values: Values) -> Discovery:
    """Return the source of the Sparkplug nodes that are born within `seconds`. `values` are further keys of the source.

    Raises `BrokerUnavailable`, `NotAuthorised`, and `NotFound` if no node is born.
    """
    keys, left_out = listen_for_births(settings, seconds, stop)
    if not keys:
        raise NotFound(
            f"no Sparkplug birth from {settings.url} within {seconds:g} s",
            field="mqtt",
            hint="listen longer with --seconds; a node that sends data is asked for its birth",
        )
    tags = tuple(DraftTag(key.source, key.tag, key.unit) for key in _unique(keys))
    groups = settings.groups or tuple(dict.fromkeys(tag.source.partition("/")[0] for tag in tags))
    keys_of_source = {"protocol": "mqtt", "url": settings.url, "groups": groups, **values}
    return Discovery([DraftSource("sparkplug", keys_of_source, tags)], left_out)


def discover_file(path: Path, layout: Layout, options: Values, folder: Path) -> Discovery:
    """Return the source of the files like `path`. `folder` is that of the plant file.

    options  options of the layout that were given; others are found from the file
    Raises `FileFormatError` if the file cannot be read without more options.
    """
    shown = preview(path, layout)
    if not shown["readings"] or shown["errors"]:
        first = shown["errors"][0] if shown["errors"] else {"field": "csv", "reason": "no readings", "hint": None}
        line = "" if first.get("line") is None else f"line {first['line']}: "
        raise FileFormatError(f"{line}{first['reason']}", field=first["field"], hint=first["hint"])
    units = {reading["tag"]: reading["unit"] for reading in reversed(shown["readings"])}
    listed = [column["tag"] for column in shown["layout"].get("columns", ())]
    tags = tuple(DraftTag(path.stem, tag, units.get(tag, "")) for tag in dict.fromkeys([*listed, *reversed(units)]))
    facts = {name: shown["layout"].get(name) for name in ("delimiter", "encoding", "decimal")}
    found = {} if shown["layout"].get("format") != "text" else facts
    name = slug(path.stem)
    values = {
        "protocol": "folder",
        "path": os.path.relpath(path.resolve().parent, folder.resolve()),
        "pattern": f"*{''.join(path.suffixes[-2:]) if path.suffix == '.gz' else path.suffix}",
        "layout": name,
    }
    return Discovery([DraftSource(name, values, tags, {"name": name, **found, **options})], shown["notes"])


def _unique(keys: list[TagKey]) -> list[TagKey]:
    return list({(key.source, key.tag): key for key in keys}.values())


def _number(sources: list[DraftSource]) -> None:
    """Give each source an id of its own."""
    seen: set[str] = set()
    for position, source in enumerate(sources):
        wanted, number = source.id, 2
        while wanted in seen:
            wanted, number = f"{source.id}-{number}", number + 1
        seen.add(wanted)
        sources[position] = replace(source, id=wanted)
