"""Scans, sessions, rate counts and actions in portal.db."""

from __future__ import annotations

import threading

import pytest
from flask import Flask
from flask import session as cookie

from app.sessions import SessionStore, SessionUser
from app.store.actions import latest_action, open_actions, remember, settle
from app.store.models import CodeScan
from app.store.rate_counts import SqlRateStorage
from app.store.scans import SAME_VIEW_S, ScanLog
from chromatrace.domain.identifiers import BatchKey, Serial

KEY = BatchKey.parse("09521234543213", "L2410A")
UNIT = Serial("000042")
ADDRESS = "0x" + "ab" * 20
NOON = 1_792_000_000


def test_a_scan_counts_once_per_device_and_view(store):
    scans = ScanLog(store, b"secret")
    assert scans.record(KEY, UNIT, "192.0.2.1|phone", NOON)
    assert not scans.record(KEY, UNIT, "192.0.2.1|phone", NOON + SAME_VIEW_S - 1)
    assert scans.record(KEY, UNIT, "192.0.2.2|phone", NOON + 5)
    assert scans.record(KEY, UNIT, "192.0.2.1|phone", NOON + SAME_VIEW_S)
    facts = scans.facts(KEY, UNIT)
    assert (facts.count, facts.first_at, facts.last_at) == (3, NOON, NOON + SAME_VIEW_S)
    assert facts.recent == (NOON + SAME_VIEW_S, NOON + 5, NOON)


def test_unit_and_batch_codes_are_counted_apart(store):
    scans = ScanLog(store, b"secret")
    scans.record(KEY, UNIT, "a", NOON)
    assert scans.facts(KEY, None).count == 0
    assert scans.facts(KEY, Serial("000043")).count == 0
    assert scans.facts(KEY, None).first_at is None


def test_a_viewer_cannot_be_recognised_the_next_day(store):
    scans = ScanLog(store, b"secret")
    scans.record(KEY, UNIT, "192.0.2.1|phone", NOON)
    scans.record(KEY, UNIT, "192.0.2.1|phone", NOON + 86_400)
    with store.begin() as session:
        first, second = session.query(CodeScan.viewer).all()
    assert first != second
    assert b"192.0.2.1" not in first[0]


@pytest.fixture
def web(tmp_path):
    app = Flask("test")
    app.secret_key = "k"
    with app.test_request_context():
        yield


def test_a_session_lives_on_the_server(store, web):
    logins = SessionStore(store, longest_s=3600, idle_s=600)
    logins.start(SessionUser(ADDRESS, "shop"), NOON)
    assert logins.current(NOON + 1) == SessionUser(ADDRESS, "shop")
    logins.end()
    assert logins.current(NOON + 1) is None


def test_a_kept_cookie_is_worth_nothing_after_logging_out(store, web):
    logins = SessionStore(store, longest_s=3600, idle_s=600)
    logins.start(SessionUser(ADDRESS, "shop"), NOON)
    kept = dict(cookie)
    logins.end()
    cookie.update(kept)
    assert logins.current(NOON + 1) is None


def test_logging_in_rotates_the_session(store, web):
    logins = SessionStore(store, longest_s=3600, idle_s=600)
    cookie["csrf_token"] = "planted"
    logins.start(SessionUser(ADDRESS, None), NOON)
    first = dict(cookie)
    assert "csrf_token" not in first
    logins.start(SessionUser(ADDRESS, None), NOON)
    assert dict(cookie) != first
    cookie.clear()
    cookie.update(first)
    assert logins.current(NOON) is None


def test_a_session_ends_by_age_and_by_idleness(store, web):
    logins = SessionStore(store, longest_s=3600, idle_s=600)
    logins.start(SessionUser(ADDRESS, None), NOON)
    for minute in range(0, 60, 9):
        assert logins.current(NOON + minute * 60) is not None
    assert logins.current(NOON + 3601) is None
    logins.start(SessionUser(ADDRESS, None), NOON)
    assert logins.current(NOON + 601) is None


def test_all_sessions_of_an_operator_end_together(store, web):
    logins = SessionStore(store, longest_s=3600, idle_s=600)
    logins.start(SessionUser(ADDRESS, "phone"), NOON)
    phone = dict(cookie)
    cookie.clear()
    logins.start(SessionUser(ADDRESS.upper().replace("0X", "0x"), "desk"), NOON)
    logins.end_all(ADDRESS)
    assert logins.current(NOON) is None
    cookie.update(phone)
    assert logins.current(NOON) is None


def test_rate_counts_are_shared_and_expire(store, monkeypatch):
    here, there = (SqlRateStorage("portal://", store=store) for _ in range(2))
    clock = [1000.0]
    monkeypatch.setattr("app.store.rate_counts.time.time", lambda: clock[0])
    assert here.incr("a", 60) == 1
    assert there.incr("a", 60) == 2
    assert here.get("a") == 2
    assert here.get("b") == 0
    assert here.get_expiry("a") == 1060
    clock[0] = 1060.0
    assert there.get("a") == 0
    assert there.incr("a", 60) == 1
    here.clear("a")
    assert here.get("a") == 0
    assert here.check()


def test_rate_counts_lose_nothing_under_concurrency(store):
    storage = SqlRateStorage("portal://", store=store)
    threads = [threading.Thread(target=lambda: [storage.incr("k", 60) for _ in range(25)]) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert storage.get("k") == 100


def test_an_action_is_remembered_once_and_settled(store):
    tx = "0x" + "Cd" * 32
    for _ in range(2):
        remember(store, tx, ADDRESS, b"\1" * 32, "accept", NOON)
    assert [action.tx_hash for action in open_actions(store, ADDRESS)] == [tx.lower()]
    settle(store, tx, "failed", "refused")
    assert open_actions(store, ADDRESS) == []
    latest = latest_action(store, b"\1" * 32, ADDRESS)
    assert (latest.state, latest.message, latest.kind) == ("failed", "refused", "accept")
    assert latest_action(store, b"\2" * 32, ADDRESS) is None
