"""A person at the portal reads for an inspector's process: real chain, real processes, real portal."""

import hashlib
import json
import re
import signal
import time
from contextlib import closing
from types import SimpleNamespace

import fork_server
import httpx
import pytest
from inspector_runs import (
    ACCOUNTS,
    COMMIT_S,
    CONTRACT,
    DECIDED,
    LAPSED,
    REQUESTED,
    SEATED,
    opened,
    round_of,
    until,
)

from app import PortalSettings, create_app
from app.accounts import create_account
from app.store import PortalDatabase
from chromatrace.chain import calls
from chromatrace.domain.rights import Role, SeatStatus
from chromatrace.ethereum.abi import decode_log
from chromatrace.index import Follower, Index
from chromatrace.plant import example_plant

PASSWORD = "seven grey panes of glass"
SHEET = "electrochromic"


class Portal:
    """The portal of one data folder: as a process, or in this one where nothing dies. `url` is the newest one's."""

    def __init__(self, chain, panel, node_url, manifest, data):
        self.chain, self.panel, self.manifest, self.data = chain, panel, manifest, data
        self.rpc_url, self.url, self.transport = node_url, "http://127.0.0.1:8000", None
        self.running = []
        data.mkdir()

    def serve(self):
        log = self.data / f"log-{len(self.running)}.txt"
        words = ("--data", self.data, "--rpc-url", self.rpc_url, "--manifest", self.manifest)
        with log.open("wb") as out:
            started = fork_server.command_line().start(*words, "portal", "serve", "--port", 0, stdout=out, stderr=out)
            self.running.append(started)
        self.url = until(lambda: re.search(r"portal at (http://[\d.:]+)", log.read_text()))[1]
        return self.running[-1]

    def here(self):
        config = PortalSettings(data_folder=self.data, rpc_url=self.rpc_url, manifest_path=self.manifest)
        with closing(Index(config.index_database)) as index:
            index.migrate()
            Follower(index, self.chain.rpc, self.chain.manifest).sync()
        self.transport = httpx.WSGITransport(app=create_app(config))

    def person(self, name, roles=Role.INSPECTOR):
        """A browser with a session of an operator of the panel's organisation."""
        with closing(PortalDatabase(f"sqlite:///{self.data / 'portal.db'}")) as store:
            address = create_account(store, self.data / "keys", name, PASSWORD).address
        self.chain.submit(calls.appoint_operator(address, self.panel, roles))
        client = httpx.Client(base_url=self.url, transport=self.transport, timeout=180, follow_redirects=True)
        form = {"name": name, "password": PASSWORD, "csrf_token": token(client.get("/login"))}
        assert client.post("/login", data=form).status_code == 200
        return client


@pytest.fixture
def portal(chain, isolated, panel, manifest, tmp_path):
    made = Portal(chain, panel, isolated.url, manifest, tmp_path / "portal")
    yield made
    for process in made.running:
        process.kill()
        process.wait(60)


def token(page):
    return re.search(r'name="csrf_token" value="([^"]+)"', page.text)[1]


def open_task(client):
    """Return the page when it shows an open task, and the URL of its form."""

    def load():
        page = client.get("/console/inspections")
        match = re.search(r'action="(/console/inspections/[0-9a-f]{64}/0x[0-9a-f]{40})"', page.text)
        return match and (page, match[1])

    return until(load)


def submit(client, **values):
    page, action = open_task(client)
    return client.post(action, data={"csrf_token": token(page), "defects": "0"} | values)


def good_values():
    """Return a value within the tolerance of each parameter of the plant's first inspection."""
    sheet = example_plant(SHEET).check_sheet("first").tolerances()
    values = []
    for parameter in sheet.parameters:
        low, high = parameter.low, parameter.high
        values.append(low if high is None else high if low is None else (low + high) / 2)
    return {f"value-{index}": f"{value:.12g}" for index, value in enumerate(values)}


def test_a_person_reads_and_either_side_may_die(chain, panel, start, portal, tmp_path):
    serving = portal.serve()
    console = ("--console", str(portal.data), "--sheet", SHEET)
    asking = start(ACCOUNTS[0], panel, *console)
    for account in ACCOUNTS[1:]:
        start(account, panel, "--agent", "1")
    opened(chain, panel)
    reader = portal.person("reader@example-glass")
    page, action = open_task(reader)
    assert "<h1>Inspection tasks</h1>" in page.text
    assert "minutes left" in page.text
    for parameter in example_plant(SHEET).check_sheet("first").tolerances().parameters:
        assert f"{parameter.low or parameter.high:.6g}" in page.text

    wrong = submit(reader, **good_values() | {"value-0": "seven"})
    assert wrong.status_code == 400
    assert "is not a valid number" in wrong.text

    for victim in (asking, serving):
        victim.send_signal(signal.SIGKILL)
        victim.wait()
    portal.serve()
    reader.base_url = portal.url
    submitted = submit(reader, **good_values())
    assert submitted.status_code == 200
    assert "Answer submitted" in submitted.text
    assert "No open inspection tasks" in submitted.text
    assert round_of(chain, panel).phase == SEATED

    again = reader.post(action, data={"csrf_token": token(submitted), "state": "fail"} | good_values())
    assert again.status_code == 409
    start(ACCOUNTS[0], panel, *console)
    until(lambda: round_of(chain, panel).phase == DECIDED)
    own = round_of(chain, panel).seats[0]
    assert (own.inspector, own.state) == (1, 0)

    documents = tmp_path / f"inspector-{ACCOUNTS[0]}" / "documents"
    (document,) = [path for path in documents.rglob("*") if path.is_file()]
    evidence = json.loads(document.read_bytes())
    assert evidence["answer"]["state"] == "pass"
    assert {each["size"] for each in evidence["answer"]["measurements"].values()} == {"fit"}
    revealed = [event.args for event in events(chain, "AnswerRevealed") if event.args["seat"] == 0]
    assert revealed[-1]["evidence"] == hashlib.sha256(document.read_bytes()).digest()
    assert not any(name in document.read_text() for name in ("salt", "signature"))


def events(chain, name):
    query = {"address": chain.manifest.address(CONTRACT), "fromBlock": "0x0", "toBlock": "latest"}
    found = [decode_log(CONTRACT, log) for log in chain.rpc.call("eth_getLogs", query)]
    return [event for event in found if event is not None and event.name == name]


def test_one_person_reads_once_in_a_round_and_only_inspectors_read(chain, panel, start, portal):
    """Without a check sheet the person says the state."""
    portal.here()
    for account in ACCOUNTS[:2]:
        start(account, panel, "--console", str(portal.data))
    start(ACCOUNTS[2], panel, "--agent", "1")
    opened(chain, panel)
    first, second = portal.person("first@example-glass"), portal.person("second@example-glass")
    nobody = portal.person("nobody@example-glass", Role.LOGISTICS)
    assert nobody.get("/console/inspections").status_code == 403
    until(lambda: first.get("/console/inspections").text.count('<form method="post" action="/console') == 2)

    unknown = submit(first, state="perhaps")
    assert (unknown.status_code, "pass or fail" in unknown.text) == (400, True)
    assert submit(first, state="fail", defects="9" * 5_000).status_code == 400
    assert submit(first, state="fail").status_code == 200
    twice = submit(first, state="fail")
    assert twice.status_code == 409
    assert "you have already answered a task of this round" in twice.text.lower()
    assert "<strong>fail</strong>" not in second.get("/console/inspections").text, "no reader sees another's reading"
    assert submit(second, state="pass").status_code == 200
    until(lambda: round_of(chain, panel).phase == DECIDED)
    assert sorted(seat.state for seat in round_of(chain, panel).seats) == [0, 0, 1]


def test_nobody_answers_and_the_round_replaces_the_inspector(chain, panel, start, portal, tmp_path, monkeypatch):
    """The time to answer passes at once, on the chain first."""
    portal.here()
    console = ("--console", str(portal.data))
    start(ACCOUNTS[0], panel, *console)
    start(ACCOUNTS[1], panel, "--agent", "1")
    reader = portal.person("reader@example-glass")
    log = tmp_path / f"log-{ACCOUNTS[0]}.txt"
    until(lambda: "inspector 1 of panel" in log.read_text())
    opened(chain, panel)
    _, action = open_task(reader)
    chain.rpc.call("evm_increaseTime", COMMIT_S + 60)
    chain.rpc.call("evm_mine")
    until(lambda: "missed the deadline; the seat is replaced" in log.read_text())
    until(lambda: round_of(chain, panel).phase in (REQUESTED, LAPSED))
    assert any(seat.status == SeatStatus.STALLED for seat in round_of(chain, panel).seats)
    later = SimpleNamespace(time=lambda: time.time() + COMMIT_S + 60)
    monkeypatch.setattr("chromatrace.quality.inspection_tasks.time", later)
    late = reader.post(action, data={"csrf_token": token(reader.get("/partners/")), "state": "pass", "defects": "0"})
    assert late.status_code == 409
    assert "the deadline has passed" in late.text.lower()
