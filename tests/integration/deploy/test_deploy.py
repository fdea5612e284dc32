"""`scripts/deploy.py` and `scripts/grant.py` as processes, on real chains."""

from __future__ import annotations

import json
import os
from pathlib import Path

import fork_server
import pytest
from click.testing import CliRunner
from dev_chain import wait_until_mined
from eth_account import Account
from eth_hash.auto import keccak

from chromatrace.chain.dev_node import DevNode
from chromatrace.cli import main
from chromatrace.domain.identifiers import check_digit
from chromatrace.ethereum.abi import contract
from chromatrace.ethereum.manifest import Manifest
from chromatrace.settings import Settings

ROOT = Path(__file__).resolve().parents[3]
NAMES = {
    "Consortium",
    "RouteVerifier",
    "BatchRegistry",
    "InspectionLedger",
    "QualityConsensus",
    "CustodyLedger",
    "ProcessLedger",
}
REGISTRAR, VERDICT_LEDGER, CUSTODY_LEDGER = (
    keccak(name) for name in (b"REGISTRAR", b"VERDICT_LEDGER", b"CUSTODY_LEDGER")
)
PASSWORD = "only for this test"


def run(script, node, folder, *arguments, **environment):
    """Run a script with `--json`; return its exit status and its output."""
    chain = () if node is None else ("--rpc", node.url)
    clean = {key: value for key, value in os.environ.items() if not key.startswith("CHROMATRACE_")}
    tools = f"{ROOT / 'node_modules' / '.bin'}{os.pathsep}{os.environ['PATH']}"
    paths = {"PATH": tools, "SOLCX_BINARY_PATH": str(ROOT / ".solcx")}
    status, output, errors = fork_server.script(script).run(
        *arguments, "--json", *chain, "--manifest-dir", folder, env=clean | paths | environment
    )
    assert output, errors
    return status, json.loads(output)


def read(node, manifest, name, function, *args):
    """Return the result of a view, structs as dicts; a tuple of several results."""
    abi = contract(name)
    call = {"to": manifest.address(name), "data": "0x" + abi.encode_call(function, *args).hex()}
    data = bytes.fromhex(node.rpc().call("eth_call", call, "latest")[2:])
    values = tuple(abi.function(function).outputs.decode_named(data).values())
    return values[0] if len(values) == 1 else values


def block_number(node):
    return int(node.rpc().call("eth_blockNumber"), 16)


@pytest.fixture
def anvil_node():
    with DevNode() as running:
        yield running


def test_deployment_grants_roles_and_is_idempotent(anvil_node, tmp_path):
    status, answer = run("deploy", anvil_node, tmp_path)
    assert (status, answer["deployed"]) == (0, True)
    path = tmp_path / f"{anvil_node.chain_id}.json"
    assert answer["path"] == str(path)
    manifest = Manifest.load(path)
    manifest.verify(anvil_node.rpc())
    assert set(manifest.contracts) == NAMES
    assert manifest.block == min(entry.block for entry in manifest.contracts.values())
    for role, holder in (
        (REGISTRAR, manifest.admin),
        (VERDICT_LEDGER, manifest.address("InspectionLedger")),
        (CUSTODY_LEDGER, manifest.address("CustodyLedger")),
    ):
        assert read(anvil_node, manifest, "Consortium", "hasRole", role, holder)

    written, block = path.read_bytes(), block_number(anvil_node)
    status, answer = run("deploy", anvil_node, tmp_path)
    assert (status, answer["deployed"]) == (0, False)
    assert path.read_bytes() == written
    assert block_number(anvil_node) == block
    assert [entry.name for entry in tmp_path.iterdir()] == [path.name]


def test_contracts_are_deployed_again_to_a_new_development_chain(anvil_node, tmp_path):
    run("deploy", anvil_node, tmp_path)
    with DevNode() as fresh:
        fresh.rpc().call("anvil_mine", "0x5")
        status, answer = run("deploy", fresh, tmp_path)
        assert (status, answer["deployed"]) == (0, True)
        manifest = Manifest.load(tmp_path / "31337.json")
        assert manifest.block == 6
        manifest.verify(fresh.rpc())


def test_policies_and_admin_are_set_by_options(anvil_node, tmp_path):
    admin = Account.create().address
    status, _ = run(
        "deploy",
        anvil_node,
        tmp_path,
        *("--admin", admin, "--admin-delay", "60"),
        *("--first-units-per-sample", "50", "--first-independent"),
    )
    assert status == 0
    manifest = Manifest.load(tmp_path / "31337.json")
    assert manifest.admin == admin
    assert read(anvil_node, manifest, "Consortium", "hasRole", REGISTRAR, admin)
    pending, _ = read(anvil_node, manifest, "Consortium", "pendingDefaultAdmin")
    assert pending.lower() == admin.lower()
    assert read(anvil_node, manifest, "Consortium", "defaultAdminDelay") == 60
    assert list(read(anvil_node, manifest, "InspectionLedger", "policy", 0).values()) == [50, True]
    assert list(read(anvil_node, manifest, "InspectionLedger", "policy", 1).values()) == [0, True]


def test_a_missing_role_is_reported(anvil_node, tmp_path):
    run("deploy", anvil_node, tmp_path)
    manifest = Manifest.load(tmp_path / "31337.json")
    ledger = manifest.address("CustodyLedger")
    data = "0x" + contract("Consortium").encode_call("revokeRole", CUSTODY_LEDGER, ledger).hex()
    call = {"from": manifest.admin, "to": manifest.address("Consortium"), "data": data}
    anvil_node.rpc().call("eth_sendTransaction", call)
    wait_until_mined(anvil_node.rpc())
    status, answer = run("deploy", anvil_node, tmp_path)
    assert (status, answer["error"], answer["field"]) == (1, "WrongDeploymentError", "Consortium")
    assert answer["message"] == f"{ledger} lacks the role 0x{CUSTODY_LEDGER.hex()} in Consortium"


def test_other_chains_require_a_keystore_and_are_deployed_to_once(tmp_path):
    keystore, key = tmp_path / "deployer.json", Account.create()
    keystore.write_text(json.dumps(Account.encrypt(key.key, PASSWORD, kdf="pbkdf2", iterations=1000)))
    with_key = ("--keystore", keystore)
    folder = tmp_path / "manifests"
    with DevNode(chain_id=4242) as real:
        status, answer = run("deploy", real, folder)
        assert (status, answer["error"], answer["field"]) == (1, "SignerMissingError", "keystore")
        status, answer = run("deploy", real, folder, *with_key, CHROMATRACE_KEY_PASSWORD="wrong")
        assert (status, answer["error"], answer["field"]) == (1, "KeystoreError", "keystore")
        status, answer = run("deploy", real, folder, *with_key, CHROMATRACE_KEY_PASSWORD=PASSWORD)
        assert (status, answer["error"]) == (1, "RpcError")
        assert "insufficient funds" in answer["message"].lower()
        assert not folder.exists()

        real.rpc().call("anvil_setBalance", key.address, hex(10**19))
        status, answer = run("deploy", real, folder, *with_key, CHROMATRACE_KEY_PASSWORD=PASSWORD)
        assert (status, answer["deployed"]) == (0, True)
        assert answer["manifest"]["admin"] == key.address
    written = (folder / "4242.json").read_bytes()
    with DevNode(chain_id=4242) as fresh:
        fresh.rpc().call("anvil_setBalance", key.address, hex(10**19))
        status, answer = run("deploy", fresh, folder, *with_key, CHROMATRACE_KEY_PASSWORD=PASSWORD)
        assert (status, answer["error"]) == (1, "WrongDeploymentError")
        assert "only development chains are deployed to again" in answer["message"]
        assert block_number(fresh) == 0
    assert (folder / "4242.json").read_bytes() == written


def test_an_unreachable_chain_is_an_error(tmp_path):
    status, answer = run("deploy", None, tmp_path, "--rpc", "http://127.0.0.1:1")
    assert (status, answer["error"], answer["field"]) == (1, "ChainUnavailableError", "rpc_url")
    status, answer = run("deploy", None, tmp_path)
    assert (status, answer["error"], answer["field"]) == (1, "InvalidInput", "rpc")


def gln(number):
    body = f"952123{number:06d}"
    return body + check_digit(body)


def test_grants(anvil_node, tmp_path):
    def grant(*arguments):
        return run("grant", anvil_node, tmp_path, *arguments)

    status, answer = grant("organisation", "--gln", gln(1), "--kind", "carrier", "--name", "x", "--roles", "logistics")
    assert (status, answer["error"], answer["field"]) == (1, "NotFound", "manifest")

    run("deploy", anvil_node, tmp_path)
    manifest = Manifest.load(tmp_path / "31337.json")
    maker = ("organisation", "--gln", gln(1), "--kind", "manufacturer", "--name", "Example Glass")
    status, answer = grant(*maker, "--roles", "admin,producer")
    assert (status, answer["organisation"]) == (0, 1)
    assert read(anvil_node, manifest, "Consortium", "organisationOfGln", int(gln(1))) == 1
    status, answer = grant(*maker, "--roles", "admin")
    assert (status, answer["error"], answer["field"]) == (1, "GlnAlreadyRegistered", "gln")
    status, answer = grant(*maker, "--roles", "wizard")
    assert (status, answer["error"], answer["field"]) == (1, "InvalidInput", "roles")

    status, answer = grant("operator", manifest.admin, "--organisation", gln(1), "--roles", "admin")
    assert (status, answer["organisation"]) == (0, 1)
    assert read(anvil_node, manifest, "Consortium", "isAuthorised", manifest.admin, 1)

    grant("organisation", "--gln", gln(2), "--kind", "franchisee", "--name", "Example Windows", "--roles", "franchisee")
    status, answer = grant("scopes", "--reader", gln(2), "--scopes", "product,quality", "--gtins", "09521234543213")
    assert (status, answer["reader"], answer["gtins"]) == (0, 2, [9521234543213])
    granted = read(anvil_node, manifest, "Consortium", "grantOf", 1, 2, 9521234543213)
    assert granted["scopes"] == 0b101


def command(monkeypatch, *arguments):
    """Run `chromatrace … --json`; return its exit status and its output."""
    arguments = [*map(str, arguments), "--json"]
    monkeypatch.setattr("sys.argv", ["chromatrace", *arguments])
    result = CliRunner().invoke(main, arguments)
    return result.exit_code, json.loads(result.stdout)


def test_the_command_writes_the_manifest_to_the_given_path(monkeypatch, anvil_node, tmp_path):
    base = ("--rpc-url", anvil_node.url, "--data", tmp_path / "data", "--manifest", tmp_path / "manifest.json")
    status, answer = command(monkeypatch, *base, "chain", "deploy")
    assert (status, answer["deployed"], answer["path"]) == (0, True, str(tmp_path / "manifest.json"))
    assert [path.name for path in tmp_path.glob("*.json")] == ["manifest.json"]
    status, answer = command(monkeypatch, *base, "chain", "status")
    assert (status, set(answer["contracts"])) == (0, NAMES)


def test_an_error_of_the_script_is_an_error_of_the_command(monkeypatch, tmp_path):
    with DevNode(chain_id=4242) as real:
        base = ("--rpc-url", real.url, "--data", tmp_path, "--manifest", tmp_path / "4242.json")
        status, answer = command(monkeypatch, *base, "chain", "deploy")
        fund_status, fund_answer = command(monkeypatch, *base, "key", "fund", "0x" + "ab" * 20)
    assert (fund_status, fund_answer["error"]) == (1, "InvalidInput")
    assert fund_answer["message"].split(":")[0] == "chain 4242 is not a development chain"
    assert (status, answer["error"], answer["field"]) == (1, "SignerMissingError", "keystore")
    assert answer["message"] == "chain 4242 is not a development chain; an encrypted keystore is required"
    assert answer["hint"].startswith("use --keystore FILE")


def test_the_manifest_is_in_the_data_folder_by_default(tmp_path):
    assert Settings(data=tmp_path).manifest_path(31337) == tmp_path / "deployments" / "31337.json"
    assert Settings(data=tmp_path, manifest=Path("x.json")).manifest_path(31337) == Path("x.json")
