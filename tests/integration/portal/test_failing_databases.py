"""A portal whose databases fail: outages of PostgreSQL, a full disk, damaged files."""

from __future__ import annotations

import errno
import re
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import event

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "index"))

from databases import Cluster, programs
from flask import Flask

from app import create_app
from app.errors import StorageFullError
from app.sessions import SessionStore, SessionUser
from app.store import PortalDatabase
from app.store.models import RateCount
from chromatrace.domain.errors import Conflict, InvalidInput
from chromatrace.index import Index

NOW = 1_792_000_000

JSON = {"Accept": "application/json"}
PATHS = {
    "gtin": "09521234543213", "rest": "09521234543213/10/L1", "batch_id": "ab" * 32, "number": "1", "record": "0x1",
    "identifier": "a", "name": "a", "epc": "urn:epc:id:sgtin:9521234.054321.1", "filename": "portal.css",
    "round_id": "0x" + "ab" * 32, "inspector": "0x" + "cd" * 20,
}  # fmt: skip


@pytest.fixture(scope="module")
def cluster():
    folder = programs()
    if folder is None:
        pytest.skip("PostgreSQL is not installed (apt-get install postgresql)")
    cluster = Cluster(folder).start()
    yield cluster
    cluster.stop()


@pytest.fixture
def database(tmp_path):
    database = PortalDatabase(f"sqlite:///{tmp_path / 'portal.db'}")
    yield database
    database.close()


def _value(parameter):
    """Return a value for a parameter of a route."""
    return PATHS.get(parameter[2], "1" if parameter[1] == "int" else "a")


def requests(app):
    """Return a request for each method of each route: method, path."""
    for rule in app.url_map.iter_rules():
        if rule.endpoint == "static":
            continue
        path = re.sub(r"<(?:(\w+):)?(\w+)>", _value, rule.rule)
        for method in sorted(rule.methods - {"HEAD", "OPTIONS"}):
            yield method, path


def test_outage_gives_503_on_every_route_without_internal_names(settings, cluster):
    portal_url, index_url = cluster.new_database(), cluster.new_database()
    index = Index(index_url)
    index.migrate()
    index.close()
    config = replace(settings, database_url=portal_url, index_url=index_url)
    app = create_app(config)
    client = app.test_client()
    token = client.get("/login", headers=JSON)
    assert (token.status_code, client.get("/readyz").status_code) == (200, 200)
    with client.session_transaction() as cookie:
        cookie["login"] = "a token"
    statuses = {}
    with cluster.stopped():
        for accept in (JSON, {}):
            for method, path in requests(app):
                for auth in (None, ("shop", "a wrong password")):
                    answer = client.open(path, method=method, headers=accept, auth=auth)
                    statuses[method, path, auth] = answer.status_code
                    internal = (str(cluster.folder), "postgresql", "psycopg", str(config.data_folder), "127.0.0.1:9")
                    assert not [name for name in internal if name in answer.text], (path, answer.text)
        assert client.get("/readyz").json["status"] == "database-unavailable"
        assert client.get("/healthz").json["database_responds"] is False
    assert {status for status in statuses.values() if status >= 500} == {503}
    static = {path for (_, path, _), status in statuses.items() if status == 200}
    assert static <= {"/", "/scan", "/graph.css", "/.well-known/gs1resolver"}
    assert statuses["GET", "/01/09521234543213/10/L1", None] == 503
    assert client.get("/readyz").status_code == 200
    assert client.get("/01/09521234543213/10/NOPE").status_code == 404


def fill_disk(database):
    """Let SQLite reject every write that needs another page, as on a full disk, and use up the free pages."""
    database.engine.dispose()

    @event.listens_for(database.engine, "connect")
    def limit_pages(connection, _record):
        (pages,) = connection.execute("PRAGMA page_count").fetchone()
        connection.execute(f"PRAGMA max_page_count={pages}")

    def fill():
        for number in range(10_000):
            with database.begin() as session:
                session.add(RateCount(key=f"{number} ".ljust(200, "x"), count=1, expires_at=2**40))

    with pytest.raises(StorageFullError):
        fill()


def test_pages_are_served_and_limited_with_a_full_disk(settings):
    app = create_app(replace(settings, page_limit="5 per hour"))
    client, page = app.test_client(), "/01/09521234543213"
    fill_disk(app.extensions["portal"].database)
    assert [client.get(page).status_code for _ in range(6)] == [200] * 5 + [429]
    assert client.get("/readyz").status_code == 200


def test_session_continues_with_a_full_disk(database):
    app = Flask("test")
    app.secret_key = "k"
    sessions = SessionStore(database, maximum_s=3600, idle_s=600)
    user = SessionUser("0x" + "ab" * 20, None)
    with app.test_request_context():
        sessions.start(user, NOW)
        with database.engine.begin() as connection:
            connection.exec_driver_sql("PRAGMA query_only=ON")
        assert sessions.current(NOW + 300) == user
        with pytest.raises(StorageFullError):
            sessions.end()


def test_error_that_names_a_path_or_host_is_replaced(settings):
    app = create_app(replace(settings, rpc_url="http://node.internal.example:8545"))
    errors = {
        "path": Conflict(f"{settings.data_folder}/outbox.db is locked"),
        "host": InvalidInput("cannot connect to node.internal.example:8545"),
        "disk": OSError(errno.ENOSPC, "No space left on device", str(settings.data_folder / "x")),
        "harmless": Conflict("the lot is on hold"),
    }

    @app.get("/fail/<name>")
    def fail(name):
        raise errors[name]

    answers = {name: app.test_client().get(f"/fail/{name}", headers=JSON) for name in errors}
    assert {name: answer.status_code for name, answer in answers.items()} == {
        "path": 409, "host": 400, "disk": 503, "harmless": 409,
    }  # fmt: skip
    for answer in answers.values():
        assert str(settings.data_folder) not in answer.text
        assert "node.internal" not in answer.text
    assert answers["harmless"].json["message"] == "the lot is on hold"


def test_damaged_database_file_gives_503(settings):
    app = create_app(settings)
    app.extensions["portal"].database.engine.dispose()
    path = settings.data_folder / "portal.db"
    for file in settings.data_folder.glob("portal.db-*"):
        file.unlink()
    path.write_bytes(b"not a database" * 1_000)
    answer = app.test_client().get("/01/09521234543213", headers=JSON)
    assert (answer.status_code, str(path) in answer.text) == (503, False)
    assert app.test_client().get("/readyz").json["status"] == "database-unavailable"
