"""Inspection tasks that a person answers at the portal: real chain, inspector processes and portal."""

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
    open_round,
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
from chromatrace.quality.check_sheet import Parameter, ToleranceSheet
from chromatrace.quality.inspection_tasks import FILE_NAME as TASKS
from chromatrace.quality.inspection_tasks import InspectionTask, InspectionTasks, TaskSubject
from chromatrace.quality.inspector_states import FILE_NAME as STATES
from chromatrace.quality.inspector_states import InspectorStates

PASSWORD = "seven grey panes of glass"
SHEET = "electrochromic"


class Portal:
    """The portal of a data folder, started as a process or in this process; `url` is that of the last start."""

    def __init__(self, chain, panel, node_url, manifest, data):
        self.chain, self.panel, self.manifest, self.data = chain, panel, manifest, data
        self.rpc_url, self.url, self.transport = node_url, "http://127.0.0.1:8000", None
        self.running = []
        data.mkdir()

    def start_process(self):
        log = self.data / f"log-{len(self.running)}.txt"
        options = ("--data", self.data, "--rpc-url", self.rpc_url, "--manifest", self.manifest)
        with log.open("wb") as out:
            process = fork_server.command_line().start(*options, "portal", "serve", "--port", 0, stdout=out, stderr=out)
        self.running.append(process)
        self.url = until(lambda: re.search(r"portal at (http://[\d.:]+)", log.read_text()))[1]
        return process

    def start_in_process(self):
        self.follow()
        self.transport = httpx.WSGITransport(app=create_app(self.settings()))

    def settings(self):
        return PortalSettings(data_folder=self.data, rpc_url=self.rpc_url, manifest_path=self.manifest)

    def follow(self):
        with closing(Index(self.settings().index_database)) as index:
            index.migrate()
            Follower(index, self.chain.rpc, self.chain.manifest).sync()

    def log_in(self, name, roles=Role.INSPECTOR):
        """Create an operator of the panel's organisation and return a client with its session."""
        with closing(PortalDatabase(f"sqlite:///{self.data / 'portal.db'}")) as store:
            address = create_account(store, self.data / "keys", name, PASSWORD).address
        self.chain.submit(calls.appoint_operator(address, self.panel, roles))
        client = httpx.Client(base_url=self.url, transport=self.transport, timeout=180, follow_redirects=True)
        form = {"name": name, "password": PASSWORD, "csrf_token": token(client.get("/login"))}
        assert client.post("/login", data=form).status_code == 200
        return client


@pytest.fixture
def portal(chain, isolated, panel, manifest, tmp_path):
    portal = Portal(chain, panel, isolated.url, manifest, tmp_path / "portal")
    yield portal
    for process in portal.running:
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


def test_an_answer_survives_crashes_of_inspector_and_portal(chain, panel, start, portal, tmp_path):
    portal_process = portal.start_process()
    console = ("--console", str(portal.data), "--sheet", SHEET)
    inspector_process = start(ACCOUNTS[0], panel, *console)
    for account in ACCOUNTS[1:]:
        start(account, panel, "--agent", "1")
    open_round(chain, panel)
    client = portal.log_in("inspector@example-glass")
    page, action = open_task(client)
    assert "<h1>Inspection tasks</h1>" in page.text
    assert "minutes left" in page.text
    for parameter in example_plant(SHEET).check_sheet("first").tolerances().parameters:
        assert f"{parameter.low or parameter.high:.6g}" in page.text

    invalid = submit(client, **good_values() | {"value-0": "seven"})
    assert invalid.status_code == 400
    assert "is not a valid number" in invalid.text

    for process in (inspector_process, portal_process):
        process.send_signal(signal.SIGKILL)
        process.wait()
    portal.start_process()
    client.base_url = portal.url
    submitted = submit(client, **good_values())
    assert submitted.status_code == 200
    assert "Answer submitted" in submitted.text
    assert "No open inspection tasks" in submitted.text
    assert round_of(chain, panel).phase == SEATED

    second = client.post(action, data={"csrf_token": token(submitted), "state": "fail"} | good_values())
    assert second.status_code == 409
    start(ACCOUNTS[0], panel, *console)
    until(lambda: round_of(chain, panel).phase == DECIDED)
    seat = round_of(chain, panel).seats[0]
    assert (seat.inspector, seat.state) == (1, 0)

    documents = tmp_path / f"inspector-{ACCOUNTS[0]}" / "documents"
    (document,) = [path for path in documents.rglob("*") if path.is_file()]
    evidence = json.loads(document.read_bytes())
    assert evidence["answer"]["state"] == "pass"
    assert {measurement["size"] for measurement in evidence["answer"]["measurements"].values()} == {"fit"}
    revealed = [event.args for event in events(chain, "AnswerRevealed") if event.args["seat"] == 0]
    assert revealed[-1]["evidence"] == hashlib.sha256(document.read_bytes()).digest()
    assert not any(name in document.read_text() for name in ("salt", "signature"))


def events(chain, name):
    query = {"address": chain.manifest.address(CONTRACT), "fromBlock": "0x0", "toBlock": "latest"}
    decoded = [decode_log(CONTRACT, log) for log in chain.rpc.call("eth_getLogs", query)]
    return [event for event in decoded if event is not None and event.name == name]


def test_a_person_answers_once_per_round_and_must_be_an_inspector(chain, panel, start, portal):
    """Without a check sheet, the person enters the state."""
    portal.start_in_process()
    for account in ACCOUNTS[:2]:
        start(account, panel, "--console", str(portal.data))
    start(ACCOUNTS[2], panel, "--agent", "1")
    open_round(chain, panel)
    first, second = portal.log_in("first@example-glass"), portal.log_in("second@example-glass")
    carrier = portal.log_in("carrier@example-glass", Role.LOGISTICS)
    assert carrier.get("/console/inspections").status_code == 403
    until(lambda: first.get("/console/inspections").text.count('<form method="post" action="/console') == 2)

    unknown = submit(first, state="perhaps")
    assert (unknown.status_code, "pass or fail" in unknown.text) == (400, True)
    assert submit(first, state="fail", defects="9" * 5_000).status_code == 400
    assert submit(first, state="fail").status_code == 200
    repeated = submit(first, state="fail")
    assert repeated.status_code == 409
    assert "you have already answered a task of this round" in repeated.text.lower()
    assert "<strong>fail</strong>" not in second.get("/console/inspections").text, "answers of others are hidden"
    assert submit(second, state="pass").status_code == 200
    until(lambda: round_of(chain, panel).phase == DECIDED)
    assert sorted(seat.state for seat in round_of(chain, panel).seats) == [0, 0, 1]
    portal.follow()
    assert "differs from the result, pass" in first.get("/console/inspections").text
    assert "agrees with the result, pass" in second.get("/console/inspections").text


def test_contradictions_and_faults_are_shown(chain, panel, portal):
    """The task is added as an inspector's process adds it; no process runs."""
    portal.start_in_process()
    about = TaskSubject("0x" + "0a" * 32, 1, "first", 2, ("pass", "fail"))
    inspector, now = "0x" + "5c" * 20, int(time.time())
    sheet = ToleranceSheet((Parameter("haze", "%", high=6.5),))
    with (
        closing(InspectionTasks(portal.data / TASKS)) as tasks,
        closing(InspectorStates(portal.data / STATES)) as states,
    ):
        tasks.add(InspectionTask(b"\7" * 32, inspector, panel, now + 600, about, sheet))
        states.write(inspector, panel, panel, 1, {"chain": "the node limits the rate"})
        client = portal.log_in("reader@example-glass")
        page, _ = open_task(client)
        assert "the node limits the rate" in page.text.lower()
        for values in (
            {"value-0": "91", "defects": "0"},
            {"value-0": "3.5", "defects": "2"},
            {"value-0": "3.5", "defects": "3"},
            {"value-0": "91", "defects": "1", "state": "pass"},
            {"value-0": "3_5", "defects": "0"},
            {"value-0": "\uff13", "defects": "0"},
            {"value-0": "3.5", "defects": "\u0660"},
        ):
            assert submit(client, **values).status_code == 400, values
        ambiguous = submit(client, **{"value-0": "2,125"})
        assert (ambiguous.status_code, "2125 or 2.125" in ambiguous.text) == (400, True)
        accepted = submit(client, **{"value-0": "3,5"})
        assert (accepted.status_code, "waiting to be sent" in accepted.text) == (200, True)
        states._db.execute("UPDATE states SET seen_at = ?", (now - 600,))
        assert "has not reported since" in client.get("/console/inspections").text


def test_an_inspector_that_misses_the_deadline_is_replaced(chain, panel, start, portal, tmp_path, monkeypatch):
    """The clocks of the chain and then of the portal move past the deadline."""
    portal.start_in_process()
    console = ("--console", str(portal.data))
    start(ACCOUNTS[0], panel, *console)
    start(ACCOUNTS[1], panel, "--agent", "1")
    client = portal.log_in("inspector@example-glass")
    log = tmp_path / f"log-{ACCOUNTS[0]}.txt"
    until(lambda: "inspector 1 of panel" in log.read_text())
    open_round(chain, panel)
    _, action = open_task(client)
    chain.rpc.call("evm_increaseTime", COMMIT_S + 60)
    chain.rpc.call("evm_mine")
    until(lambda: "missed the deadline; the seat is replaced" in log.read_text())
    until(lambda: round_of(chain, panel).phase in (REQUESTED, LAPSED))
    assert any(seat.status == SeatStatus.STALLED for seat in round_of(chain, panel).seats)
    later = SimpleNamespace(time=lambda: time.time() + COMMIT_S + 60)
    monkeypatch.setattr("chromatrace.quality.inspection_tasks.time", later)
    late = client.post(action, data={"csrf_token": token(client.get("/partners/")), "state": "pass", "defects": "0"})
    assert late.status_code == 409
    assert "the deadline has passed" in late.text.lower()
