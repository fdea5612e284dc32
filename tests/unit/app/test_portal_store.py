"""Scans, sessions, rate counters and actions in the portal database."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from flask import Flask
from flask import session as cookie

from app.sessions import SessionStore, SessionUser
from app.store.actions import latest_action, pending_actions, remember, settle
from app.store.models import CodeScan
from app.store.rate_counts import SqlRateStorage
from app.store.scans import MANY_CODES, ScanLog, ScanSummary
from chromatrace.domain.identifiers import BatchKey, Serial

KEY = BatchKey.parse("09521234543213", "L2410A")
UNIT = Serial("000042")
ADDRESS = "0x" + "ab" * 20
NOON = 1_792_000_000


def test_scan_counts_once_for_each_address_and_day(database):
    scans = ScanLog(database, b"secret")
    for seconds in (0, 5, 86_399 - NOON % 86_400):
        scans.record(KEY, UNIT, "192.0.2.1", NOON + seconds)
    scans.record(KEY, UNIT, "192.0.2.2", NOON + 5)
    scans.record(KEY, UNIT, "192.0.2.1", NOON + 86_400)
    assert scans.summary(KEY, UNIT) == ScanSummary(3, NOON, NOON + 86_400)


def test_unit_and_batch_codes_are_counted_separately(database):
    scans = ScanLog(database, b"secret")
    scans.record(KEY, UNIT, "a", NOON)
    for serial in (None, Serial("000043")):
        assert scans.summary(KEY, serial) == ScanSummary(0, None, None)


def test_address_that_scans_many_codes_does_not_count_on_that_day(database):
    scans = ScanLog(database, b"secret")
    serials = [Serial(f"{number:06}") for number in range(MANY_CODES + 30)]
    scans.record(KEY, serials[0], "192.0.2.1", NOON)
    for serial in serials[:MANY_CODES]:
        scans.record(KEY, serial, "192.0.2.9", NOON)
    assert scans.summary(KEY, serials[0]).count == 2
    for serial in serials[MANY_CODES:]:
        scans.record(KEY, serial, "192.0.2.9", NOON)
    assert [scans.summary(KEY, serial).count for serial in serials] == [1] + [0] * (len(serials) - 1)
    scans.record(KEY, serials[0], "192.0.2.9", NOON + 86_400)
    assert scans.summary(KEY, serials[0]).count == 2
    with database.begin() as session:
        assert session.query(CodeScan).count() == MANY_CODES + 3


def test_scans_are_exact_under_concurrency(database):
    scans = ScanLog(database, b"secret")
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda number: scans.record(KEY, UNIT, f"192.0.2.{number % 4}", NOON), range(40)))
    assert scans.summary(KEY, UNIT).count == 4


def test_viewer_cannot_be_linked_across_days(database):
    scans = ScanLog(database, b"secret")
    scans.record(KEY, UNIT, "192.0.2.1", NOON)
    scans.record(KEY, UNIT, "192.0.2.1", NOON + 86_400)
    with database.begin() as session:
        first, second = session.query(CodeScan.viewer).all()
    assert first != second
    assert b"192.0.2.1" not in first[0]


@pytest.fixture
def web(tmp_path):
    app = Flask("test")
    app.secret_key = "k"
    with app.test_request_context():
        yield


def test_session_ends_on_logout(database, web):
    sessions = SessionStore(database, maximum_s=3600, idle_s=600)
    sessions.start(SessionUser(ADDRESS, "shop"), NOON)
    assert sessions.current(NOON + 1) == SessionUser(ADDRESS, "shop")
    sessions.end()
    assert sessions.current(NOON + 1) is None


def test_old_cookie_is_invalid_after_logout(database, web):
    sessions = SessionStore(database, maximum_s=3600, idle_s=600)
    sessions.start(SessionUser(ADDRESS, "shop"), NOON)
    old_cookie = dict(cookie)
    sessions.end()
    cookie.update(old_cookie)
    assert sessions.current(NOON + 1) is None


def test_login_rotates_session(database, web):
    sessions = SessionStore(database, maximum_s=3600, idle_s=600)
    cookie["csrf_token"] = "planted"
    sessions.start(SessionUser(ADDRESS, None), NOON)
    first = dict(cookie)
    assert "csrf_token" not in first
    sessions.start(SessionUser(ADDRESS, None), NOON)
    assert dict(cookie) != first
    cookie.clear()
    cookie.update(first)
    assert sessions.current(NOON) is None


def test_session_expires_by_age_and_idle_time(database, web):
    sessions = SessionStore(database, maximum_s=3600, idle_s=600)
    sessions.start(SessionUser(ADDRESS, None), NOON)
    for minute in range(0, 60, 9):
        assert sessions.current(NOON + minute * 60) is not None
    assert sessions.current(NOON + 3601) is None
    sessions.start(SessionUser(ADDRESS, None), NOON)
    assert sessions.current(NOON + 601) is None


def test_end_all_ends_every_session_of_operator(database, web):
    sessions = SessionStore(database, maximum_s=3600, idle_s=600)
    sessions.start(SessionUser(ADDRESS, "phone"), NOON)
    phone = dict(cookie)
    cookie.clear()
    sessions.start(SessionUser(ADDRESS.upper().replace("0X", "0x"), "desk"), NOON)
    sessions.end_all(ADDRESS)
    assert sessions.current(NOON) is None
    cookie.update(phone)
    assert sessions.current(NOON) is None


def test_rate_counters_are_shared_and_expire(database, monkeypatch):
    first, second = (SqlRateStorage("portal://", database=database) for _ in range(2))
    clock = [1000.0]
    monkeypatch.setattr("app.store.rate_counts.time.time", lambda: clock[0])
    assert first.incr("a", 60) == 1
    assert second.incr("a", 60) == 2
    assert first.get("a") == 2
    assert first.get("b") == 0
    assert first.get_expiry("a") == 1060
    clock[0] = 1060.0
    assert second.get("a") == 0
    assert second.incr("a", 60) == 1
    first.clear("a")
    assert first.get("a") == 0
    assert first.check()


def test_rate_counters_are_exact_under_concurrency(database):
    storage = SqlRateStorage("portal://", database=database)
    threads = [threading.Thread(target=lambda: [storage.incr("k", 60) for _ in range(25)]) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert storage.get("k") == 100


def test_action_is_stored_once_and_settled(database):
    tx = "0x" + "Cd" * 32
    for _ in range(2):
        remember(database, tx, ADDRESS, b"\1" * 32, "accept", NOON)
    assert [action.tx_hash for action in pending_actions(database, ADDRESS)] == [tx.lower()]
    settle(database, tx, "failed", "rejected")
    assert pending_actions(database, ADDRESS) == []
    latest = latest_action(database, b"\1" * 32, ADDRESS)
    assert (latest.state, latest.message, latest.kind) == ("failed", "rejected", "accept")
    assert latest_action(database, b"\2" * 32, ADDRESS) is None
