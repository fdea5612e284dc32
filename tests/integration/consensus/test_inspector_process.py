"""Inspectors as real processes on a real chain: they are drawn, answer, die and go on."""

import codecs
import json
import os
import pty
import select
import shlex
import signal
import sqlite3
import sys
from contextlib import closing
from hashlib import sha256

import pytest
from inspector_runs import ACCOUNTS, CONTRACT, DECIDED, SEATED, SUBJECT, dev_address, opened, round_of, until
from querying import query

from chromatrace.chain import calls, reads
from chromatrace.chain.reads import Read
from chromatrace.domain.rights import Role
from chromatrace.index import Follower, Index


def test_three_processes_decide_a_round_and_the_poor_one_learns(chain, panel, start, tmp_path):
    given = zip(ACCOUNTS, ("1", "1", "0"), strict=True)
    inspectors = [start(account, panel, "--agent", accuracy) for account, accuracy in given]
    opened(chain, panel)
    until(lambda: round_of(chain, panel).phase == DECIDED)
    decided = round_of(chain, panel)
    assert decided.state == 0
    assert sorted((seat.inspector, seat.state) for seat in decided.seats) == [(1, 0), (2, 0), (3, 1)]
    found = [chain.read(reads.inspector(panel, number)).capability for number in (1, 2, 3)]
    assert found == [1_100, 1_100, 900]
    with closing(Index(f"sqlite:///{tmp_path / 'index.db'}")) as index:
        index.migrate()
        Follower(index, chain.rpc, chain.manifest).sync()
        (shown,) = [one for one in query(index).panels() if one.panel == panel]
        assert [inspector.capabilities for inspector in shown.inspectors] == [(0.1, 0.11), (0.1, 0.11), (0.1, 0.09)]
        (told,) = query(index).rounds_about(SUBJECT)
        assert (told.phase, told.state, told.score) == ("decided", 0, 2.0)
        assert [(seat.inspector, seat.capability) for seat in told.dissent] == [(3, 0.09)]
    for process, number in zip(inspectors, (signal.SIGINT, signal.SIGTERM, signal.SIGINT), strict=True):
        process.send_signal(number)
        assert process.wait(180) == 0, "its ordinary end"


def test_a_process_killed_between_commit_and_reveal_goes_on(chain, panel, start, tmp_path):
    """kill -9 when its commitment is on the chain: the salt on disk opens it after the next start."""
    victim = start(ACCOUNTS[0], panel, "--agent", "1")
    start(ACCOUNTS[1], panel, "--agent", "1")
    opened(chain, panel)
    until(lambda: sum(seat.status == 1 for seat in round_of(chain, panel).seats) == 2)
    victim.send_signal(signal.SIGKILL)
    victim.wait()
    with sqlite3.connect(tmp_path / f"inspector-{ACCOUNTS[0]}" / "answers.db") as kept:
        assert kept.execute("SELECT count(*) FROM answers").fetchone() == (1,)
    start(ACCOUNTS[2], panel, "--agent", "1")
    until(lambda: sum(seat.status == 3 for seat in round_of(chain, panel).seats) == 2)
    assert round_of(chain, panel).phase == SEATED, "it waits for the one that died"
    start(ACCOUNTS[0], panel, "--agent", "0")
    until(lambda: round_of(chain, panel).phase == DECIDED)
    assert [seat.state for seat in round_of(chain, panel).seats] == [0, 0, 0], "the answer of before, not a new one"


def test_a_program_and_a_folder_answer(chain, panel, start, tmp_path):
    program = tmp_path / "instrument.py"
    program.write_text(
        "import json, sys\n"
        "asked = json.load(sys.stdin)\n"
        "print(json.dumps({'state': asked['states'][1], 'evidence': '0x' + '11' * 32, 'defects': 1}))\n"
    )
    folder, command = tmp_path / "desk", shlex.join([sys.executable, str(program)])
    start(ACCOUNTS[0], panel, "--program", command)
    start(ACCOUNTS[1], panel, "--program", command)
    start(ACCOUNTS[2], panel, "--folder", str(folder))
    opened(chain, panel)
    (question,) = until(lambda: list(folder.glob("*.question.json")))
    asked = json.loads(question.read_bytes())
    assert asked["subject"] == "0x" + SUBJECT.hex()
    draft = folder / "draft"
    draft.write_text(json.dumps({"state": "pass", "evidence": "0x" + "22" * 32}))
    draft.replace(folder / question.name.replace(".question", ""))
    until(lambda: round_of(chain, panel).phase == DECIDED)
    assert sorted((seat.inspector, seat.state) for seat in round_of(chain, panel).seats) == [(1, 1), (2, 1), (3, 0)]


def test_a_rule_by_log_odds_is_set_by_its_error_rate(chain, panel, start, tmp_path):
    chain.submit(calls.appoint_operator(dev_address(8, chain), panel, Role.ADMIN))
    log_odds = ("set-rule", "--weighing", "log-odds", "--minimum", "1", "--first-wave", "1")
    assert start.command(8, *log_odds, "--error", "0.05").wait(300) == 0
    version, rule = chain.read(Read(CONTRACT, "rule", (panel,), lambda *values: values))
    assert (version, rule[4], rule[5], rule[1]) == (2, 3, 29_444, 1)
    assert start.command(8, *log_odds, "--error", "0.5").wait(300) == 1
    assert start.command(8, "set-rule", "--error", "0.05").wait(300) == 1
    errors = (tmp_path / "log-8.txt").read_text()
    assert "above 0 and below 1/2" in errors
    assert "--error requires --weighing log-odds" in errors


def test_a_person_answers_at_the_terminal(chain, panel, start, tmp_path):
    """A prompt, an invalid answer, and a valid one."""
    evidence = tmp_path / "protocol.txt"
    evidence.write_text("the pane is scratched")
    terminal, child = pty.openpty()
    start(ACCOUNTS[0], panel, "--ask", terminal=child)
    for account in ACCOUNTS[1:]:
        start(account, panel, "--agent", "1")
    opened(chain, panel)
    shown, decoder = "", codecs.getincrementaldecoder("utf-8")()

    def read_until(text):
        nonlocal shown
        while text not in shown:
            assert select.select([terminal], [], [], 300)[0], shown
            shown += decoder.decode(os.read(terminal, 4096))
        shown = shown.split(text, 1)[1]

    read_until(f"first inspection of 0x{SUBJECT.hex()}, step 1")
    read_until("answer (pass, fail):")
    os.write(terminal, b"broken\n")
    read_until("'broken' is not one of")
    read_until("answer (pass, fail):")
    os.write(terminal, b"fail\n")
    read_until("evidence document:")
    os.write(terminal, f"{evidence}\n".encode())
    read_until("committed")
    until(lambda: round_of(chain, panel).phase == DECIDED)
    assert sorted((seat.inspector, seat.state) for seat in round_of(chain, panel).seats) == [(1, 1), (2, 0), (3, 0)]
    with closing(sqlite3.connect(tmp_path / f"inspector-{ACCOUNTS[0]}" / "answers.db")) as kept:
        (digest,) = kept.execute("SELECT evidence FROM answers").fetchone()
    assert digest == sha256(evidence.read_bytes()).digest()
    os.close(terminal)
    os.close(child)


@pytest.mark.parametrize("wrong", [(), ("--sheet", "electrochromic", "--agent", "1"), ("--ask", "--agent", "1")])
def test_exactly_one_source_of_answers(chain, panel, start, tmp_path, wrong):
    assert start(ACCOUNTS[0], panel, *wrong).wait(300) == 1
    error = (tmp_path / f"log-{ACCOUNTS[0]}.txt").read_text()
    assert ("--sheet requires --console" if "--sheet" in wrong else "expected one source of answers") in error
