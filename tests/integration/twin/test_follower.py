"""The twin follows the spool: the state is the same live, after a crash and rebuilt from the logs."""

from __future__ import annotations

import multiprocessing
from contextlib import closing
from dataclasses import replace

import pytest
from sqlalchemy import func, select
from twin_readings import plan, reading

from chromatrace.ingest.spool import Spool
from chromatrace.twin import follower as module
from chromatrace.twin.errors import ForeignTwinError, TwinBusyError
from chromatrace.twin.follower import TwinFollower, rebuilt
from chromatrace.twin.plan import NS_PER_S, AlarmSettings
from chromatrace.twin.store.alarms import AlarmFilter, AlarmState, alarms
from chromatrace.twin.store.database import REVISION, TABLES, TwinStore
from chromatrace.twin.store.models import AlarmRow, CursorRow, LiveRow, SnapshotRow, TwinRow
from chromatrace.twin.views import TwinReader

NOW = 2_000_000_000 * 10**9
_processes = multiprocessing.get_context("forkserver")


def shift(start, count, *, source="sputter-1"):
    """Return `count` seconds of readings with a limit alarm in each minute."""
    for second in range(start, start + count):
        yield reading("pressure", second, 4.0 if second % 60 < 5 else 1.0 + second % 3 / 10, source=source)
        yield reading("lot", second + 0.1, f"L-{second // 100}", source=source)
        yield reading("state", second + 0.2, 1.0 + second // 45 % 4, source=source)
        yield reading("count", second + 0.3, float(second), source=source)


def started(spool, store, twin=None):
    """Return a follower at the stored log sizes."""
    follower = TwinFollower(spool, store, twin or plan())
    follower.start()
    return follower


def follow_to_end(follower):
    """Apply all readings."""
    while follower.poll():
        pass
    return follower


def test_the_newest_migration_is_the_declared_one():
    from alembic.config import Config
    from alembic.script import ScriptDirectory

    config = Config()
    config.set_main_option("script_location", str(TABLES.migrations))
    assert ScriptDirectory.from_config(config).get_current_head() == REVISION


def test_the_live_state_equals_the_state_rebuilt_from_the_logs(spool, store):
    live = started(spool, store)
    for start in range(0, 600, 40):
        spool.append_fields("line-1", shift(start, 40))
        spool.append_fields("line-2", shift(start, 20, source="elsewhere"))
        live.poll()
    follow_to_end(live)
    assert live.mirror.sizes == {"line-1": 2400, "line-2": 1200}
    whole = rebuilt(spool, plan(), {"line-2": 1200, "line-1": 2400})
    assert whole.digest() == live.mirror.digest()


def test_a_start_continues_from_the_snapshot_and_stores_nothing_twice(spool, store, monkeypatch):
    spool.append_fields("line-1", shift(0, 300))
    first = follow_to_end(started(spool, store))
    first.snapshot()
    spool.append_fields("line-1", shift(300, 300))
    monkeypatch.setattr(module, "BATCH", 500)
    first.poll()
    replayed = []
    replay = module.replay
    monkeypatch.setattr(
        module, "replay", lambda *given: (replayed.append((given[1].state.size, given[2])), replay(*given))
    )
    started(spool, store)
    assert replayed == [(1200, 1700)]
    monkeypatch.undo()
    second = follow_to_end(started(spool, store))
    assert second.mirror.digest() == rebuilt(spool, plan(), {"line-1": 2400}).digest()
    with store.read() as session:
        per_key = session.execute(
            select(AlarmRow.key, AlarmRow.log_size, func.count()).group_by(AlarmRow.key, AlarmRow.log_size)
        )
        assert all(count == 1 for *_, count in per_key)
        assert session.scalar(select(func.count()).select_from(SnapshotRow)) <= 2
    every = alarms(store, NOW, AlarmFilter(tuple(AlarmState)), limit=1000)
    assert len([alarm for alarm in every if alarm.kind == "limit" and alarm.tag == "pressure"]) == 10


def _follow(url, path, ready):
    with closing(TwinStore(url)) as store, Spool(path) as spool:
        module.BATCH = 50
        follower = TwinFollower(spool, store, plan())
        follower.start()
        follower.poll()
        ready.set()
        while True:
            follower.poll()
            follower.snapshot()


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_killed_follower_loses_and_repeats_nothing(spool, database_url):
    spool.append_fields("line-1", shift(0, 900))
    with closing(TwinStore(database_url)) as store:
        for _ in range(2):
            ready = _processes.Event()
            process = _processes.Process(target=_follow, args=(database_url, spool.path, ready), daemon=True)
            process.start()
            assert ready.wait(120.0)
            process.kill()
            process.join()
        restarted = follow_to_end(started(spool, store))
        assert restarted.mirror.digest() == rebuilt(spool, plan(), {"line-1": 3600}).digest()
        with closing(TwinStore("sqlite://")) as fresh:
            follow_to_end(started(spool, fresh))
            assert [(a.key, a.log_size, a.cleared_log_size) for a in _all(store)] == [
                (a.key, a.log_size, a.cleared_log_size) for a in _all(fresh)
            ]


def _all(store):
    return sorted(
        alarms(store, NOW, AlarmFilter(tuple(AlarmState)), limit=5000), key=lambda alarm: (alarm.log_size, alarm.key)
    )


def test_a_changed_plan_is_computed_anew_and_its_alarms_are_reconciled(spool, store):
    spool.append_fields("line-1", [reading("pressure", 0, 4.0), reading("power", 1, 450.0)])
    follow_to_end(started(spool, store)).snapshot()
    changed = plan()
    tags = (replace(changed.tags[0], limit_high=8.0), replace(changed.tags[1], limit_high=400.0))
    started(spool, store, replace(changed, tags=tags, digest="other"))
    (active,) = alarms(store, NOW, AlarmFilter((AlarmState.UNACKNOWLEDGED,)))
    assert (active.key, active.tag, active.log_size) == ("limit-high:sputter-1/power", "power", 2)
    assert [alarm.tag for alarm in alarms(store, NOW, AlarmFilter((AlarmState.RETURNED,)))] == ["pressure"]


def test_another_log_or_plant_is_rejected(spool, store, tmp_path):
    spool.append_fields("line-1", shift(0, 10))
    follow_to_end(started(spool, store))
    with Spool(tmp_path / "other.db") as other:
        other.append_fields("line-1", shift(1, 11))
        with pytest.raises(ForeignTwinError, match="not the log"):
            TwinFollower(other, store, plan()).start()
    with pytest.raises(ForeignTwinError, match="twin of plant 'line'"):
        TwinFollower(spool, store, replace(plan(), name="another")).start()


def test_a_second_follower_is_rejected(store, database_url):
    with (
        store.following(),
        closing(TwinStore(database_url)) as other,
        pytest.raises(TwinBusyError),
        other.following(0.1),
    ):
        pass


def test_a_watched_twin_stores_its_state_with_every_step(spool, store):
    follower = started(spool, store)
    spool.append_fields("line-1", shift(0, 10))
    follow_to_end(follower)
    with store.begin() as session:
        session.scalars(select(TwinRow)).one().watched_until_ns = 2**62
    spool.append_fields("line-1", shift(10, 1))
    follow_to_end(follower)
    with store.read() as session:
        assert session.scalars(select(LiveRow.log_size)).one() == 44
        assert session.scalars(select(CursorRow.log_size)).one() == 44
    reader = TwinReader(store, plan())
    assert reader.log_sizes() == {"line-1": 44}
    stored, current = reader.plant(now_ns=NOW), TwinReader(store, plan(), spool).plant(now_ns=NOW)
    assert stored == current
    assert stored.machine("sputter-1").log_size == 44


def test_a_silent_channel_raises_one_alarm_until_its_next_reading(spool, store):
    silent = plan(alarms=AlarmSettings(stale_after_ns=3600 * NS_PER_S))
    spool.append_fields("line-1", [reading("pressure", 0, 1.0)])
    for _ in range(2):
        follow_to_end(started(spool, store, silent)).poll()
    (view,) = alarms(store, NOW)
    assert (view.kind, view.state, view.log_size) == ("silent", AlarmState.UNACKNOWLEDGED, 1)
    spool.append_fields("line-1", [reading("pressure", 1, 1.0, received=10**9)])
    follow_to_end(started(spool, store, silent))
    (view,) = alarms(store, NOW)
    assert (view.state, view.cleared_log_size) == (AlarmState.RETURNED, 2)
