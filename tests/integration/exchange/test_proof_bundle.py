"""Test bundles of real batches on a real chain: proven facts and warnings."""

from __future__ import annotations

import subprocess
import sys

import orjson
import pytest
from click.testing import CliRunner
from forging import failing, texts
from msgspec.structs import replace
from works import MAKER

from chromatrace.chain import calls
from chromatrace.cli import main
from chromatrace.domain.rights import Stage, Verdict
from chromatrace.exchange import collect
from chromatrace.exchange.blocks import decode_header
from chromatrace.exchange.bundle import Bundle
from chromatrace.exchange.events import CITED_EVENTS
from chromatrace.exchange.findings import FindingStatus, conclusion
from chromatrace.exchange.verifier import NodeView, verify

BATCHES = ["released", "recalled", "superseded", "held", "failed", "fresh"]


@pytest.mark.parametrize("name", BATCHES)
def test_valid_bundle_holds_given_one_block_hash(prove, name):
    proof = prove(name)
    result = verify(Bundle.from_bytes(proof.bundle.to_bytes()), *proof.terms)
    assert (result.status, texts(result.failures)) == (FindingStatus.HOLDS, [])
    assert conclusion(result)[-1].endswith(f"0 fail, {result.counts[FindingStatus.UNCHECKED]} not checked")


def test_released_batch_is_proven_down_to_its_readings(prove):
    result = verify(prove("released").bundle, *prove("released").terms)
    assert (result.warnings, result.unchecked) == ([], [])
    lines = texts(result.walk())
    for part in (
        "not recalled, not on hold",
        "lead to exactly this state",
        "held by Example Shop (GLN 9521234520009)",
        "made of 3 units of (01)09521234543213(10)P-fresh",
        "company prefix 952123454321 was licensed to the producer in block",
        "signed by 0x",
        "accredited by the producer in block",
        "measured with Spectrophotometer",
        "20 readings of channel 'coater 1'",
        "target power = 300.625 W at 2025-06-15 15:06:45 UTC",
        "passed 3 stations in the designed order: verified by the contract, block",
        "the aggregate signature is valid for all 3 keys in this order",
        "step 2, sputtering: Example Glass (GLN 9521234500001)",
        "based on the first 40 readings of a log, anchored in block",
    ):
        assert any(part in text for text in lines), part
    assert len(prove("released").bundle.readings) == 8


@pytest.mark.parametrize(
    ("name", "warnings"),
    [
        ("recalled", ["this batch is RECALLED", "BatchRecalled"]),
        ("superseded", ["the first verdict of revision 1 is SUPERSEDED by revision 2", "31 % (>= 40): FAILED"]),
        ("held", ["this batch is ON HOLD", "BatchHeld (colour)"]),
        ("failed", ["this batch is STOPPED", "the first inspection FAILED", "31 % (>= 40): FAILED"]),
    ],
)
def test_adverse_facts_are_warnings(prove, name, warnings):
    result = verify(prove(name).bundle, *prove(name).terms)
    assert len(result.warnings) == len(warnings)
    assert all(part in text for part, text in zip(warnings, texts(result.warnings), strict=True))
    lines = conclusion(result)
    assert [line for line in lines if line.startswith("! ")] == [f"! {text}" for text in texts(result.warnings)]
    assert lines[-2] == "HOLDS, with warnings."


def test_reason_cannot_forge_a_line(prove):
    result = verify(prove("recalled").bundle, *prove("recalled").terms)
    assert all(text.isprintable() for text in texts(result.walk()))
    assert any("cracks\\u000a\\u001b[2K" in text for text in texts(result.warnings))


def test_unit_is_proven_to_belong_to_its_batch(prove):
    proof = prove("released", "000007")
    lines = texts(verify(proof.bundle, *proof.terms).walk())
    assert "unit 000007 is number 7 of the batch's 20 serials" in lines
    assert "unit 000007 was in the sample" in lines
    assert failing(proof, subject=replace(proof.bundle.subject, serial="000008")) == [
        "serial: the proof is about unit 000007, expected 000008"
    ]
    assert failing(proof, subject=replace(proof.bundle.subject, serial=None)) == [
        "unit: a bundle of a unit must contain both a serial and its proof"
    ]
    assert failing(proof, unit=None) == ["unit: a bundle of a unit must contain both a serial and its proof"]
    assert "a batch of 21 units" in failing(proof, unit=replace(proof.bundle.unit, size=21))[0]
    assert failing(proof, unit=replace(proof.bundle.unit, index=5))


# -- trust


def test_nothing_is_proven_without_a_block_hash(prove):
    proof = prove("released")
    result = verify(proof.bundle, (), proof.contracts, proof.chain_id)
    assert (result.status, result.failures) == (FindingStatus.UNCHECKED, [])
    assert conclusion(result)[0].startswith("NOT PROVEN")
    assert f"0x{proof.trusted.hex()}" in conclusion(result)[1]


def test_nothing_is_proven_without_a_manifest(prove):
    proof = prove("released")
    assert verify(proof.bundle, [proof.trusted]).status is FindingStatus.UNCHECKED


def test_other_block_hash_is_rejected(prove):
    proof = prove("released")
    result = verify(proof.bundle, [b"\1" * 32], proof.contracts, proof.chain_id)
    assert len(result.failures) == 1
    assert "do not lead to a trusted block hash" in result.failures[0].text


def test_older_block_hash_does_not_cover_newer_blocks(prove):
    proof = prove("recalled")
    older = decode_header(proof.bundle.headers[-3])
    result = verify(proof.bundle, [older.hash], proof.contracts, proof.chain_id)
    assert (result.status, result.failures) == (FindingStatus.UNCHECKED, [])
    assert f"? blocks {older.number + 1} to {older.number + 2} do not lead" in "\n".join(conclusion(result))


@pytest.mark.parametrize("name", CITED_EVENTS)
def test_wrong_manifest_is_reported(prove, name):
    proof = prove("released")
    trusted = proof.contracts | {name: b"\x11" * 20}
    failures = texts(verify(proof.bundle, [proof.trusted], trusted, proof.chain_id).failures)
    assert failures == [f"{name} is not at 0x{proof.contracts[name].hex()} in the trusted deployment"]
    del trusted[name]
    assert len(verify(proof.bundle, [proof.trusted], trusted, proof.chain_id).failures) == 1


def test_bundle_for_another_chain_is_rejected(prove):
    proof = prove("released")
    assert "expected 1" in texts(verify(proof.bundle, [proof.trusted], proof.contracts, 1).failures)[0]
    failures = texts(verify(replace(proof.bundle, chain_id=1), [proof.trusted], proof.contracts).failures)
    assert len(failures) == 3  # both inspectors' signatures and the stations' keys are for chain 31337
    assert [("is signed by" in text, "proof of possession" in text) for text in failures] == [
        (True, False),
        (True, False),
        (False, True),
    ]


def test_headers_before_a_gap_are_not_checked_without_their_own_hash(works, prove, monkeypatch):
    """An honest bundle whose reader lacks a hash is not proven; it is not invalid."""
    monkeypatch.setattr(collect, "LONGEST_CHAIN", 3)
    bundle = works.bundle("released")
    required = collect.required_hashes(bundle)
    assert len(required) > 2
    *older, newest = required.items()
    contracts, chain_id = prove("released").contracts, prove("released").chain_id
    assert verify(bundle, list(required.values()), contracts, chain_id).status is FindingStatus.HOLDS
    result = verify(bundle, [newest[1]], contracts, chain_id)
    assert (result.status, result.failures) == (FindingStatus.UNCHECKED, [])
    for number, block_hash in older:
        assert any(
            f"compare 0x{block_hash.hex()} with the hash of block {number}" in line for line in conclusion(result)
        )
    # A node that follows another chain contradicts the older blocks.
    hashes = required | {older[0][0]: b"\1" * 32}
    result = verify(bundle, (), contracts, chain_id, NodeView(newest[0], hashes, 0))
    assert [f"block {older[0][0]} of the node has another hash" in text for text in texts(result.failures)] == [True]


def test_recall_after_the_bundle_was_written_is_reported(works, tmp_path):
    """The node shows what has happened to the batch since."""
    for name in ("later-recalled", "later-held", "later-passed", "unchanged"):
        works.register(name)
    bundles = {name: works.bundle(name) for name in works.keys if name.startswith(("later", "unchanged"))}
    works.send(MAKER, calls.recall(works.keys["later-recalled"].batch_id, "delamination"))
    works.send(MAKER, calls.hold(works.keys["later-held"].batch_id, "colour"))
    works.inspect("later-passed", Stage.FIRST, Verdict.PASS)
    results = {}
    for name, bundle in bundles.items():
        path = tmp_path / f"{name}.json"
        path.write_bytes(bundle.to_bytes())
        given = ("--rpc", works.workspace.settings.rpc_url, "--manifest", works.manifest_path)
        completed = run("verify", path, *given)
        results[name] = completed.exit_code, completed.output
    assert {name: status for name, (status, _) in results.items()} == {
        "later-recalled": 3, "later-held": 3, "later-passed": 3, "unchanged": 0,
    }  # fmt: skip
    assert "this batch is RECALLED: do not use or sell it" in results["later-recalled"][1]
    assert "this batch is ON HOLD" in results["later-held"][1]
    assert "(state, first verdict, first revision); get a newer bundle" in results["later-passed"][1].replace("\n", " ")
    assert "unchanged in block" in results["unchanged"][1]
    for name in ("later-recalled", "later-held", "later-passed"):
        assert "HOLDS" not in results[name][1]
        assert "the batch has changed since the bundle was written" in " ".join(results[name][1].split())


def test_batch_that_the_node_does_not_know_fails(prove):
    proof = prove("released")
    newest = proof.bundle.state.block
    result = verify(proof.bundle, *proof.terms, NodeView(newest + 5, {newest: proof.trusted}, 0))
    assert texts(result.failures) == [f"in block {newest + 5} of the node, the batch is not registered"]


# -- the command, and the verifier alone


def run(*arguments):
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


def test_verify_command(works, prove, tmp_path):
    good, recalled, bad = (tmp_path / name for name in ("good.json", "recalled.json", "bad.json"))
    good.write_bytes(prove("released").bundle.to_bytes())
    recalled.write_bytes(prove("recalled").bundle.to_bytes())
    bad.write_bytes(prove("released").bundle.to_bytes()[:-100])
    given = ("--block-hash", "0x" + prove("released").trusted.hex(), "--manifest", works.manifest_path)

    completed = run("verify", good, *given)
    assert (completed.exit_code, completed.output.splitlines()[-2]) == (0, "HOLDS.")
    assert run("verify", good, *given, "--strict").exit_code == 0
    given = ("--rpc", works.workspace.settings.rpc_url, "--manifest", works.manifest_path)
    completed = run("verify", recalled, *given, "--json")
    report = orjson.loads(completed.output)
    assert (completed.exit_code, report["failed"], report["counts"]["warning"]) == (0, 0, 2)
    assert run("verify", recalled, *given, "--strict").exit_code == 1
    assert run("verify", bad, *given).exit_code == 1
    completed = run("verify", good)
    assert (completed.exit_code, "NOT PROVEN" in completed.output) == (3, True)
    assert run("verify", good, "--manifest", works.manifest_path).exit_code == 3
    assert run("verify", good, *given[:2]).exit_code == 3
    assert run("verify", good, "--strict").exit_code == 1
    assert run("verify", good, "--block-hash", "0x" + "11" * 32).exit_code == 1
    assert run("verify", good, "--block-hash", "0x11").exit_code == 1


_ALONE = """
import socket, sqlite3, sys
def fail(*_, **__): raise SystemExit("the verifier accessed the network or a database")
socket.socket.__init__ = socket.create_connection = socket.getaddrinfo = sqlite3.connect = fail
from pathlib import Path
from chromatrace.exchange.bundle import Bundle
from chromatrace.exchange.verifier import verify
result = verify(Bundle.from_bytes(Path(sys.argv[1]).read_bytes()), [bytes.fromhex(sys.argv[2])])
loaded = {name.split(".")[0] for name in sys.modules}
print(len(result.failures), sorted(loaded & {"sqlalchemy", "requests", "urllib3", "web3", "aiohttp", "flask"}))
print(sorted(name for name in sys.modules if name.startswith("chromatrace.") and name.count(".") == 1))
"""


def test_verifier_needs_no_network_or_database(prove, tmp_path):
    path = tmp_path / "bundle.json"
    path.write_bytes(prove("released").bundle.to_bytes())
    command = [sys.executable, "-c", _ALONE, str(path), prove("released").trusted.hex()]
    completed = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    assert completed.stdout.splitlines() == [
        "0 []",
        "['chromatrace.crypto', 'chromatrace.documents', 'chromatrace.domain', 'chromatrace.ethereum',"
        " 'chromatrace.exchange', 'chromatrace.merkle', 'chromatrace.quality', 'chromatrace.storage']",
    ]
