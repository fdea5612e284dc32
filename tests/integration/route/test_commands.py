"""`chromatrace station` and `chromatrace route` on a real chain: from the keys to the proof, with a fault put in."""

import json
import stat

import pytest
from click.testing import CliRunner
from route_line import PLANT, digest

from chromatrace.cli.route import route
from chromatrace.cli.station import station
from chromatrace.cli.workspace import Workspace
from chromatrace.config import Settings
from chromatrace.crypto import keystore
from chromatrace.domain.errors import ChromaTraceError, Conflict, InvalidInput, NotFound
from chromatrace.domain.identifiers import BatchKey

DIGEST = "0x" + digest("head").hex()
BATCH = "09521234543213/L7"


@pytest.fixture
def run(rig, tmp_path, monkeypatch):
    """Runs a command and returns its JSON; a refusal is raised."""
    monkeypatch.setenv("CHROMATRACE_STATION_PASSWORD", "a station's password")
    monkeypatch.setitem(keystore._SCRYPT, "n", 1 << 12)
    manifest = tmp_path / "manifest.json"
    known = rig.chain.manifest
    contracts = {
        name: {"address": one.address, "block": one.block, "code_hash": "0x" + one.code_hash.hex()}
        for name, one in known.contracts.items()
    }
    manifest.write_text(json.dumps({"chain_id": known.chain_id, "block": known.block, "contracts": contracts}))
    settings = Settings(rpc_url=rig.chain.rpc.url, data=tmp_path / "data", manifest=manifest, dev_account=0)
    monkeypatch.chdir(tmp_path)

    def command(group, *words, status=0):
        with Workspace(settings) as workspace:
            answer = CliRunner().invoke(group, [*words, "--json"], obj=workspace)
        if isinstance(answer.exception, ChromaTraceError):
            raise answer.exception
        assert answer.exit_code == status, answer.output
        return json.loads(answer.stdout)

    return command


def signed(run, names, trace, *subject):
    for number, name in enumerate(names):
        arguments = ("sign", "design.json", trace, "--station", name, "--digest", DIGEST)
        facts = run(route, *arguments, *(subject if number == 0 else ()))
        assert (facts["step"], facts["of"]) == (number + 1, len(names))


def test_from_keys_to_proof(run, tmp_path):
    names = ["s201", "s202", "s303"]
    keys = []
    for name in names:
        made = run(station, "keygen", name)
        assert stat.S_IMODE((tmp_path / "data" / "keys" / "stations" / f"{name}.json").stat().st_mode) == 0o600
        registered = run(station, "register", name)
        assert (registered["key"], registered["organisation"]) == (made["key"], PLANT)
        keys.append(made["key"])
    listed = run(station, "list", "--chain")["stations"]
    assert [(one["station"], one["key"], one["organisation"]) for one in listed] == [
        (name, key, PLANT) for name, key in zip(names, keys, strict=True)
    ]

    steps = [f"sputtering={names[0]}", f"inspection={names[1]}", f"packing={keys[2]}"]
    arguments = [word for step in steps for word in ("--step", step)]
    designed = run(route, "design", "commands", *arguments, "--requires-proof", "--out", "design.json")
    assert [one["key"] for one in designed["stations"]] == keys
    fetched = run(route, "fetch", designed["route"], "--out", "fetched.json")
    assert (tmp_path / "fetched.json").read_bytes() == (tmp_path / "design.json").read_bytes()
    assert fetched["route"] == designed["route"]

    signed(run, names, "lot.cbor", "--batch", BATCH)
    batch = "0x" + BatchKey.parse(*BATCH.split("/")).batch_id.hex()
    assert run(route, "verify", "design.json", "lot.cbor")["subject"] == batch
    explained = run(route, "explain", "design.json", "lot.cbor")
    assert explained["proven"]
    assert [one["holds"] for one in explained["steps"]] == [True] * 3
    proven = run(route, "prove", "design.json", "lot.cbor")
    assert proven["subjects"] == [batch]
    assert len(proven["txs"]) == 1

    for unit in range(3):
        signed(run, names, f"unit{unit}.json", "--batch", BATCH, "--unit", str(unit))
    many = run(route, "prove", "design.json", *(f"unit{unit}.json" for unit in range(3)))
    assert (len(many["subjects"]), len(many["txs"])) == (3, 1)


def test_a_fault_is_caught_and_named(run, tmp_path):
    names = ["a", "b"]
    for name in names:
        run(station, "keygen", name)
        run(station, "register", name)
    run(route, "design", "faulty", "--step", "one=a", "--step", "two=b", "--out", "design.json")
    sign = ("sign", "design.json", "lot.json", "--digest", DIGEST)
    with pytest.raises(InvalidInput) as refused:
        run(route, *sign, "--station", "b", "--subject", DIGEST)
    assert refused.value.field == "secret key"
    assert not (tmp_path / "lot.json").exists()
    signed(run, names, "lot.json", "--subject", DIGEST)
    with pytest.raises(Conflict):
        run(route, *sign, "--station", "a", "--subject", DIGEST)

    document = json.loads((tmp_path / "lot.json").read_text())
    document["steps"][0]["record"]["digest"] = "0x" + digest("other").hex()
    (tmp_path / "lot.json").write_text(json.dumps(document))
    found = run(route, "explain", "design.json", "lot.json", status=1)
    assert (found["proven"], found["breaks_at"], found["reason"]) == (False, 1, "record")
    for command in ("verify", "prove"):
        with pytest.raises(ChromaTraceError) as refused:
            run(route, command, "design.json", "lot.json")
        assert refused.value.field == "steps.1"


def test_refusals_name_the_field(run):
    for arguments, error, field in (
        (("design", "x", "--step", "nothing", "--out", "d.json"), InvalidInput, "step 1"),
        (("design", "x", "--step", f"p={DIGEST}", "--out", "d.json"), NotFound, "key"),
        (("design", "x", "--step", "p=nobody", "--out", "d.json"), NotFound, "keystore"),
        (("fetch", DIGEST, "--out", "d.json"), NotFound, "route"),
        (("fetch", "0x00", "--out", "d.json"), InvalidInput, "route"),
        (("verify", "none.json", "none.json"), NotFound, "design"),
    ):
        with pytest.raises(error) as refused:
            run(route, *arguments)
        assert refused.value.field == field
    with pytest.raises(InvalidInput) as refused:
        run(station, "keygen", "../elsewhere")
    assert refused.value.field == "station"


def test_a_revoked_station_is_listed_so(run):
    run(station, "keygen", "leaving")
    run(station, "register", "leaving")
    begin = run(station, "revoke", "leaving", "--from", str(2**33))["revoked_from"]
    assert [one["revoked_from"] for one in run(station, "list", "--chain")["stations"]] == [begin]
