"""The OPC UA address space of a plant.

Objects
└── <source>                     object; node identifier "<source>"
    └── <station> <name>         object per station; "<source>/<station>"
        └── <tag>                Double with history; "<source>/<station>/<tag>"; properties EURange, EngineeringUnits
└── <source> status              in the separate namespace "<namespace>:status"; not readings
    ├── Finished                 Boolean: no further values will follow
    ├── Steps                    UInt64: number of time steps written
    └── RunsCompleted            UInt64: number of runs that every machine has finished
"""

from __future__ import annotations

from dataclasses import dataclass

from asyncua import Server, ua
from asyncua.common.node import Node

from chromatrace.plant.history import ValueHistory
from chromatrace.plant.records import Tag
from chromatrace.plant.sources import Source

UNITS_NAMESPACE = "http://www.opcfoundation.org/UA/units/un/cefact"
_REC_20 = {
    "Pa": "PAL",
    "W": "WTT",
    "V": "VLT",
    "A": "AMP",
    "Cel": "CEL",
    "nm": "C45",
    "%": "P1",
    "s": "SEC",
    "/min": "RPM",
    "N.m": "NU",
    "mm": "MMT",
}
"""UCUM to UN/ECE Recommendation 20 common codes."""


@dataclass(frozen=True, slots=True)
class PlantNodes:
    """Node ids of the variables (`tags`, in the order of the source's tags) and of the status nodes."""

    tags: tuple[ua.NodeId, ...]
    finished: ua.NodeId
    steps: ua.NodeId
    runs_completed: ua.NodeId


async def build(server: Server, source: Source, history: ValueHistory) -> PlantNodes:
    """Create the nodes of a source. A variable has no value until its first value is written."""
    namespace = await server.register_namespace(source.namespace)
    plant = await server.nodes.objects.add_object(
        ua.NodeId(source.name, namespace), ua.QualifiedName(source.name, namespace)
    )
    await _describe(plant, source.title)
    stations: dict[str, Node] = {}
    for station in source.stations:
        stations[station.id] = await plant.add_object(
            ua.NodeId(f"{source.name}/{station.id}", namespace),
            ua.QualifiedName(f"{station.id} {station.name}", namespace),
        )
        await _describe(stations[station.id], station.description or station.name)
    # The names of tags contain the station, so the variables are components of the plant: a tag is the path below it.
    tags = [await _add_tag(server, plant, stations[tag.station], namespace, tag, history) for tag in source.tags]
    return PlantNodes(tuple(tags), *await _add_status(server, source))


async def _add_tag(
    server: Server, plant: Node, station: Node, namespace: int, tag: Tag, history: ValueHistory
) -> ua.NodeId:
    node_id = ua.NodeId(f"{plant.nodeid.Identifier}/{tag.station}/{tag.name}", namespace)
    variable = await plant.add_variable(node_id, ua.QualifiedName(tag.name, namespace), 0.0, ua.VariantType.Double)
    await station.add_reference(variable, ua.ObjectIds.Organizes)
    await _describe(variable, tag.description or tag.name)
    await variable.add_property(
        ua.NodeId(f"{node_id.Identifier}/EURange", namespace),
        ua.QualifiedName("EURange", 0),
        ua.Range(Low=tag.low, High=tag.high),
    )
    await variable.add_property(
        ua.NodeId(f"{node_id.Identifier}/EngineeringUnits", namespace),
        ua.QualifiedName("EngineeringUnits", 0),
        _engineering_units(tag.unit),
    )
    for attribute in (ua.AttributeIds.AccessLevel, ua.AttributeIds.UserAccessLevel):
        await variable.set_attr_bit(attribute, ua.AccessLevel.HistoryRead)
    await variable.write_attribute(ua.AttributeIds.Historizing, ua.DataValue(ua.Variant(True)))
    history.keep(node_id)
    await server.write_attribute_value(
        node_id, ua.DataValue(StatusCode=ua.StatusCode(ua.StatusCodes.BadWaitingForInitialData))
    )
    return node_id


async def _add_status(server: Server, source: Source) -> tuple[ua.NodeId, ua.NodeId, ua.NodeId]:
    namespace = await server.register_namespace(f"{source.namespace}:status")
    name = f"{source.name} status"
    status = await server.nodes.objects.add_object(ua.NodeId(name, namespace), ua.QualifiedName(name, namespace))
    nodes = []
    for field, value in (
        ("Finished", ua.Variant(False)),
        ("Steps", ua.Variant(0, ua.VariantType.UInt64)),
        ("RunsCompleted", ua.Variant(0, ua.VariantType.UInt64)),
    ):
        node = await status.add_variable(
            ua.NodeId(f"{name}/{field}", namespace), ua.QualifiedName(field, namespace), value
        )
        nodes.append(node.nodeid)
    return nodes[0], nodes[1], nodes[2]


async def _describe(node: Node, text: str) -> None:
    description = ua.DataValue(ua.Variant(ua.LocalizedText(text)))
    await node.write_attribute(ua.AttributeIds.Description, description)


def _engineering_units(unit: str) -> ua.EUInformation:
    """Return the unit. The unit id is the common code as a big-endian number, or -1 (OPC UA Part 8, 5.6.4.3)."""
    code = _REC_20.get(unit)
    unit_id = -1 if code is None else int.from_bytes(code.encode("ascii"), "big")
    return ua.EUInformation(
        NamespaceUri=UNITS_NAMESPACE,
        UnitId=unit_id,
        DisplayName=ua.LocalizedText(unit),
        Description=ua.LocalizedText(unit),
    )
