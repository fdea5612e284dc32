"""The portal's own tables in a real PostgreSQL."""

from __future__ import annotations

import contextlib
import hashlib
import json
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import text

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "index"))

from databases import Cluster, programs

from app.accounts import check_password, create_account, list_accounts, remove_account
from app.api.epcis.capture import CaptureOptions, CaptureStore
from app.api.epcis.captured_events import CapturedEvents
from app.api.epcis.reader import EventReader
from app.errors import LoginFailedError
from app.rights import ActingOperator
from app.sessions import SessionStore, SessionUser
from app.store import PortalDatabase
from app.store.actions import latest_action, pending_actions, recalls_of, remember, remember_recalls, settle
from app.store.rate_counts import SqlRateStorage
from app.store.scans import ScanLog
from chromatrace.documents.store import DocumentStore
from chromatrace.domain.errors import Conflict, InvalidInput, Unavailable
from chromatrace.domain.identifiers import BatchId, BatchKey, Serial
from chromatrace.domain.rights import Role
from chromatrace.epcis.query import EventQuery
from chromatrace.index import Index
from chromatrace.services.epcis_claims import ClaimRights
from chromatrace.storage.sql_time_limit import TimeLimitError, time_limit

PASSWORD = "seven grey panes of glass"
ADDRESS = "0x" + "ab" * 20
NOW = 1_792_000_000
KEY = BatchKey.parse("09521234543213", "L2410A")


@pytest.fixture(scope="module")
def cluster():
    folder = programs()
    if folder is None:
        pytest.skip("PostgreSQL is not installed (apt-get install postgresql)")
    cluster = Cluster(folder).start()
    yield cluster
    cluster.stop()


@pytest.fixture
def url(cluster):
    return cluster.new_database()


@pytest.fixture
def database(url):
    database = PortalDatabase(url)
    yield database
    database.close()


def test_portals_can_start_together_on_empty_database(url):
    count = 8
    barrier = threading.Barrier(count)

    def start(_):
        barrier.wait()
        database = PortalDatabase(url)
        database.close()

    with ThreadPoolExecutor(count) as executor:
        assert list(executor.map(start, range(count))) == [None] * count


def test_accounts_and_sessions(database, tmp_path):
    create_account(database, tmp_path, "shop@example", PASSWORD, wallet_address=ADDRESS)
    with pytest.raises(Conflict):
        create_account(database, tmp_path, "shop@example", PASSWORD, wallet_address=ADDRESS)
    assert check_password(database, "shop@example", PASSWORD).address == ADDRESS
    flask = Flask("test")
    flask.secret_key = "k"
    sessions = SessionStore(database, maximum_s=3600, idle_s=600)
    with flask.test_request_context():
        sessions.start(SessionUser(ADDRESS, "shop@example"), NOW)
        assert sessions.current(NOW + 100) == SessionUser(ADDRESS, "shop@example")
        assert sessions.current(NOW + 3601) is None
    remove_account(database, "shop@example")
    assert list_accounts(database) == []
    with pytest.raises(LoginFailedError):
        check_password(database, "shop@example", PASSWORD)


def test_rate_counters_are_exact_under_concurrency(url):
    databases = [PortalDatabase(url) for _ in range(4)]
    with ThreadPoolExecutor(4) as executor:
        list(
            executor.map(
                lambda database: [SqlRateStorage("portal://", database=database).incr("k", 60) for _ in range(25)],
                databases,
            )
        )
    assert SqlRateStorage("portal://", database=databases[0]).get("k") == 100
    for database in databases:
        database.close()


def test_expired_rate_counters_restart(database, monkeypatch):
    storage, clock = SqlRateStorage("portal://", database=database), [1000.0]
    monkeypatch.setattr("app.store.rate_counts.time.time", lambda: clock[0])
    assert [storage.incr("a", 60), storage.incr("a", 60), storage.incr("b", 600)] == [1, 2, 1]
    clock[0] = 1060.0
    assert [storage.incr("a", 60), storage.get("b"), storage.get_expiry("a")] == [1, 1, 1120]


def test_scans_and_actions(database):
    scans = ScanLog(database, b"secret")
    for address in ("192.0.2.1", "192.0.2.1"):
        scans.record(KEY, Serial("000042"), address, NOW)
    assert scans.summary(KEY, Serial("000042")).count == 1
    batches = [BatchId(bytes([number]) * 32) for number in range(1, 3)]
    remember(database, "0x" + "11" * 32, ADDRESS, batches[0], "accept", NOW)
    remember_recalls(database, {batches[1]: "0x" + "22" * 32}, ADDRESS, NOW)
    settle(database, "0x" + "11" * 32, "failed", "rejected")
    assert [action.kind for action in pending_actions(database, ADDRESS)] == ["recall"]
    assert latest_action(database, batches[0], ADDRESS).message == "rejected"
    assert set(recalls_of(database, batches)) == {batches[1]}


def _document(number):
    event = {
        "type": "ObjectEvent",
        "action": "OBSERVE",
        "eventID": f"urn:uuid:f81d4fae-7dec-11d0-a765-{number:012d}",
        "eventTime": "2026-03-31T14:00:05Z",
        "eventTimeZoneOffset": "+00:00",
        "bizStep": "receiving",
        "quantityList": [{"epcClass": "https://id.gs1.org/01/09521234543213/10/L1", "quantity": 3}],
    }
    return json.dumps(
        {
            "@context": ["https://ref.gs1.org/standards/epcis/2.0.0/epcis-context.jsonld"],
            "type": "EPCISDocument",
            "schemaVersion": "2.0",
            "creationDate": "2026-11-22T10:00:00Z",
            "epcisBody": {"eventList": [event]},
        }
    ).encode()


class Capturer:
    """An organisation that captures through one of several databases, about products that are not registered."""

    def __init__(self, database, folder, organisation, index):
        self._store = CaptureStore(database, DocumentStore(folder / "documents"), 1000)
        self._operator = ActingOperator(ADDRESS, None, organisation, Role.LOGISTICS)
        self._index = index

    def capture(self, number):
        with self._index.snapshot() as snapshot:
            rights = ClaimRights(snapshot, self._operator.organisation, self._operator.roles)
            return self._store.capture(_document(number), self._operator, CaptureOptions(), rights, NOW)


@pytest.fixture
def empty_index(tmp_path):
    index = Index(f"sqlite:///{tmp_path / 'index.db'}")
    index.migrate()
    yield index
    index.close()


def test_concurrent_captures_store_each_event_once(url, tmp_path, empty_index):
    databases = [PortalDatabase(url) for _ in range(4)]
    barrier = threading.Barrier(len(databases))

    def capture(database):
        capturer = Capturer(database, tmp_path, 1, empty_index)
        barrier.wait()
        jobs = [capturer.capture(number) for number in range(5)]
        return sum(job.taken for job in jobs), sum(job.known for job in jobs)

    with ThreadPoolExecutor(len(databases)) as executor:
        results = list(executor.map(capture, databases))
    assert [sum(column) for column in zip(*results, strict=True)] == [5, 15]
    reader = EventReader(1, {}, lambda *_: False)
    for parameters in ({"EQ_bizStep": "receiving"}, {"MATCH_anyEPC": "urn:epc:idpat:sgtin:9521234.054321.*"}):
        with databases[0].read() as session:
            query = EventQuery.parse(parameters)
            located = list(CapturedEvents(session, reader, lambda _: {}, ()).select(query, None))
        assert len({event.event["eventID"] for event in located}) == len(located) == 5
    store = CaptureStore(databases[0], DocumentStore(tmp_path / "documents"), 1000)
    assert store.record(lambda digest, _products: "0x" + hashlib.sha256(digest).hexdigest()) == 5
    for database in databases:
        database.close()


def test_concurrent_capturers_of_one_event_id_have_one_owner(url, tmp_path, empty_index):
    databases = [PortalDatabase(url) for _ in range(4)]
    barrier = threading.Barrier(len(databases))

    def capture(organisation):
        capturer = Capturer(databases[organisation - 1], tmp_path, organisation, empty_index)
        barrier.wait()
        taken = 0
        for number in range(5):
            with contextlib.suppress(Conflict):
                taken += capturer.capture(number).taken
        return taken

    with ThreadPoolExecutor(len(databases)) as executor:
        assert sum(executor.map(capture, (1, 2, 3, 4))) == 5
    for database in databases:
        database.close()


def test_slow_statement_is_interrupted(database):
    with database.read() as session, pytest.raises(TimeLimitError), time_limit(session.connection(), 0.05):
        session.execute(text("SELECT pg_sleep(30)"))
    with database.read() as session, time_limit(session.connection(), 5):
        assert session.scalar(text("SELECT 1")) == 1


def test_portal_pages_with_postgresql(url, settings):
    from app import create_app

    client = create_app(replace(settings, database_url=url, page_limit="2 per hour")).test_client()
    assert client.get("/").status_code == 200
    codes = [client.get("/01/09521234543213/10/NOPE").status_code for _ in range(3)]
    assert codes == [404, 404, 429]


def test_stopped_server_is_reported(tmp_path):
    with pytest.raises(Unavailable) as raised:
        PortalDatabase(f"postgresql://portal:secret@/portal?host={tmp_path}")
    assert raised.value.field == "database_url"
    assert "secret" not in str(raised.value)


@pytest.mark.parametrize("url", ["mysql://host/portal", "portal.db", ""])
def test_unsupported_database_is_rejected(url):
    with pytest.raises(InvalidInput) as raised:
        PortalDatabase(url)
    assert raised.value.field == "database_url"
