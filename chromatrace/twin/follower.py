"""Follow the spool: apply new readings to the mirror and store what follows from them.

Each step is one transaction that stores the effects of up to `BATCH` readings of a channel together with the size of
the log. After a crash, a start continues at this size, so nothing is stored twice and nothing is left out.
"""

from __future__ import annotations

import hashlib
import logging
import threading
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Protocol

from sqlalchemy import select
from sqlalchemy.orm import Session

from chromatrace.domain.errors import Unavailable
from chromatrace.ingest.records import ReadingFields
from chromatrace.twin.effects import AlarmCleared, AlarmRaised, Effect
from chromatrace.twin.errors import ForeignTwinError
from chromatrace.twin.plan import NS_PER_S, Priority, TwinPlan
from chromatrace.twin.rules import drafts
from chromatrace.twin.state.channel import ChannelMirror
from chromatrace.twin.state.mirror import Mirror
from chromatrace.twin.state.model import ModelPlan
from chromatrace.twin.store.database import TwinStore
from chromatrace.twin.store.effects import (
    StoredState,
    open_alarms,
    store_cursor,
    store_effects,
    store_live,
    store_snapshot,
)
from chromatrace.twin.store.live_models import model_plans, take_up, waiting
from chromatrace.twin.store.models import CursorRow, SnapshotRow, TwinRow
from chromatrace.twin.store.proposals import propose

BATCH = 4096
SILENT_KEY = "silent"
"""Condition of a channel without readings. It depends on the clock, so it is not part of the state."""
_SNAPSHOT_NS = 60 * NS_PER_S
_WATCHED_NS = NS_PER_S // 3
_RETRY_S = 2.0
_logger = logging.getLogger(__name__)


class ReadingLog(Protocol):
    """The spool."""

    def names(self) -> list[str]:
        """Return the names of the channels."""

    def size(self, channel: str) -> int:
        """Return the number of readings of a channel."""

    def fields(self, channel: str, start: int = 0, stop: int | None = None) -> Iterator[ReadingFields]:
        """Yield readings by their index."""

    def log_entry(self, channel: str, index: int) -> bytes:
        """Return the log entry of a reading."""


class TwinFollower:
    """Keeps the mirror and the store up to date with the logs. Hold `TwinStore.following` while it is used."""

    def __init__(self, log: ReadingLog, store: TwinStore, plan: TwinPlan) -> None:
        self._log, self._store, self._plan = log, store, plan
        self.mirror = Mirror(plan)
        self._snapshot_ns: dict[str, tuple[int, int]] = {}
        self._live: dict[str, tuple[int, int]] = {}
        self._silent: set[str] = set()

    def start(self) -> None:
        """Rebuild the state at the stored log sizes: from the newest snapshot of this plan, else from the beginning.

        Raises `ForeignTwinError` if the store belongs to another plant or the logs are not the ones that it was
        computed from.
        """
        self.mirror, self._silent = Mirror(self._plan), set()
        self._snapshot_ns, self._live = {}, {}
        with self._store.read() as session:
            self.mirror.set_models(model_plans(session))
        with self._store.begin() as session:
            known = session.scalars(select(TwinRow)).one_or_none()
            if known is None:
                session.add(TwinRow(plant=self._plan.name, watched_until_ns=0))
            elif known.plant != self._plan.name:
                raise ForeignTwinError(
                    f"the database holds the twin of plant {known.plant!r}, not of {self._plan.name!r}",
                    field="plant",
                    hint="use the plant file of that plant, or another database",
                )
            cursors = session.scalars(select(CursorRow)).all()
        for cursor in cursors:
            self._require_same_log(cursor)
            with self._store.read() as session:
                snapshot = self._snapshot(session, cursor)
                mirror = self.mirror.load(snapshot.state) if snapshot else self.mirror.channel(cursor.channel)
            self._replay(mirror, cursor.log_size)
            self._reconcile(mirror)

    def poll(self) -> int:
        """Apply and store up to `BATCH` new readings of each channel. Return their number."""
        self._take_up_models()
        return sum(self._poll(channel) for channel in self._log.names())

    def _take_up_models(self) -> None:
        """Start models that were activated, and end those that were replaced, at the present log sizes."""
        with self._store.read() as session:
            if not waiting(session):
                return
        with self._store.begin() as session:
            take_up(session, self.mirror.sizes)
            plans = model_plans(session)
            ended = [effect for mirror in self.mirror.channels.values() for effect in mirror.end_models(plans)]
            self.store(session, ended)
        self.mirror.set_models(plans)

    def run(self, stop: threading.Event, poll_s: float = 0.2) -> None:
        """Follow the logs until `stop` is set. While the database does not respond, try again."""
        while not stop.is_set():
            try:
                applied = self.poll()
            except Unavailable as error:
                _logger.warning("%s; trying again", error)
                if stop.wait(_RETRY_S):
                    return
                self.start()
                continue
            if applied < BATCH:
                stop.wait(poll_s)

    def snapshot(self) -> None:
        """Store the state of every channel."""
        with self._store.begin() as session:
            for mirror in self.mirror.channels.values():
                self._store_snapshot(session, mirror)

    def _poll(self, channel: str) -> int:
        size = self._log.size(channel)
        mirror = self.mirror.channel(channel)
        start = mirror.state.size
        if size < start:
            raise ForeignTwinError(
                f"channel {channel!r} has {size} readings; the twin has applied {start}",
                field="channel",
                hint="restore the spool from a backup",
            )
        stop = min(size, start + BATCH)
        if start < stop:
            effects = mirror.apply(start, self._log.fields(channel, start, stop))
            if channel in self._silent:
                effects.append(AlarmCleared(channel, stop, SILENT_KEY, mirror.state.clock_ns))
                self._silent.discard(channel)
            leaf = self._leaf(channel, stop)
            with self._store.begin() as session:
                self.store(session, effects)
                store_cursor(session, channel, stop, leaf)
                self._store_state(session, mirror)
            return stop - start
        self._check_silence(mirror)
        if self._live.get(channel, (-1, 0))[0] != start:
            # The plant may be quiet when a page is opened: store what the last readings changed.
            with self._store.begin() as session:
                self._store_state(session, mirror)
        return stop - start

    def _check_silence(self, mirror: ChannelMirror) -> None:
        """Raise an alarm if a channel has had no readings for longer than any tag may be stale, by the clock."""
        state, limit_ns = mirror.state, self._plan.alarms.stale_after_ns
        if limit_ns is None or not state.clock_ns or state.channel in self._silent:
            return
        silent_ns = time.time_ns() - state.clock_ns
        if silent_ns <= limit_ns:
            return
        self._silent.add(state.channel)
        message = f"{state.channel} has no readings since {silent_ns / NS_PER_S:.0f} s"
        data = {"last_received_ns": state.clock_ns}
        effect = AlarmRaised(
            state.channel, state.size, SILENT_KEY, "silent", Priority.HIGH, time.time_ns(), message, data=data
        )
        with self._store.begin() as session:
            if all(alarm.key != SILENT_KEY for alarm in open_alarms(session, state.channel)):
                self.store(session, [effect])

    def store(self, session: Session, effects: Sequence[Effect]) -> None:
        """Store the effects of one step, and the proposals that follow from them."""
        for row, _ in store_effects(session, effects):
            for draft in drafts(self._plan.rules, row, time.time_ns()):
                propose(session, draft)

    def _store_state(self, session: Session, mirror: ChannelMirror) -> None:
        """Store a snapshot if the last one is old, and the state for pages if one is open."""
        state, now = mirror.state, time.time_ns()
        if now - self._snapshot_ns.get(state.channel, (0, 0))[1] >= _SNAPSHOT_NS:
            self._store_snapshot(session, mirror)
        size, stored_ns = self._live.get(state.channel, (-1, 0))
        if size == state.size or now - stored_ns < _WATCHED_NS:
            return
        if (session.scalar(select(TwinRow.watched_until_ns)) or 0) > now:
            store_live(session, state.channel, state.size, self._plan.digest, mirror.shown())
            self._live[state.channel] = state.size, now

    def _store_snapshot(self, session: Session, mirror: ChannelMirror) -> None:
        state, now = mirror.state, time.time_ns()
        if self._snapshot_ns.get(state.channel, (-1, 0))[0] != state.size:
            encoded = mirror.encoded()
            digest = hashlib.sha256(encoded).hexdigest()
            store_snapshot(session, StoredState(state.channel, state.size, self._plan.digest, encoded, digest))
        self._snapshot_ns[state.channel] = state.size, now

    def _snapshot(self, session: Session, cursor: CursorRow) -> SnapshotRow | None:
        statement = select(SnapshotRow).where(
            SnapshotRow.channel == cursor.channel,
            SnapshotRow.plan == self._plan.digest,
            SnapshotRow.log_size <= cursor.log_size,
        )
        return session.scalars(statement.order_by(SnapshotRow.log_size.desc()).limit(1)).one_or_none()

    def _replay(self, mirror: ChannelMirror, log_size: int) -> None:
        """Apply readings whose effects are stored already."""
        replay(self._log, mirror, log_size)

    def _reconcile(self, mirror: ChannelMirror) -> None:
        """Clear and raise alarms that differ between the store and the mirror because the plan was changed."""
        state = mirror.state
        with self._store.begin() as session:
            stored = {alarm.key for alarm in open_alarms(session, state.channel)}
            if SILENT_KEY in stored:
                stored.remove(SILENT_KEY)
                self._silent.add(state.channel)
            effects: list[Effect] = [
                AlarmCleared(state.channel, state.size, key, state.clock_ns)
                for key in sorted(stored - state.alarms.keys())
            ]
            effects += [
                AlarmRaised(
                    state.channel,
                    state.size,
                    alarm.key,
                    alarm.kind,
                    Priority(alarm.priority),
                    alarm.time_ns,
                    f"{alarm.message} (since log size {alarm.log_size}; found after a change of the plant file)",
                    alarm.machine,
                    alarm.source,
                    alarm.tag,
                    alarm.batch,
                    alarm.suppressed,
                )
                for alarm in state.alarms.values()
                if alarm.key not in stored
            ]
            self.store(session, effects)

    def _require_same_log(self, cursor: CursorRow) -> None:
        size = self._log.size(cursor.channel)
        if size < cursor.log_size or self._leaf(cursor.channel, cursor.log_size) != cursor.last_leaf:
            raise ForeignTwinError(
                f"channel {cursor.channel!r} is not the log that the twin was computed from: "
                f"it has {size} readings, or reading {cursor.log_size - 1} differs",
                field="channel",
                hint="restore the spool from a backup, or use another database",
            )

    def _leaf(self, channel: str, log_size: int) -> str:
        return hashlib.sha256(b"\0" + self._log.log_entry(channel, log_size - 1)).hexdigest()


def replay(log: ReadingLog, mirror: ChannelMirror, log_size: int) -> None:
    """Apply the readings of a channel up to `log_size`, without their effects."""
    readings: Iterable[ReadingFields] = log.fields(mirror.state.channel, mirror.state.size, log_size)
    iterator = iter(readings)
    while chunk := list(islice(iterator, BATCH)):
        mirror.apply(mirror.state.size, chunk)


def rebuilt(log: ReadingLog, plan: TwinPlan, sizes: Mapping[str, int], models: Sequence[ModelPlan] = ()) -> Mirror:
    """Return the state computed from the beginning of the logs, at these sizes."""
    mirror = Mirror(plan, models)
    for channel, size in sizes.items():
        replay(log, mirror.channel(channel), size)
    return mirror
