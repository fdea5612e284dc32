"""The Sparkplug B messages of a source: births, data and deaths of an edge node with one device for each station."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

from chromatrace.domain.errors import InvalidInput
from chromatrace.plant.records import Tag
from chromatrace.plant.sources import GOOD, Source, TagSample
from chromatrace.sparkplug import (
    BD_SEQ,
    BOOLEAN,
    DOUBLE,
    INT32,
    INT64,
    REBIRTH,
    STRING,
    Metric,
    Payload,
    PropertySet,
    PropertyValue,
    now_ms,
)

_RUNS, _FINISHED = "Node Info/Runs Completed", "Node Info/Finished"
"""State of the plant. Names below Node Info/ are not measurements."""
_RUNS_ALIAS, _FINISHED_ALIAS, _FIRST_ALIAS = 1, 2, 3
_QUALITIES = (192, 500, 0, 0)
"""Values of the property Quality, by the severity of the OPC UA status: good, stale and bad (Sparkplug 3.0.0)."""


@dataclass(frozen=True, slots=True)
class Message:
    """A message without its sequence number. `device` is "" for a message of the node."""

    kind: str
    device: str
    payload: Payload


@dataclass(frozen=True, slots=True)
class _Metric:
    """A tag, its position among the tags of the source, and its alias."""

    tag: Tag
    position: int
    alias: int


class SparkplugMessages:
    """Encodes the steps of a source. Metrics have the names of the tags; an alias replaces the name after the birth.

    Raises `InvalidInput` if a step is not at a whole millisecond, the resolution of Sparkplug, or if a station's name
    cannot be part of a topic.
    """

    def __init__(self, source: Source) -> None:
        if round(source.period_s * 10**9) % 10**6:
            raise InvalidInput(
                f"{source.period_s:g} s is not a whole number of milliseconds, the resolution of Sparkplug",
                field="step",
            )
        for first in islice(source.steps(), 1):
            _time_ms(first)
        self._devices: dict[str, list[_Metric]] = {}
        for position, tag in enumerate(source.tags):
            check_level(tag.station, "station")
            metric = _Metric(tag, position, _FIRST_ALIAS + position)
            self._devices.setdefault(tag.station, []).append(metric)

    def births(self, bd_seq: int, step: TagSample, *, finished: bool) -> Iterator[Message]:
        """Yield the NBIRTH and the DBIRTH of each device, with the values of `step`."""
        now = now_ms()
        state = [
            Metric(name=BD_SEQ, timestamp=now, datatype=INT64, long_value=bd_seq),
            Metric(name=REBIRTH, timestamp=now, datatype=BOOLEAN, boolean_value=False),
            Metric(name=_RUNS, alias=_RUNS_ALIAS, timestamp=now, datatype=INT64, long_value=step.runs_completed),
            Metric(name=_FINISHED, alias=_FINISHED_ALIAS, timestamp=now, datatype=BOOLEAN, boolean_value=finished),
        ]
        yield Message("NBIRTH", "", Payload(timestamp=now, metrics=state))
        for device, metrics in self._devices.items():
            yield Message("DBIRTH", device, Payload(timestamp=now, metrics=[_born(metric, step) for metric in metrics]))

    def data(self, step: TagSample, *, historical: bool) -> Iterator[Message]:
        """Yield the DDATA of each device."""
        now = now_ms()
        for device, metrics in self._devices.items():
            values = [_valued(metric, step, is_historical=historical or None) for metric in metrics]
            yield Message("DDATA", device, Payload(timestamp=now, metrics=values))

    def state(self, runs_completed: int, *, finished: bool) -> Message:
        """Return the NDATA with the state of the plant."""
        now = now_ms()
        metrics = [
            Metric(alias=_RUNS_ALIAS, timestamp=now, long_value=runs_completed),
            Metric(alias=_FINISHED_ALIAS, timestamp=now, boolean_value=finished),
        ]
        return Message("NDATA", "", Payload(timestamp=now, metrics=metrics))


def death(bd_seq: int) -> bytes:
    """Return the payload of an NDEATH. It has no sequence number."""
    metric = Metric(name=BD_SEQ, timestamp=now_ms(), datatype=INT64, long_value=bd_seq)
    payload: bytes = Payload(timestamp=now_ms(), metrics=[metric]).SerializeToString()
    return payload


def check_level(text: str, field: str) -> None:
    """Raise `InvalidInput` if `text` is not one level of a topic without wildcards."""
    if not text or any(sign in text for sign in "/+#\0"):
        raise InvalidInput(f"{text!r} is not one level of a topic without wildcards", field=field)


def _born(metric: _Metric, step: TagSample) -> Metric:
    """Return the metric of a birth: name, alias, type and unit."""
    born = _valued(metric, step)
    born.name, born.datatype = metric.tag.name, DOUBLE
    if metric.tag.unit:
        born.properties.keys.append("engUnit")
        born.properties.values.append(PropertyValue(type=STRING, string_value=metric.tag.unit))
    return born


def _time_ms(step: TagSample) -> int:
    time_ms, rest_ns = divmod(step.source_time_ns, 10**6)
    if rest_ns:
        raise InvalidInput(
            f"{step.source_time_ns} ns is not a whole millisecond, the resolution of Sparkplug", field="start"
        )
    return time_ms


def _valued(metric: _Metric, step: TagSample, *, is_historical: bool | None = None) -> Metric:
    quality = step.qualities[metric.position]
    properties = None
    if quality != GOOD:
        code = PropertyValue(type=INT32, int_value=_QUALITIES[quality >> 30])
        properties = PropertySet(keys=["Quality"], values=[code])
    return Metric(
        alias=metric.alias,
        timestamp=_time_ms(step),
        double_value=step.values[metric.position],
        is_historical=is_historical,
        properties=properties,
    )
