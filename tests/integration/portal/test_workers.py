"""Worker processes of a portal."""

from __future__ import annotations

import os
import signal
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import fork_server
import httpx
import pytest

from app.accounts import create_account
from app.store import PortalDatabase
from chromatrace.chain import calls

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "index"))

from databases import Cluster, programs
from served_portal import PASSWORD

FOREVER = 2**64 - 1
PAGE = "/01/09521234543213"


def children(process_id):
    return set(map(int, Path(f"/proc/{process_id}/task/{process_id}/children").read_text().split()))


def alive(process_id):
    try:
        state = Path(f"/proc/{process_id}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


def leader(data):
    """Return the process that runs the background tasks; 0 before the first election."""
    lock = data / "portal.lock"
    return int(lock.read_text() or 0) if lock.exists() else 0


def wait(condition, seconds=180):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_workers_share_sessions_and_rate_counters_and_end_with_their_parent(consortium, data, serve):
    with closing(PortalDatabase(f"sqlite:///{data / 'portal.db'}")) as database:
        account = create_account(database, data / "keys", "dock@example-gears", PASSWORD)
    consortium.registrar.submit(calls.appoint_operator(account.address, 1, 127, FOREVER))
    portal = serve("--workers", "3", "--page-limit", "20 per hour", "--threads", "2")
    portal.wait(lambda: len(children(portal.process.pid)) == 3 and alive(leader(data)))
    with portal.client() as client:
        page = client.get("/login")
        token = page.text.partition('name="csrf_token" value="')[2].partition('"')[0]
        form = {"name": "dock@example-gears", "password": PASSWORD, "csrf_token": token}
        assert client.post("/login", data=form).status_code == 303
        cookies = dict(client.cookies)

    def visit(path):  # a connection of its own, which any worker may accept
        return httpx.get(portal.url + path, cookies=cookies, timeout=180).status_code

    with ThreadPoolExecutor(12) as executor:
        assert set(executor.map(visit, ["/partners/"] * 12)) == {200}
        assert sorted(executor.map(visit, [PAGE] * 30)) == [200] * 20 + [429] * 10
    workers = children(portal.process.pid)
    portal.kill()
    wait(lambda: not any(map(alive, workers)))  # the workers end with their parent


def test_another_worker_follows_when_the_first_dies_and_ctrl_c_ends_all(consortium, data, serve):
    portal = serve("--workers", "2")
    workers = children(portal.process.pid)
    portal.wait(lambda: leader(data) in children(portal.process.pid))
    first = leader(data)
    os.kill(first, signal.SIGKILL)
    portal.wait(lambda: leader(data) != first and alive(leader(data)))
    portal.wait(lambda: len(children(portal.process.pid) - {first}) == 2)
    assert children(portal.process.pid) != workers
    consortium.maker.submit(calls.open_channel("after the first follower"))
    height = consortium.height()
    with portal.client() as client:
        portal.wait(lambda: client.get("/healthz").json()["indexed_block"] >= height)
        assert client.get("/readyz").status_code == 200
    workers = children(portal.process.pid)
    for process_id in (portal.process.pid, *workers):  # as a terminal does for Ctrl-C
        os.kill(process_id, signal.SIGINT)
    assert portal.process.wait(60) == 0, portal.log.read_text()
    assert "Traceback" not in portal.log.read_text()
    wait(lambda: not any(map(alive, workers)))


def test_portal_of_another_data_folder_is_rejected(consortium, data, serve, tmp_path):
    url = f"sqlite:///{tmp_path / 'shared.db'}"
    serve("--workers", "1", "--database-url", url)
    base = ("--rpc-url", consortium.node.url, "--data", tmp_path / "other", "--manifest", consortium.manifest_path)
    status, _, errors = fork_server.command_line().run(*base, "portal", "serve", "--port", "0", "--database-url", url)
    assert status == 1
    assert "the database belongs to the data folder with the identifier" in " ".join(errors.split())
    status, _, errors = fork_server.command_line().run(
        *base, "portal", "add-account", "a", "--wallet", "0x" + "ab" * 20, "--database-url", url,
        env=os.environ | {"CHROMATRACE_PORTAL_ACCOUNT_PASSWORD": PASSWORD},
    )  # fmt: skip
    assert (status, "belongs to the data folder" in " ".join(errors.split())) == (1, True)


def test_portals_can_start_together_on_empty_postgresql_database(consortium, data):
    from served_portal import PortalProcess

    folder = programs()
    if folder is None:
        pytest.skip("PostgreSQL is not installed (apt-get install postgresql)")
    cluster = Cluster(folder).start()
    try:
        index, own = cluster.new_database(), cluster.new_database()

        def start(_):
            arguments = ("--workers", "1", "--database-url", own)
            return PortalProcess(consortium, data, *arguments, options=("--database-url", index))

        with ThreadPoolExecutor(2) as executor:
            portals = list(executor.map(start, range(2)))
        for portal in portals:
            portal.wait(lambda portal=portal: httpx.get(f"{portal.url}/healthz", timeout=180).status_code == 200)
        with cluster.stopped():
            for portal in portals:
                assert httpx.get(f"{portal.url}{PAGE}", timeout=180).status_code == 503
        for portal in portals:
            portal.wait(lambda portal=portal: httpx.get(f"{portal.url}/healthz", timeout=180).status_code == 200)
            portal.kill()
    finally:
        cluster.stop()
