"""Inspectors as real processes on a real chain: they are drawn, answer, die and go on."""

import json
import signal
import sqlite3
import subprocess
import sys
import time
import warnings
from contextlib import closing
from pathlib import Path

import pytest

from chromatrace.chain import commands
from chromatrace.chain.signer import DevKeyWarning, dev_signer
from chromatrace.cli.inspector import rule_values
from chromatrace.crypto.sealed_answer import desk_id
from chromatrace.domain.identifiers import Gln
from chromatrace.domain.rights import OrganisationKind, Role
from chromatrace.index import Follower, Index
from chromatrace.quality.rules import Rule

ROOT = Path(__file__).resolve().parents[3]
CONTRACT = "QualityConsensus"
SUBJECT = bytes(31) + b"\7"
REQUESTED, SEATED, DECIDED = 1, 2, 3
ACCOUNTS = (5, 6, 7)


def dev_address(account, chain):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DevKeyWarning)
        return dev_signer(account, chain.manifest.chain_id).address


@pytest.fixture
def panel(chain):
    """Three inspectors on the panel of Example Glass; the chain's signer is its producer and administrator."""
    everything = Role((1 << 7) - 1)
    registered = chain.submit(
        commands.register_organisation(OrganisationKind.MANUFACTURER, Gln("9521234000013"), everything, "Example Glass")
    )
    number = registered.event("OrganisationRegistered").args["organisation"]
    chain.submit(commands.appoint_operator(chain.sender, number, everything))
    rule = Rule.majority(2, maximum=3)
    chain.send(CONTRACT, "setRule", rule_values(rule, first_wave=3, commit_seconds=300), list(rule.states))
    for account in ACCOUNTS:
        address = dev_address(account, chain)
        chain.submit(commands.appoint_operator(address, number, Role.INSPECTOR))
        chain.send(CONTRACT, "enrol", address, 1_000, bytes(32))
    return number


@pytest.fixture
def start(chain, isolated, tmp_path):
    """Starts `chromatrace inspector run` for a dev account; whatever runs at the end is killed."""
    manifest = tmp_path / "manifest.json"
    manifest.write_text(json.dumps(_manifest_of(chain)), encoding="utf-8")
    running = []

    def begin(account, panel, *answers):
        return begin.command(account, "run", "--panel", str(panel), "--every", "0.1", *answers)

    def command(account, *arguments):
        folder = tmp_path / f"inspector-{account}"
        folder.mkdir(exist_ok=True)
        whole = [
            *(sys.executable, "-m", "chromatrace.cli", "--data", str(folder), "--rpc-url", isolated.url),
            *("--manifest", str(manifest), "--dev-account", str(account), "inspector", *arguments),
        ]
        log = (tmp_path / f"log-{account}.txt").open("ab")
        running.append(subprocess.Popen(whole, cwd=ROOT, stdout=log, stderr=log))
        return running[-1]

    begin.command = command
    yield begin
    for process in running:
        if process.poll() is None:
            process.kill()
        process.wait(10)


def _manifest_of(chain):
    contracts = {
        name: {
            "address": entry.address,
            "tx": entry.tx,
            "block": entry.block,
            "code_hash": "0x" + entry.code_hash.hex(),
        }
        for name, entry in chain.manifest.contracts.items()
    }
    return {
        "chain_id": chain.manifest.chain_id,
        "block": chain.manifest.block,
        "admin": chain.sender,
        "contracts": contracts,
        "compiler": {"solc": "0.8.37", "evm_version": "shanghai", "optimizer_runs": 800},
    }


def until(condition, seconds=60):
    """Waits for a condition; what it last said where it never held."""
    deadline = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.05)
    return found


def round_of(chain, panel):
    _, state, seats = chain.read(CONTRACT, "round", desk_id(panel, 0))
    return state, seats


def opened(chain, panel):
    chain.send(CONTRACT, "open", [(0, SUBJECT, 1, 0, 1, 1)])


def test_three_processes_decide_a_round_and_the_poor_one_learns(chain, panel, start, tmp_path):
    for account, accuracy in zip(ACCOUNTS, ("1", "1", "0"), strict=True):
        start(account, panel, "--agent", accuracy)
    opened(chain, panel)
    until(lambda: round_of(chain, panel)[0]["phase"] == DECIDED)
    state, seats = round_of(chain, panel)
    assert state["state"] == 0
    assert sorted((seat["inspector"], seat["state"]) for seat in seats) == [(1, 0), (2, 0), (3, 1)]
    found = [chain.read(CONTRACT, "inspector", panel, number)["capability"] for number in (1, 2, 3)]
    assert found == [1_100, 1_100, 900]
    with closing(Index(f"sqlite:///{tmp_path / 'index.db'}")) as index:
        index.migrate()
        Follower(index, chain.rpc, chain.manifest).sync()
        (shown,) = [one for one in index.panels() if one.panel == panel]
        assert [inspector.course for inspector in shown.inspectors] == [(0.1, 0.11), (0.1, 0.11), (0.1, 0.09)]
        (told,) = index.rounds_about(SUBJECT)
        assert (told.phase, told.state, told.score) == ("decided", 0, 2.0)
        assert [(seat.inspector, seat.capability) for seat in told.dissent] == [(3, 0.09)]


def test_a_process_killed_between_commit_and_reveal_goes_on(chain, panel, start, tmp_path):
    """kill -9 when its commitment is on the chain: the salt on disk opens it after the next start."""
    victim = start(ACCOUNTS[0], panel, "--agent", "1")
    start(ACCOUNTS[1], panel, "--agent", "1")
    opened(chain, panel)
    until(lambda: sum(seat["mark"] == 1 for seat in round_of(chain, panel)[1]) == 2)
    victim.send_signal(signal.SIGKILL)
    victim.wait()
    with sqlite3.connect(tmp_path / f"inspector-{ACCOUNTS[0]}" / "answers.db") as kept:
        assert kept.execute("SELECT count(*) FROM answers").fetchone() == (1,)
    start(ACCOUNTS[2], panel, "--agent", "1")
    until(lambda: sum(seat["mark"] == 3 for seat in round_of(chain, panel)[1]) == 2)
    assert round_of(chain, panel)[0]["phase"] == SEATED, "it waits for the one that died"
    start(ACCOUNTS[0], panel, "--agent", "0")
    until(lambda: round_of(chain, panel)[0]["phase"] == DECIDED)
    assert [seat["state"] for seat in round_of(chain, panel)[1]] == [0, 0, 0], "the answer of before, not a new one"


def test_a_program_and_a_folder_answer(chain, panel, start, tmp_path):
    program = tmp_path / "instrument.py"
    program.write_text(
        "import json, sys\n"
        "asked = json.load(sys.stdin)\n"
        "print(json.dumps({'state': asked['states'][1], 'evidence': '0x' + '11' * 32, 'defects': 1}))\n"
    )
    folder = tmp_path / "desk"
    start(ACCOUNTS[0], panel, "--program", f"{sys.executable} {program}")
    start(ACCOUNTS[1], panel, "--program", f"{sys.executable} {program}")
    start(ACCOUNTS[2], panel, "--folder", str(folder))
    opened(chain, panel)
    (question,) = until(lambda: list(folder.glob("*.question.json")))
    asked = json.loads(question.read_bytes())
    assert asked["subject"] == "0x" + SUBJECT.hex()
    draft = folder / "draft"
    draft.write_text(json.dumps({"state": "pass", "evidence": "0x" + "22" * 32}))
    draft.replace(folder / question.name.replace(".question", ""))
    until(lambda: round_of(chain, panel)[0]["phase"] == DECIDED)
    assert sorted((seat["inspector"], seat["state"]) for seat in round_of(chain, panel)[1]) == [(1, 1), (2, 1), (3, 0)]


def test_a_rule_by_log_odds_is_set_by_its_error_rate(chain, panel, start, tmp_path):
    chain.submit(commands.appoint_operator(dev_address(8, chain), panel, Role.ADMIN))
    log_odds = ("rule", "--weighing", "log-odds", "--minimum", "1", "--first-wave", "1")
    assert start.command(8, *log_odds, "--error", "0.05").wait(30) == 0
    version, rule = chain.read(CONTRACT, "rule", panel)
    assert (version, rule["weighing"], rule["threshold"], rule["minimum"]) == (2, 3, 29_444, 1)
    assert start.command(8, *log_odds, "--error", "0.5").wait(30) == 1
    assert start.command(8, "rule", "--error", "0.05").wait(30) == 1
    refusals = (tmp_path / "log-8.txt").read_text()
    assert "more than 0 and less than 1/2" in refusals
    assert "an error rate is for log-odds" in refusals


@pytest.mark.parametrize("wrong", [(), ("--ask", "--agent", "1")])
def test_exactly_one_source_of_answers(chain, panel, start, tmp_path, wrong):
    assert start(ACCOUNTS[0], panel, *wrong).wait(30) == 1
    assert "exactly one source" in (tmp_path / f"log-{ACCOUNTS[0]}.txt").read_text()
