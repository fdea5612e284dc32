"""Read dead letters again, with the plant file as it is now, and store their readings."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson
from google.protobuf.message import DecodeError

from chromatrace.domain.errors import InvalidInput
from chromatrace.domain.reading import Reading, normalised
from chromatrace.gateway.dead_letters import OPEN, DeadLetters, StoredLetter
from chromatrace.gateway.folder import FolderReader
from chromatrace.gateway.push import PushedReadings
from chromatrace.gateway.store import GatewayStore
from chromatrace.ingest.gateway.dead_letters import DeadLetter
from chromatrace.ingest.gateway.statistics import GatewayStatistics
from chromatrace.ingest.gateway.values import ReceivedValue, TagKey
from chromatrace.ingest.gateway.writer import SpoolWriter
from chromatrace.ingest.layout import Layout
from chromatrace.ingest.mqtt.settings import MqttSettings
from chromatrace.ingest.mqtt.sparkplug import SparkplugNodes
from chromatrace.ingest.mqtt.topics import JsonTopics
from chromatrace.ingest.spool import Spool
from chromatrace.plant.plant_sources import FolderSource, HttpSource, MqttSource
from chromatrace.plant.records import Plant
from chromatrace.sparkplug import Payload

_CHANGED_TYPE = "the type changed: a "


@dataclass(frozen=True, slots=True)
class Replayed:
    """The result of one letter. `error` is the reason if the letter stays open."""

    id: int
    stored: int
    duplicates: int
    error: str | None = None


@dataclass(slots=True)
class _ReplayRecorder:
    """Collects why values are still rejected. The letter itself stays open, so nothing is recorded again."""

    letters: DeadLetters
    channel: str
    reasons: list[str] = field(default_factory=list)

    def record(self, letters: Sequence[DeadLetter]) -> None:
        self.reasons += [letter.reason for letter in letters]

    def remember_birth(self, topic: str, payload: bytes) -> None:
        """Do nothing: births are not replayed."""

    def resolve(self, address: str) -> None:
        """Do nothing: `Replay` marks the letter."""

    def accepts_type(self, source: str, tag: str, kind: str) -> bool:
        return self.letters.accepts_type(self.channel, source, tag, kind)


class Replay:
    """Replays letters. Each reading is stored once: a repeated replay finds duplicates.

    accept_types   store values whose type changed, and accept later values of the new type
    trust_aliases  Sparkplug: use the aliases of the last birth of the node, which may be later than the message
    """

    def __init__(
        self,
        plant: Plant,
        spool: Spool,
        store: GatewayStore,
        *,
        accept_types: bool = False,
        trust_aliases: bool = False,
    ) -> None:
        self._plant = plant
        self._sources = {source.id: source for source in plant.sources}
        self._spool = spool
        self._store = store
        self._letters = DeadLetters(store)
        self._accept_types = accept_types
        self._trust_aliases = trust_aliases

    def replay(self, letters: Iterable[StoredLetter]) -> Iterator[Replayed]:
        """Replay letters in order, and mark those of which everything is in the spool."""
        for letter in letters:
            result = self._replayed(letter)
            if result.error is None:
                self._letters.mark_replayed(letter.id)
            yield result

    def _replayed(self, letter: StoredLetter) -> Replayed:
        if letter.state != OPEN:
            return Replayed(letter.id, 0, 0, f"the letter is {letter.state}")
        if not letter.complete:
            reason = "the log has a bad reading at this time" if letter.form == "registers" else "it is not complete"
            return Replayed(letter.id, 0, 0, f"the payload cannot be replayed: {reason}")
        if self._accept_types and letter.reason.startswith(_CHANGED_TYPE):
            kind = letter.reason.removeprefix(_CHANGED_TYPE).partition(",")[0]
            self._letters.accept_type(letter.channel, letter.source, letter.tag, kind)
        replay: Callable[[StoredLetter], Replayed] = {
            "mqtt": self._message,
            "reading": self._reading,
            "pushed": self._pushed,
            "file": self._file,
        }[letter.form]
        try:
            return replay(letter)
        except InvalidInput as error:
            return Replayed(letter.id, 0, 0, str(error))

    def _message(self, letter: StoredLetter) -> Replayed:
        source = self._source(letter, MqttSource)
        statistics = GatewayStatistics()
        receive = _json if source.settings.json_tags else self._sparkplug
        values = receive(letter, source.settings, statistics)
        return self._stored(letter, values, [rejection.reason for rejection in statistics.rejections])

    def _sparkplug(
        self, letter: StoredLetter, settings: MqttSettings, statistics: GatewayStatistics
    ) -> list[ReceivedValue]:
        nodes = SparkplugNodes(GatewayStatistics(), lambda group, node: None)
        group, node = letter.address.split("/")[1::2][:2]
        for topic, payload in self._letters.births(letter.origin):
            if topic.split("/")[1] == group and topic.split("/")[3] == node:
                nodes.receive(topic, payload, letter.last_ns)
        if self._trust_aliases:
            try:
                nodes.trust_aliases(letter.address, Payload.FromString(letter.payload).seq)
            except DecodeError as error:
                raise InvalidInput(f"not a valid Sparkplug B payload: {error}") from error
        nodes.report_to(statistics)
        return nodes.receive(letter.address, letter.payload, letter.last_ns)

    def _reading(self, letter: StoredLetter) -> Replayed:
        parts: dict[str, Any] = orjson.loads(letter.payload)
        if "unusable" in parts:
            raise InvalidInput(f"not a valid value: {parts['unusable']}", field="value")
        value = normalised(parts["value"])
        # Checks the parts, and names the one that is wrong.
        Reading(
            parts["source"], parts["tag"], parts["time_ns"], letter.first_ns, value, parts["unit"], parts["quality"]
        )
        key = TagKey(parts["source"], parts["tag"], parts["unit"])
        received = ReceivedValue(key, parts["time_ns"], letter.first_ns, value, parts["quality"], replayed=True)
        return self._stored(letter, [received], [])

    def _stored(self, letter: StoredLetter, values: list[ReceivedValue], reasons: list[str]) -> Replayed:
        statistics = GatewayStatistics()
        recorder = _ReplayRecorder(self._letters, letter.channel)
        writer = SpoolWriter(self._spool, letter.channel, statistics, recorder, self._plant.gateway.clock_tolerance_ns)
        writer.write(values)
        reasons = reasons + recorder.reasons
        if not values and not reasons:
            reasons = ["it has no readings"]
        return Replayed(letter.id, statistics.stored, statistics.duplicates, "; ".join(reasons) or None)

    def _pushed(self, letter: StoredLetter) -> Replayed:
        source = self._source(letter, HttpSource)
        recorder = _ReplayRecorder(self._letters, letter.channel)
        pushed = PushedReadings(
            source.id, source.channel, self._spool, recorder, self._plant.gateway.clock_tolerance_ns
        )
        pushed.store(b"[" + letter.payload + b"]")
        statistics = pushed.statistics
        return Replayed(letter.id, statistics.stored, statistics.duplicates, "; ".join(recorder.reasons) or None)

    def _file(self, letter: StoredLetter) -> Replayed:
        source = self._source(letter, FolderSource)
        layout = self._plant.layout(source.layout) if source.layout is not None else Layout()
        recorder = _ReplayRecorder(self._letters, letter.channel)
        reader = FolderReader(source, layout, self._spool, self._store, recorder)
        path = Path(letter.address)
        if not path.exists():
            raise InvalidInput(f"{path} no longer exists", field="path", hint="restore the file")
        if reader.read(path, threading.Event()) is None:
            raise InvalidInput(f"{path} is still growing", field="path", hint="repeat the replay later")
        statistics = reader.statistics
        return Replayed(letter.id, statistics.stored, statistics.duplicates, "; ".join(recorder.reasons) or None)

    def _source(self, letter: StoredLetter, kind: type[Any]) -> Any:
        source = self._sources.get(letter.origin)
        if not isinstance(source, kind):
            raise InvalidInput(
                f"the plant file has no such source {letter.origin!r}", field="sources", hint="give the gateway's file"
            )
        return source


def _json(letter: StoredLetter, settings: MqttSettings, statistics: GatewayStatistics) -> list[ReceivedValue]:
    topics = JsonTopics(settings.json_tags, statistics, time_member=settings.time_member, time_unit=settings.time_unit)
    return topics.receive(letter.address, letter.payload, letter.first_ns)
