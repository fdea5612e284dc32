"""JSON objects of plain MQTT topics, by a mapping from topics and members to tags."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, NoReturn

from chromatrace.domain.errors import InvalidInput
from chromatrace.domain.reading import BAD, GOOD, MAX_VALUE_TEXT, Reading, ReadingValue, normalised
from chromatrace.ingest.gateway.statistics import GatewayStatistics, RejectedTagValue
from chromatrace.ingest.gateway.values import ReceivedValue, TagKey
from chromatrace.ingest.times import parse_epoch, parse_time
from chromatrace.storage.strict_json import require_shallow

_MAPPING = re.compile(
    r"(?P<topic>[^#+\0]+?)(?P<pointer>#[^=]*)?=(?P<source>[^/\[]+)/(?P<tag>[^\[]+)(\[(?P<unit>.*)\])?"
)
_DEFAULT_POINTER = "#/value"


@dataclass(frozen=True, slots=True)
class JsonTag:
    """A member of the objects of a topic. `members` is the JSON pointer as names; None: each member is a tag."""

    topic: str
    members: tuple[str, ...] | None
    key: TagKey


def parse_mapping(text: str) -> JsonTag:
    """Return the mapping `TOPIC[#/POINTER]=SOURCE/TAG[UNIT]` or `TOPIC=SOURCE/*`. Raises `InvalidInput`."""
    match = _MAPPING.fullmatch(text)
    if match is None:
        raise InvalidInput(
            f"expected TOPIC=SOURCE/TAG[UNIT] without wildcards in TOPIC, got {text!r}",
            field="topic",
            hint="for example press/force=press/force[kN], or press/state#/force=press/force[kN]",
        )
    return json_tag(match["topic"], match["pointer"], match["source"], match["tag"], match["unit"] or "")


def json_tag(topic: str, pointer: str | None, source: str, tag: str, unit: str) -> JsonTag:
    """Return the mapping of a member of a topic to a tag. Raises `InvalidInput`.

    pointer  JSON pointer as a URI fragment, such as #/force; None: #/value
    tag      "*": each member is a tag
    """
    if any(sign in topic for sign in "+#\0"):
        raise InvalidInput(f"{topic!r} has a wildcard", field="topic")
    if tag == "*" and (pointer or unit):
        raise InvalidInput(f"{topic!r} maps each member, so it has no pointer and no unit", field="topic")
    if pointer is not None and not pointer.startswith("#/"):
        raise InvalidInput(f"{pointer!r} is not a JSON pointer such as #/force", field="pointer")
    Reading(source, tag, 1, 1, 0.0, unit)
    names = (name.replace("~1", "/").replace("~0", "~") for name in (pointer or _DEFAULT_POINTER)[2:].split("/"))
    return JsonTag(topic, None if tag == "*" else tuple(names), TagKey(source, tag, unit))


def parse_mappings(texts: Iterable[str]) -> tuple[JsonTag, ...]:
    """Return the mappings. Raises `InvalidInput` if two have one tag."""
    tags = tuple(map(parse_mapping, texts))
    check_tags(tags)
    return tags


def check_tags(tags: Collection[JsonTag]) -> None:
    """Raise `InvalidInput` if two mappings have one tag."""
    seen: set[tuple[str, str]] = set()
    for tag in tags:
        series = (tag.key.source, tag.key.tag)
        if series in seen:
            raise InvalidInput(f"two mappings have the tag {'/'.join(series)}", field="topic")
        seen.add(series)
    for source in {tag.key.source for tag in tags if tag.members is None}:
        if sum(tag.key.source == source for tag in tags) > 1:
            raise InvalidInput(f"{source}/* and another mapping have the same source", field="topic")


class JsonTopics:
    """Decodes JSON objects. `time_member` is a time in RFC 3339, or a number of `time_unit` since 1970."""

    def __init__(
        self, tags: Iterable[JsonTag], statistics: GatewayStatistics, *, time_member: str, time_unit: str
    ) -> None:
        self._statistics = statistics
        self._time_member, self._time_unit = time_member, time_unit
        self._tags: dict[str, list[JsonTag]] = {}
        for tag in tags:
            self._tags.setdefault(tag.topic, []).append(tag)

    def maps(self, topic: str) -> bool:
        """Return whether the topic has a mapping."""
        return topic in self._tags

    def receive(self, topic: str, payload: bytes, received_ns: int) -> list[ReceivedValue]:
        """Return the values of a message. What is not a valid value is counted and listed."""
        tags = self._tags.get(topic)
        if tags is None:
            self._reject(topic, "", "the topic has no mapping")
            return []
        source = tags[0].key.source
        try:
            require_shallow(payload)
            message = json.loads(payload, parse_constant=_reject_constant, object_pairs_hook=_object)
            if not isinstance(message, dict):
                raise ValueError("not a JSON object")
            time_ns = self._time_ns(message)
        except (ValueError, RecursionError, InvalidInput) as error:
            self._reject(source, "", f"{topic}: {error}")
            return []
        values = []
        for key, value in self._members(tags, message):
            try:
                converted = _converted(value)
                quality = BAD if converted is None else GOOD
                Reading(key.source, key.tag, time_ns, received_ns, converted, key.unit, quality)
            except (ValueError, InvalidInput) as error:
                self._reject(key.source, key.tag, str(error))
                continue
            values.append(ReceivedValue(key, time_ns, received_ns, converted, quality, replayed=False))
        return values

    def _members(self, tags: list[JsonTag], message: dict[str, Any]) -> Iterator[tuple[TagKey, Any]]:
        for tag in tags:
            if tag.members is None:
                for name, value in message.items():
                    if name != self._time_member:
                        yield TagKey(tag.key.source, name, ""), value
                continue
            value = message
            for name in tag.members:
                if not isinstance(value, dict) or name not in value:
                    self._reject(tag.key.source, tag.key.tag, f"no member /{'/'.join(tag.members)}")
                    break
                value = value[name]
            else:
                yield tag.key, value

    def _time_ns(self, message: dict[str, Any]) -> int:
        time = message.get(self._time_member)
        if time is None:
            raise ValueError(f"no source time: the member {self._time_member!r} is missing")
        if isinstance(time, str):
            return parse_time(time, field=self._time_member)
        if isinstance(time, bool) or not isinstance(time, int | float):
            raise ValueError(f"{self._time_member} is neither a number nor a text")
        return parse_epoch(repr(time), self._time_unit, field=self._time_member)

    def _reject(self, source: str, tag: str, reason: str) -> None:
        # A name in JSON may have a lone surrogate, which no output can encode.
        printable = tag.encode("utf-8", "backslashreplace").decode()
        self._statistics.reject(RejectedTagValue(source, printable, reason))


def _converted(value: Any) -> ReadingValue:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        if not -(2**63) <= value < 2**63:
            raise ValueError(f"{value} is outside the range of a 64-bit integer")
        return normalised(value)
    if isinstance(value, float):
        if not math.isfinite(value):
            raise ValueError("the number is outside the range of a double")
        return value
    if isinstance(value, str):
        if len(value) > MAX_VALUE_TEXT:
            raise ValueError(f"a text of {len(value)} characters; the maximum is {MAX_VALUE_TEXT}")
        return value
    if value is None:
        return None
    raise ValueError("neither a number nor a text")


def _reject_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not a JSON number")


def _object(members: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(members)
    if len(found) < len(members):
        raise ValueError("a member occurs twice")
    return found
