"""Test bundles of real batches on a real chain: proven facts and warnings."""

from __future__ import annotations

import subprocess
import sys

import orjson
import pytest
from click.testing import CliRunner
from forging import failing, texts
from msgspec.structs import replace

from chromatrace.cli import main
from chromatrace.exchange.blocks import decode_header
from chromatrace.exchange.bundle import Bundle
from chromatrace.exchange.events import CITED_EVENTS
from chromatrace.exchange.findings import FindingStatus, conclusion
from chromatrace.exchange.verifier import verify

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
        "signed by 0x",
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
    assert texts(result.failures)[0].startswith(f"blocks {older.number + 1} to {older.number + 2} do not lead")


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


def test_newer_blocks_are_reported(prove):
    proof = prove("released")
    result = verify(proof.bundle, *proof.terms, head=proof.bundle.state.block + 5)
    assert texts(result.unchecked) == ["the chain has 5 newer blocks; get a newer bundle for changes since then"]


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
    assert (completed.exit_code, "NOT PROVEN" in completed.output) == (0, True)
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
        " 'chromatrace.exchange', 'chromatrace.merkle', 'chromatrace.storage']",
    ]
