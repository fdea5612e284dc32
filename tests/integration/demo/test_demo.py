"""The main job, run as a user runs it, and its products looked at from outside."""

import json
import os
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]


def chromatrace(*arguments, data=None, **environment):
    """Runs the command; returns (exit status, standard output, standard error)."""
    command = [sys.executable, "-m", "chromatrace.cli", *(("--data", str(data)) if data else ()), *arguments]
    kept = {name: value for name, value in os.environ.items() if not name.startswith("CHROMATRACE_")}
    done = subprocess.run(
        command, cwd=ROOT, env=kept | environment, capture_output=True, text=True, timeout=400, check=False
    )
    return done.returncode, done.stdout, done.stderr


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """What `chromatrace demo --once --json` printed."""
    folder = tmp_path_factory.mktemp("demo")
    status, output, errors = chromatrace("demo", "--once", "--json", data=folder)
    assert status == 0, errors
    return json.loads(output)


def test_every_check_of_its_own_held(made):
    assert made["failed"] == 0
    assert [check["check"] for check in made["checks"] if not check["held"]] == []
    assert {check["check"] for check in made["checks"]} >= {"readings", "states", "codes", "pages", "bundles"}


def test_it_says_what_it_made(made):
    assert set(made["addresses"]) >= {
        "Consortium",
        "BatchRegistry",
        "InspectionLedger",
        "CustodyLedger",
        "ProcessLedger",
    }
    assert made["counts"]["readings"] == sum(batch["readings"] for batch in made["batches"].values()) > 5_000
    assert made["counts"]["transactions"] == len(set(made["transactions"]))
    assert [batch["state"] for batch in made["batches"].values()] == ["released", "released", "recycled", "released"]
    assert [batch["recalled"] for batch in made["batches"].values()] == [False, False, False, True]
    assert all(Path(code).is_file() for code in made["codes"])
    assert Path(made["labels"]).read_bytes().startswith(b"%PDF")
    assert set(made["seconds"]) == {"deploy", "consortium", "line", "identify", "index", "check"}


def test_a_bundle_can_be_checked_with_the_chain_gone(made):
    bundle = made["batches"]["A"]["bundle"]
    status, output, _ = chromatrace("verify", "bundle", bundle, "--json")
    assert status == 0
    found = json.loads(output)
    assert (found["status"], found["failed"]) == ("not checked", 0)


def test_a_bundle_does_not_hold_against_another_block_hash(made):
    bundle = made["batches"]["A"]["bundle"]
    status, output, _ = chromatrace("verify", "bundle", bundle, "--block-hash", "0x" + "11" * 32, "--json")
    assert status == 1
    assert json.loads(output)["failed"] > 0


def test_a_recall_is_read_out_of_the_state(made):
    status, output, _ = chromatrace("verify", "bundle", made["batches"]["D"]["bundle"], "--json")
    assert status == 0
    assert "RECALLED" in output


def test_a_changed_reading_no_longer_verifies(made, tmp_path):
    spool = Path(made["labels"]).parent.parent / "spool.db"
    copy = tmp_path / "spool.db"
    with sqlite3.connect(spool) as source, sqlite3.connect(copy) as target:
        source.backup(target)
        target.execute("DROP TRIGGER reading_unchanged")
        changed = target.execute("UPDATE reading SET value = value + 1 WHERE rowid IN (SELECT min(rowid) FROM reading)")
        assert changed.rowcount == 1
    from chromatrace.ingest.spool import Spool
    from chromatrace.merkle.entry import encode_fields
    from chromatrace.merkle.proofs import leaf_hash, root

    with Spool(spool) as before, Spool(copy) as after:
        roots = [root(map(leaf_hash, encode_fields(one.fields("sputtering-line")))) for one in (before, after)]
    assert roots[0] != roots[1]


def test_the_folder_of_somebody_else_is_not_emptied(tmp_path):
    precious = tmp_path / "demo" / "precious"
    precious.parent.mkdir()
    precious.write_text("keep me")
    status, output, _ = chromatrace("demo", "--once", "--json", data=tmp_path)
    assert status == 1
    assert json.loads(output)["error"] == "Conflict"
    assert precious.read_text() == "keep me"
