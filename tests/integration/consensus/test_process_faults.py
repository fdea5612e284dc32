"""Inspector processes survive temporary faults, and show those that need a person."""

import itertools
import json
import re
import time
from contextlib import ExitStack, suppress

import pytest
from faulty_node import JSON, faulty_node
from inspector_runs import ACCOUNTS, DECIDED, SEATED, dev_address, open_round, round_of, until
from panel_of_three import PanelOfThree

from chromatrace.chain import calls
from chromatrace.chain.outbox_entries import CallState
from chromatrace.crypto.sealed_answer import lane_id
from chromatrace.domain.errors import Unavailable
from chromatrace.domain.rights import Role, RoundPhase, SeatStatus
from chromatrace.inspector import attempts
from chromatrace.inspector.adapters import folder_adapter
from chromatrace.inspector.attempts import MAX_TRANSACTIONS, Attempts


@pytest.fixture
def stack():
    with ExitStack() as stack:
        yield stack


@pytest.fixture
def short_pauses(monkeypatch):
    """Make the pauses after a fault short."""
    monkeypatch.setattr(attempts, "_FIRST_PAUSE_S", 0.01)
    monkeypatch.setattr(attempts, "_LONGEST_PAUSE_S", 0.2)


def decided(inspectors):
    return inspectors.state().phase is RoundPhase.DECIDED


def test_processes_survive_errors_of_the_node(chain, panel, start, tmp_path, isolated):
    """The node returns errors of several kinds while the processes start, and again while they work."""
    limit, internal = ({"code": -32005, "message": "limit exceeded"}, {"code": -32603, "message": "internal error"})
    page = (502, {"Content-Type": "text/html"}, b"<html>Bad Gateway</html>")
    faults = itertools.chain([limit], itertools.cycle([internal, page]))
    with faulty_node(isolated.url) as node:

        def fail(requests):
            fault = next(faults)
            if fault is page:
                return page
            answers = [{"jsonrpc": "2.0", "id": request["id"], "error": fault} for request in requests]
            return 200, JSON, json.dumps(answers if len(answers) > 1 else answers[0]).encode()

        def fail_until_each_has_failed(times):
            node.respond = fail
            logs = [tmp_path / f"log-{account}.txt" for account in ACCOUNTS]
            until(lambda: all(log.exists() and log.read_text().count("trying again") >= times for log in logs))
            node.respond = lambda _: None

        node.respond = fail
        processes = [start(account, panel, "--agent", "1", rpc_url=node.url) for account in ACCOUNTS]
        fail_until_each_has_failed(1)
        until(lambda: all("inspector " in (tmp_path / f"log-{account}.txt").read_text() for account in ACCOUNTS))
        node.respond = fail
        open_round(chain, panel)
        fail_until_each_has_failed(2)
        until(lambda: round_of(chain, panel).phase == DECIDED)
        assert [process.poll() for process in processes] == [None] * 3
        assert [seat.status for seat in round_of(chain, panel).seats] == [SeatStatus.REVEALED] * 3


def test_an_inspector_without_money_waits_and_others_draw(chain, panel, tmp_path, stack, short_pauses):
    poor = dev_address(ACCOUNTS[0], chain)
    balance = chain.rpc.call("eth_getBalance", poor, "latest")
    chain.rpc.call("anvil_setBalance", poor, "0x1")
    inspectors = PanelOfThree(chain, panel, tmp_path, stack)
    inspectors.open()
    inspectors.poll_until(lambda: [seat.status for seat in inspectors.state().seats].count(SeatStatus.COMMITTED) == 2)
    (fault,) = inspectors.processes[0].faults.values()
    assert "ether" in fault
    chain.rpc.call("anvil_setBalance", poor, balance)
    inspectors.poll_until(lambda: decided(inspectors))
    inspectors.poll()
    assert inspectors.processes[0].faults == {}


def test_a_half_written_answer_is_read_again(chain, panel, tmp_path, stack, short_pauses):
    folder = tmp_path / "answers"
    inspectors = PanelOfThree(chain, panel, tmp_path, stack, answer=folder_adapter(folder))
    inspectors.open()
    inspectors.poll_until(lambda: list(folder.glob("*.question.json")))
    (question,) = folder.glob("*.question.json")
    answer = folder / question.name.replace(".question", "")
    complete = json.dumps({"state": "pass", "defects": 0, "evidence": "0x" + "44" * 32})
    for broken in (complete[:25], json.dumps(json.loads(complete) | {"defects": 1}), "[]"):
        answer.write_text(broken)
        for _ in range(3):
            inspectors.poll()
        assert [seat.status for seat in inspectors.state().seats] == [SeatStatus.DRAWN] * 3
        assert all(process.faults for process in inspectors.processes)
    answer.write_text(complete)
    inspectors.poll_until(lambda: decided(inspectors))


def test_a_full_disk_does_not_repeat_the_measurement(chain, panel, tmp_path, stack, short_pauses):
    """The file of answers may not grow: SQLite reports that the disk is full."""
    inspectors = PanelOfThree(chain, panel, tmp_path, stack)
    files = [process._answers._db for process in inspectors.processes]
    for file in files:
        file.execute("CREATE TABLE filler (bytes BLOB)")
        (pages,) = file.execute("PRAGMA page_count").fetchone()
        file.execute(f"PRAGMA max_page_count = {pages}")
        with suppress(Unavailable):
            while True:
                file.execute("INSERT INTO answers VALUES (randomblob(32), 0, 0, randomblob(32), randomblob(32))")
    inspectors.open()
    inspectors.poll_until(lambda: len(inspectors.questions) == 3)
    for _ in range(5):
        inspectors.poll()
        time.sleep(0.05)
    assert all("full" in fault for process in inspectors.processes for fault in process.faults.values())
    assert all(process.faults for process in inspectors.processes)
    for file in files:
        file.execute("PRAGMA max_page_count = 100000")
    inspectors.poll_until(lambda: decided(inspectors))
    assert len(inspectors.questions) == 3


def test_a_round_that_cannot_be_filled_sends_no_draws(chain, panel, start, tmp_path, stack, short_pauses):
    chain.submit(calls.retire_inspector(2))
    chain.submit(calls.appoint_operator(dev_address(8, chain), panel, Role.PRODUCER))
    assert start.command(8, "open", "0x" + "07" * 32, "--step", "1").wait(300) == 0
    log = re.sub(r"\s+", " ", (tmp_path / "log-8.txt").read_text())
    assert "warning: the round needs 3 inspectors, but 2 can be drawn now" in log
    inspectors = PanelOfThree(chain, panel, tmp_path, stack)
    head = chain.rpc.call("eth_blockNumber")
    for _ in range(20):
        inspectors.poll()
        time.sleep(0.1)
    assert chain.rpc.call("eth_blockNumber") == head
    assert [outbox.counts()[CallState.FAILED] for outbox in inspectors.outboxes] == [0, 0, 0]
    (fault,) = inspectors.processes[0].faults.values()
    assert "3 seats must be filled, but only 2 inspectors can be drawn" in fault
    chain.submit(calls.enrol_inspector(dev_address(ACCOUNTS[1], chain), 1_000, bytes(32)))
    inspectors.poll_until(lambda: decided(inspectors))


def test_a_reverting_transaction_is_repeated_a_few_times_only(chain, panel, short_pauses):
    messages = []
    sender = Attempts(chain, messages.append)
    draw = calls.draw_seats([lane_id(panel, 9)]).with_gas(200_000)

    def stopped():
        sender.run("draw", lambda: sender.send("draw", draw, check=False))
        chain.resume()
        return "is not sent again" in sender.faults.get("draw", "")

    until(stopped)
    for _ in range(20):
        sender.run("draw", lambda: sender.send("draw", draw, check=False))
        time.sleep(0.02)
    assert chain.outbox.counts()[CallState.FAILED] == MAX_TRANSACTIONS
    assert len([message for message in messages if "failed on the chain" in message]) == MAX_TRANSACTIONS


def test_faults_are_shown_by_status(chain, panel, start, tmp_path):
    """A program that fails is a fault until it succeeds; a process that has ended is reported after a while."""
    start(ACCOUNTS[0], panel, "--program", f"test -e {tmp_path}/ready && cat {tmp_path}/ready")
    for account in ACCOUNTS[1:]:
        start(account, panel, "--agent", "1")
    open_round(chain, panel)
    until(lambda: round_of(chain, panel).phase == SEATED)

    def status():
        log = tmp_path / f"log-{ACCOUNTS[0]}.txt"
        before = len(log.read_text())
        code = start.command(ACCOUNTS[0], "status", "--json").wait(300)
        (document,) = re.findall(r"(?ms)^\{.*^\}", log.read_text()[before:])
        (state,) = json.loads(document)["inspectors"]
        return code, state

    code, state = until(lambda: (found := status())[1]["faults"] and found)
    assert (code, state["running"], state["number"]) == (1, True, 1)
    assert "program failed" in state["faults"][0]["message"]
    (tmp_path / "ready").write_text(json.dumps({"state": "pass", "evidence": "0x" + "55" * 32}))
    until(lambda: round_of(chain, panel).phase == DECIDED)
    assert until(lambda: (found := status())[0] == 0 and found)[1]["faults"] == []


def test_a_rule_leaves_time_until_a_commitment_is_final(chain, panel, start, tmp_path):
    """The chain makes a block every 12 seconds."""
    chain.submit(calls.appoint_operator(dev_address(8, chain), panel, Role.ADMIN))
    chain.rpc.call("evm_setAutomine", False)
    try:
        for _ in range(40):
            chain.rpc.call("evm_increaseTime", 12)
            chain.rpc.call("evm_mine")
        options = ("set-rule", "--confirmations", "10")
        assert start.command(8, *options, "--reveal-seconds", "120").wait(300) == 1
        assert start.command(8, *options, "--commit-seconds", "20").wait(300) == 1
    finally:
        chain.rpc.call("evm_setAutomine", True)
    log = re.sub(r"\s+", " ", (tmp_path / "log-8.txt").read_text())
    assert "reveal_seconds: the reveal phase is 120 s; it must be at least" in log
    assert "commit_seconds: the commit phase is 20 s; it must be at least" in log
