"""Test that data files and folders are closed to other users, also if they existed before."""

import os
import sqlite3
import stat
from contextlib import closing

import pytest

from app.store.database import PortalDatabase
from chromatrace.chain.outbox import Outbox
from chromatrace.documents.store import DocumentStore
from chromatrace.domain.errors import InvalidInput
from chromatrace.index import Index
from chromatrace.ingest.spool import Spool
from chromatrace.inspector.answers import AnswerStore
from chromatrace.quality.inspection_tasks import InspectionTasks
from chromatrace.quality.inspector_states import InspectorStates
from chromatrace.services.workspace import Workspace
from chromatrace.settings import Settings
from chromatrace.storage.private import private_folder, read_private


def mode(path):
    return stat.S_IMODE(path.stat().st_mode)


@pytest.fixture(params=[0o000, 0o022], ids=["umask 000", "umask 022"])
def wide_umask(request):
    before = os.umask(request.param)
    yield
    os.umask(before)


def use(kind, path):
    """Open the store in `path` and write to it."""
    if kind is PortalDatabase:
        store = PortalDatabase(f"sqlite:///{path}")
        with store.engine.begin() as connection:
            connection.exec_driver_sql("CREATE TABLE IF NOT EXISTS t (x)")
    else:
        store = kind(path)
        if kind is Index:
            store.migrate()
    return closing(store)


@pytest.mark.parametrize("existed", [False, True], ids=["new", "existing"])
@pytest.mark.parametrize("kind", [Outbox, Spool, Index, PortalDatabase, AnswerStore, InspectionTasks, InspectorStates])
def test_database_files_are_private(kind, existed, tmp_path, wide_umask):
    path = tmp_path / "store.db"
    if existed:
        with closing(sqlite3.connect(path)) as database:
            database.execute("PRAGMA journal_mode = WAL")
        path.chmod(0o666)
    with use(kind, path):
        files = list(tmp_path.glob("store.db*"))
        assert path in files
        assert {file.name: mode(file) for file in files} == {file.name: 0o600 for file in files}


def test_folders_are_private(tmp_path, wide_umask):
    data = tmp_path / "data"
    (data / "documents").mkdir(parents=True)
    with Workspace(Settings(data=data)) as workspace:
        assert mode(workspace.data) == 0o700
    digest = DocumentStore(data / "documents").put(b"content")
    files = [path for path in (data / "documents").rglob("*") if path.is_file()]
    assert [mode(path) for path in files] == [0o600]
    assert mode(data / "documents") == 0o700
    assert digest


def test_a_shared_folder_keeps_its_mode(tmp_path):
    tmp_path.chmod(0o1777)
    private_folder(tmp_path)
    assert mode(tmp_path) == 0o777 | stat.S_ISVTX


@pytest.mark.parametrize("permissions", [0o640, 0o620, 0o604, 0o602])
def test_key_file_open_to_others_is_rejected(tmp_path, permissions):
    path = tmp_path / "key.json"
    path.write_bytes(b"secret")
    path.chmod(permissions)
    with pytest.raises(InvalidInput, match=f"mode {permissions:04o}"):
        read_private(path)
    path.chmod(0o400)
    assert read_private(path) == b"secret"
