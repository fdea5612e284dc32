"""Inspector processes on a real chain: draws, answers, crashes and restarts."""

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
from inspector_runs import ACCOUNTS, CONTRACT, DECIDED, SEATED, SUBJECT, dev_address, open_round, round_of, until
from querying import query

from chromatrace.chain import calls, reads
from chromatrace.chain.reads import Read
from chromatrace.domain.rights import Role
from chromatrace.index import Follower, Index


def test_three_processes_decide_a_round_and_capabilities_are_updated(chain, panel, start, tmp_path):
    accuracies = zip(ACCOUNTS, ("1", "1", "0"), strict=True)
    inspectors = [start(account, panel, "--agent", accuracy) for account, accuracy in accuracies]
    open_round(chain, panel)
    until(lambda: round_of(chain, panel).phase == DECIDED)
    decided = round_of(chain, panel)
    assert decided.state == 0
    assert sorted((seat.inspector, seat.state) for seat in decided.seats) == [(1, 0), (2, 0), (3, 1)]
    capabilities = [chain.read(reads.inspector(panel, number)).capability for number in (1, 2, 3)]
    assert capabilities == [1_100, 1_100, 900]
    with closing(Index(f"sqlite:///{tmp_path / 'index.db'}")) as index:
        index.migrate()
        Follower(index, chain.rpc, chain.manifest).sync()
        (indexed,) = [row for row in query(index).panels() if row.panel == panel]
        assert [inspector.capabilities for inspector in indexed.inspectors] == [(0.1, 0.11), (0.1, 0.11), (0.1, 0.09)]
        (round_,) = query(index).rounds_about(SUBJECT)
        assert (round_.phase, round_.state, round_.score) == ("decided", 0, 2.0)
        assert [(seat.inspector, seat.capability) for seat in round_.dissent] == [(3, 0.09)]
    for process, number in zip(inspectors, (signal.SIGINT, signal.SIGTERM, signal.SIGINT), strict=True):
        process.send_signal(number)
        assert process.wait(180) == 0


def test_a_process_killed_between_commit_and_reveal_resumes(chain, panel, start, tmp_path):
    """After a SIGKILL, the restarted process reveals with the salt on disk."""
    victim = start(ACCOUNTS[0], panel, "--agent", "1")
    start(ACCOUNTS[1], panel, "--agent", "1")
    open_round(chain, panel)
    until(lambda: sum(seat.status == 1 for seat in round_of(chain, panel).seats) == 2)
    victim.send_signal(signal.SIGKILL)
    victim.wait()
    with sqlite3.connect(tmp_path / f"inspector-{ACCOUNTS[0]}" / "answers.db") as database:
        assert database.execute("SELECT count(*) FROM answers").fetchone() == (1,)
    start(ACCOUNTS[2], panel, "--agent", "1")
    until(lambda: sum(seat.status == 3 for seat in round_of(chain, panel).seats) == 2)
    assert round_of(chain, panel).phase == SEATED, "the round waits for the killed inspector"
    start(ACCOUNTS[0], panel, "--agent", "0")
    until(lambda: round_of(chain, panel).phase == DECIDED)
    assert [seat.state for seat in round_of(chain, panel).seats] == [0, 0, 0], "the stored answer is revealed"


def test_a_program_and_a_folder_answer(chain, panel, start, tmp_path):
    program = tmp_path / "instrument.py"
    program.write_text(
        "import json, sys\n"
        "question = json.load(sys.stdin)\n"
        "print(json.dumps({'state': question['states'][1], 'evidence': '0x' + '11' * 32, 'defects': 1}))\n"
    )
    folder, command = tmp_path / "questions", shlex.join([sys.executable, str(program)])
    start(ACCOUNTS[0], panel, "--program", command)
    start(ACCOUNTS[1], panel, "--program", command)
    start(ACCOUNTS[2], panel, "--folder", str(folder))
    open_round(chain, panel)
    (question,) = until(lambda: list(folder.glob("*.question.json")))
    assert json.loads(question.read_bytes())["subject"] == "0x" + SUBJECT.hex()
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
    open_round(chain, panel)
    output, decoder = "", codecs.getincrementaldecoder("utf-8")()

    def read_until(text):
        nonlocal output
        while text not in output:
            assert select.select([terminal], [], [], 300)[0], output
            output += decoder.decode(os.read(terminal, 4096))
        output = output.split(text, 1)[1]

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
    with closing(sqlite3.connect(tmp_path / f"inspector-{ACCOUNTS[0]}" / "answers.db")) as database:
        (digest,) = database.execute("SELECT evidence FROM answers").fetchone()
    assert digest == sha256(evidence.read_bytes()).digest()
    os.close(terminal)
    os.close(child)


@pytest.mark.parametrize("wrong", [(), ("--sheet", "electrochromic", "--agent", "1"), ("--ask", "--agent", "1")])
def test_exactly_one_source_of_answers_is_required(chain, panel, start, tmp_path, wrong):
    assert start(ACCOUNTS[0], panel, *wrong).wait(300) == 1
    error = (tmp_path / f"log-{ACCOUNTS[0]}.txt").read_text()
    assert ("--sheet requires --console" if "--sheet" in wrong else "expected one source of answers") in error
