"""Find the variables of a server, with as many nodes in a request as the server permits."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from asyncua import Client, ua

from chromatrace.domain.errors import InvalidInput
from chromatrace.ingest.gateway.values import TagKey
from chromatrace.ingest.opcua.units import unit_of

T = TypeVar("T")
Request = Callable[[Awaitable[Any]], Awaitable[Any]]
"""Awaits a response, and raises as soon as the connection is lost."""

_DEFAULT_LIMIT = 1_000
"""Nodes in a request to a server that states no limit."""
_MAX_NODES = 100_000
_MAX_RANGE = 1e300
_LIMITS = {
    "read": ua.ObjectIds.Server_ServerCapabilities_OperationLimits_MaxNodesPerRead,
    "browse": ua.ObjectIds.Server_ServerCapabilities_OperationLimits_MaxNodesPerBrowse,
    "monitor": ua.ObjectIds.Server_ServerCapabilities_OperationLimits_MaxMonitoredItemsPerCall,
}
_SCALAR = -1
"""ValueRank of a scalar (OPC UA Part 3, 5.6.2). -2 and -3 may be a scalar."""
_NUMBERS = {
    *(ua.ObjectIds.SByte, ua.ObjectIds.Byte, ua.ObjectIds.Int16, ua.ObjectIds.UInt16, ua.ObjectIds.Int32),
    *(ua.ObjectIds.UInt32, ua.ObjectIds.Int64, ua.ObjectIds.UInt64, ua.ObjectIds.Float, ua.ObjectIds.Double),
    *(ua.ObjectIds.Number, ua.ObjectIds.Integer, ua.ObjectIds.UInteger, ua.ObjectIds.BaseDataType),
}
_TEXTS = {ua.ObjectIds.Boolean, ua.ObjectIds.String, ua.ObjectIds.DateTime, ua.ObjectIds.LocalizedText}
_READABLE = {ua.NodeId(int(identifier)) for identifier in _NUMBERS | _TEXTS}
_ENUMERATION = ua.NodeId(int(ua.ObjectIds.Enumeration))


@dataclass(slots=True)
class Limits:
    """Nodes in one request: read, browse, monitor (monitored items)."""

    read: int = _DEFAULT_LIMIT
    browse: int = _DEFAULT_LIMIT
    monitor: int = _DEFAULT_LIMIT


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A variable that is not read, with the reason."""

    path: str
    reason: str


@dataclass(frozen=True, slots=True)
class _Variable:
    source: str
    path: str
    node_id: Any


@dataclass(slots=True)
class Found:
    """The tags of a server, and the variables that are left out."""

    keys: list[TagKey] = field(default_factory=list)
    left_out: list[LeftOut] = field(default_factory=list)


class Browser:
    """Browses a server in batches."""

    def __init__(self, client: Client, request: Request) -> None:
        self._client, self._request = client, request
        self.limits = Limits()

    async def read_limits(self) -> None:
        """Read the server's operation limits. A server without them gets `_DEFAULT_LIMIT`."""
        nodes = [ua.NodeId(int(identifier)) for identifier in _LIMITS.values()]
        try:
            values = await self._request(self._client.uaclient.read_attributes(nodes, ua.AttributeIds.Value))
        except ua.UaStatusCodeError:
            return
        for name, data in zip(_LIMITS, values, strict=True):
            value = data.Value.Value if data.Value is not None else None
            if isinstance(value, int) and value > 0:
                setattr(self.limits, name, min(value, _DEFAULT_LIMIT))

    async def read(self, node_ids: Sequence[Any], attribute: Any) -> list[Any]:
        """Return the data values of an attribute of many nodes, in their order."""
        values: list[Any] = []
        async for batch in self._batches(
            node_ids, "read", lambda part: self._client.uaclient.read_attributes(part, attribute)
        ):
            values += batch
        return values

    async def _batches(
        self, items: Sequence[T], limit: str, request: Callable[[Sequence[T]], Awaitable[Any]]
    ) -> AsyncIterator[Any]:
        """Yield the results of each batch. If the server rejects the size of a request, halve it."""
        start = 0
        while start < len(items):
            size = getattr(self.limits, limit)
            try:
                result = await self._request(request(items[start : start + size]))
            except (
                ua.uaerrors.BadTooManyOperations,
                ua.uaerrors.BadEncodingLimitsExceeded,
                ua.uaerrors.BadResponseTooLarge,
            ):
                if size == 1:
                    raise
                setattr(self.limits, limit, max(1, min(size, len(items) - start) // 2))
                continue
            yield result
            start += size

    async def monitor(self, items: Sequence[T], request: Callable[[Sequence[T]], Awaitable[Any]]) -> list[Any]:
        """Return the results of a request for monitored items, in batches."""
        results: list[Any] = []
        async for batch in self._batches(items, "monitor", request):
            results += batch
        return results

    async def children(self, node_ids: Sequence[Any], *, properties: bool = False) -> list[list[Any]]:
        """Return the references to the children of each node, or to its properties."""
        reference = ua.ObjectIds.HasProperty if properties else ua.ObjectIds.HierarchicalReferences

        def described(node_id: Any) -> Any:
            description = ua.BrowseDescription()
            description.NodeId = node_id
            description.BrowseDirection = ua.BrowseDirection.Forward
            description.ReferenceTypeId = ua.NodeId(int(reference))
            description.IncludeSubtypes = True
            description.NodeClassMask = ua.NodeClass.Object | ua.NodeClass.Variable
            description.ResultMask = ua.BrowseResultMask.All
            return description

        def browse(part: Sequence[Any]) -> Awaitable[Any]:
            parameters = ua.BrowseParameters()
            parameters.View.Timestamp = ua.get_win_epoch()
            parameters.RequestedMaxReferencesPerNode = 0
            parameters.NodesToBrowse = [described(node_id) for node_id in part]
            response: Awaitable[Any] = self._client.uaclient.browse(parameters)
            return response

        found: list[list[Any]] = []
        async for results in self._batches(node_ids, "browse", browse):
            for result in results:
                references = list(result.References or ())
                while result.ContinuationPoint:
                    following = ua.BrowseNextParameters()
                    following.ContinuationPoints = [result.ContinuationPoint]
                    following.ReleaseContinuationPoints = False
                    (result,) = await self._request(self._client.uaclient.browse_next(following))
                    references += result.References or ()
                found.append(references)
        return found

    async def tags(self, roots: Iterable[tuple[str, Any]], loose: Iterable[tuple[str, str, Any]] = ()) -> Found:
        """Return the tags below each root (source and node), and the variables `loose` (source, tag and node).

        The tag is the path of browse names below the source. Raises `InvalidInput` if two variables have one path.
        """
        variables = [variable async for variable in self._below(roots)]
        variables += [_Variable(source, tag, node_id) for source, tag, node_id in loose]
        return await self.select(variables)

    async def named(self, source: str, node_ids: Sequence[Any]) -> Found:
        """Return the variables with these node ids as tags of `source`, by their browse names."""
        names = await self.read(node_ids, ua.AttributeIds.BrowseName)
        for node_id, data in zip(node_ids, names, strict=True):
            if data.StatusCode is not None and not data.StatusCode.is_good():
                raise InvalidInput(f"{node_id.to_string()!r}: {data.StatusCode.name}", field="nodes")
        variables = [
            _Variable(source, data.Value.Value.Name, node_id) for node_id, data in zip(node_ids, names, strict=True)
        ]
        return await self.select(variables)

    async def _below(self, roots: Iterable[tuple[str, Any]]) -> AsyncIterator[_Variable]:
        """Yield the variables below the roots, level by level. Each node is visited once, so cycles end."""
        level = [(source, "", node_id) for source, node_id in roots]
        visited = {node_id for _, _, node_id in level}
        while level:
            following: list[tuple[str, str, Any]] = []
            for (source, path, _), references in zip(
                level, await self.children([node_id for *_, node_id in level]), strict=True
            ):
                for reference in references:
                    node_id = ua.NodeId(reference.NodeId.Identifier, reference.NodeId.NamespaceIndex)
                    if node_id in visited or reference.ReferenceTypeId == _HAS_PROPERTY:
                        continue
                    visited.add(node_id)
                    if len(visited) > _MAX_NODES:
                        raise InvalidInput(
                            f"the namespace has more than {_MAX_NODES:,} nodes",
                            field="namespace",
                            hint="name the nodes",
                        )
                    below = f"{path}/{reference.BrowseName.Name}" if path else reference.BrowseName.Name
                    if reference.NodeClass == ua.NodeClass.Variable:
                        yield _Variable(source, below, node_id)
                    following.append((source, below, node_id))
            level = following

    async def select(self, variables: Sequence[_Variable]) -> Found:
        """Return the variables that can be read as tags, with their units and state names."""
        node_ids = [variable.node_id for variable in variables]
        types = await self.read(node_ids, ua.AttributeIds.DataType)
        ranks = await self.read(node_ids, ua.AttributeIds.ValueRank)
        type_ids = [data.Value.Value if data.Value is not None else None for data in types]
        enumerations = await self._enumerations({type_id for type_id in type_ids if type_id is not None} - _READABLE)
        found = Found()
        readable: list[tuple[_Variable, Any]] = []
        for variable, type_id, rank_data in zip(variables, type_ids, ranks, strict=True):
            rank = rank_data.Value.Value if rank_data.Value is not None else _SCALAR
            path = f"{variable.source}/{variable.path}"
            if type_id is None:
                found.left_out.append(LeftOut(path, "no data type"))
            elif isinstance(rank, int) and rank > _SCALAR:
                found.left_out.append(LeftOut(path, "array"))
            elif type_id not in _READABLE and type_id not in enumerations:
                found.left_out.append(LeftOut(path, "structure or other type"))
            else:
                readable.append((variable, enumerations.get(type_id)))
        units = await self._units([variable.node_id for variable, _ in readable])
        seen: set[tuple[str, str]] = set()
        for (variable, states), unit in zip(readable, units, strict=True):
            if (variable.source, variable.path) in seen:
                raise InvalidInput(
                    f"two variables have the path {variable.source}/{variable.path}",
                    field="namespace",
                    hint="name the nodes to read with --node, in separate runs with their own --source",
                )
            seen.add((variable.source, variable.path))
            found.keys.append(TagKey(variable.source, variable.path, unit, variable.node_id, states))
        return found

    async def _units(self, node_ids: Sequence[Any]) -> list[str]:
        """Return the unit of each variable: its property EngineeringUnits."""
        return [unit_of(value) for value in await self._properties(node_ids, "EngineeringUnits")]

    async def ranges(self, node_ids: Sequence[Any]) -> list[tuple[float, float] | None]:
        """Return the range of the instrument of each variable: its property EURange."""
        found: list[tuple[float, float] | None] = []
        for value in await self._properties(node_ids, "EURange"):
            low, high = getattr(value, "Low", None), getattr(value, "High", None)
            if isinstance(low, float) and isinstance(high, float) and -_MAX_RANGE < low < high < _MAX_RANGE:
                found.append((low, high))
            else:
                found.append(None)
        return found

    async def _properties(self, node_ids: Sequence[Any], name: str) -> list[Any]:
        """Return the value of the property `name` of each variable, or None."""
        owners: list[int] = []
        properties: list[Any] = []
        for index, references in enumerate(await self.children(node_ids, properties=True)):
            for reference in references:
                if reference.BrowseName.Name == name:
                    owners.append(index)
                    properties.append(ua.NodeId(reference.NodeId.Identifier, reference.NodeId.NamespaceIndex))
        values: list[Any] = [None] * len(node_ids)
        for index, data in zip(owners, await self.read(properties, ua.AttributeIds.Value), strict=True):
            values[index] = data.Value.Value if data.Value is not None else None
        return values

    async def _enumerations(self, type_ids: Iterable[Any]) -> dict[Any, dict[int, str]]:
        """Return the names of the states of each data type that is an enumeration."""
        wanted = list(type_ids)
        found: dict[Any, dict[int, str]] = {}
        if not wanted:
            return found
        for type_id, references in zip(wanted, await self.children(wanted, properties=True), strict=True):
            for reference in references:
                if reference.BrowseName.Name not in ("EnumStrings", "EnumValues"):
                    continue
                node_id = ua.NodeId(reference.NodeId.Identifier, reference.NodeId.NamespaceIndex)
                (data,) = await self.read([node_id], ua.AttributeIds.Value)
                found[type_id] = dict(_state_names(data.Value.Value if data.Value is not None else None))
        for type_id in wanted:
            if type_id == _ENUMERATION:
                found.setdefault(type_id, {})
        return found


_HAS_PROPERTY = ua.NodeId(int(ua.ObjectIds.HasProperty))


def _state_names(value: Any) -> Iterator[tuple[int, str]]:
    for index, item in enumerate(value or ()):
        if isinstance(item, ua.LocalizedText):
            yield index, item.Text or ""
        elif hasattr(item, "DisplayName"):
            yield int(item.Value), item.DisplayName.Text or ""
