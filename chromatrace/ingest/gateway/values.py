"""Tags and received values of any protocol."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from chromatrace.domain.reading import ReadingValue


@dataclass(frozen=True, slots=True)
class TagKey:
    """A tag of a source, with its unit and, in OPC UA, its node. `states` names the values of an enumeration."""

    source: str
    tag: str
    unit: str
    node_id: Any = None
    states: Mapping[int, str] | None = None


class ReceivedValue(NamedTuple):
    """A value received from a server or broker: `source_time_ns` > 0, a finite number, a text, or None if it is bad.

    `overflow`: earlier values were lost. A named tuple, because it takes a third of the time of a dataclass.
    """

    key: TagKey
    source_time_ns: int
    received_ns: int
    value: ReadingValue
    quality: int
    replayed: bool
    overflow: bool = False
