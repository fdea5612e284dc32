"""Readings that a program pushes over HTTP: the elements of a JSON batch, and what was stored of them."""

from __future__ import annotations

import json
import threading
import time
from dataclasses import dataclass, field
from typing import Any

import orjson

from chromatrace.domain.errors import InvalidInput
from chromatrace.domain.reading import BAD, GOOD, UNCERTAIN, Reading, normalised
from chromatrace.gateway.answers import Answer
from chromatrace.ingest.gateway.dead_letters import MAX_PAYLOAD, DeadLetter, Recorder
from chromatrace.ingest.gateway.statistics import GatewayStatistics, RejectedTagValue
from chromatrace.ingest.gateway.values import ReceivedValue, TagKey
from chromatrace.ingest.gateway.writer import SpoolWriter
from chromatrace.ingest.spool import Spool
from chromatrace.ingest.times import parse_time
from chromatrace.storage.strict_json import parse

MAX_BODY = 4 * 1024 * 1024
MAX_READINGS = 10_000
_MEMBERS = ("source", "tag", "time", "time_ns", "value", "unit", "quality")
_QUALITIES = {"good": GOOD, "uncertain": UNCERTAIN, "bad": BAD}


@dataclass(slots=True)
class _Batch:
    """The valid elements with their positions, and the error by position of the others."""

    values: list[ReceivedValue] = field(default_factory=list)
    positions: list[int] = field(default_factory=list)
    errors: dict[int, InvalidInput] = field(default_factory=dict)
    letters: list[DeadLetter] = field(default_factory=list)


class PushedReadings:
    """Stores batches of one HTTP source. Safe for several threads.

    source_id  of the plant file; the scope: an element may name this source, or one below it (`id/…`), and no other
    """

    def __init__(
        self,
        source_id: str,
        channel: str,
        spool: Spool,
        recorder: Recorder,
        clock_tolerance_ns: int,
    ) -> None:
        self.statistics = GatewayStatistics()
        self._source_id = source_id
        self._recorder = recorder
        self._writer = SpoolWriter(spool, channel, self.statistics, recorder, clock_tolerance_ns)
        self._lock = threading.Lock()

    def store(self, body: bytes) -> Answer:
        """Store the valid elements of a batch, each exactly once, and return the answer.

        The status is 200, 207 if some elements are rejected, or 422 if all are. Raises `InvalidInput` if the body is
        not a batch, and `SpoolUnavailable`; the request can then be repeated.
        """
        received_ns = time.time_ns()
        batch = self._read(_elements(body), received_ns)
        with self._lock:
            duplicates, stored = self.statistics.duplicates, self.statistics.stored
            self._recorder.record(batch.letters)
            rejected: dict[int, str] = {}
            if batch.values:
                rejected = self._writer.write(batch.values)
            for position, error in batch.errors.items():
                reason = f"element {position}: {error}"
                self.statistics.reject(RejectedTagValue(self._source_id, "", reason))
            stored, duplicates = self.statistics.stored - stored, self.statistics.duplicates - duplicates
        errors = dict(batch.errors)
        errors |= {batch.positions[index]: InvalidInput(reason, field="value") for index, reason in rejected.items()}
        facts = {
            "stored": stored,
            "duplicates": duplicates,
            "rejected": len(errors),
            "errors": [
                {"index": position, **{k: v for k, v in error.as_dict().items() if k != "error"}}
                for position, error in sorted(errors.items())
            ],
        }
        status = 200 if not errors else 207 if stored or duplicates else 422
        return Answer(status, orjson.dumps(facts))

    def _read(self, elements: list[Any], received_ns: int) -> _Batch:
        batch = _Batch()
        for position, element in enumerate(elements):
            try:
                batch.values.append(self._value(element, received_ns))
                batch.positions.append(position)
            except InvalidInput as error:
                batch.errors[position] = error
                batch.letters.append(self._letter(element, error, received_ns))
        return batch

    def _value(self, element: Any, received_ns: int) -> ReceivedValue:
        if not isinstance(element, dict):
            raise InvalidInput("expected an object", field="")
        for name in element:
            if name not in _MEMBERS:
                raise InvalidInput("unknown member", field=name, hint=f"known: {', '.join(_MEMBERS)}")
        for name in ("tag", "value"):
            if name not in element:
                raise InvalidInput("missing", field=name)
        source = element.get("source", self._source_id)
        if not isinstance(source, str) or not (source == self._source_id or source.startswith(f"{self._source_id}/")):
            raise InvalidInput(
                f"{source!r:.130} is outside the scope of the token",
                field="source",
                hint=f"leave it out, or use {self._source_id}/…",
            )
        value = element["value"]
        if isinstance(value, bool):
            value = "true" if value else "false"
        quality = _quality(element.get("quality"), is_null=value is None)
        time_ns = _time_ns(element)
        reading = Reading(source, element["tag"], time_ns, received_ns, value, element.get("unit", ""), quality)
        key = TagKey(reading.source, reading.tag, reading.unit)
        return ReceivedValue(key, time_ns, received_ns, normalised(reading.value), quality, replayed=False)

    def _letter(self, element: Any, error: InvalidInput, received_ns: int) -> DeadLetter:
        """Return the letter of an invalid element. Its payload is the element, which a replay reads again."""
        payload = json.dumps(element).encode()
        tag = element.get("tag") if isinstance(element, dict) else None
        shown = tag if isinstance(tag, str) else ""
        return DeadLetter(
            self._source_id, shown[:120], str(error), received_ns, "pushed", "", payload[:MAX_PAYLOAD], len(payload)
        )


def _elements(body: bytes) -> list[Any]:
    document = parse(body, MAX_BODY, any_number=True)
    elements = document.get("readings") if isinstance(document, dict) else document
    if not isinstance(elements, list) or (isinstance(document, dict) and len(document) > 1):
        raise InvalidInput('expected an array of readings, or {"readings": […]}', field="readings")
    if not 1 <= len(elements) <= MAX_READINGS:
        raise InvalidInput(f"expected 1 to {MAX_READINGS:,} readings, got {len(elements):,}", field="readings")
    return elements


def _time_ns(element: dict[str, Any]) -> int:
    if ("time" in element) == ("time_ns" in element):
        raise InvalidInput("expected exactly one of time and time_ns", field="time")
    if "time_ns" in element:
        time_ns = element["time_ns"]
        if type(time_ns) is not int:
            raise InvalidInput(f"expected Unix nanoseconds as an integer, got {time_ns!r:.60}", field="time_ns")
        return time_ns
    if not isinstance(element["time"], str):
        raise InvalidInput(f"{element['time']!r:.60} is not a valid RFC 3339 time", field="time")
    return parse_time(element["time"])


def _quality(quality: Any, *, is_null: bool) -> int:
    if quality is None:
        return BAD if is_null else GOOD
    if isinstance(quality, str) and quality in _QUALITIES:
        return _QUALITIES[quality]
    if type(quality) is int:
        return quality
    raise InvalidInput(f"expected good, uncertain, bad or an OPC UA status code, got {quality!r:.60}", field="quality")
