"""Keys of networks that are not Anvil with its published mnemonic: import, development accounts, transfers."""

import json

import pytest
from click.testing import CliRunner

from chromatrace.chain.dev_node import DevNode
from chromatrace.cli import main
from chromatrace.ethereum.signer import _derived_key, keystore_signer

OTHER_MNEMONIC = "legal winner thank year wave sausage worth useful legal winner thank yellow"
FUNDED = "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266"
OPERATOR = "0x" + "ab" * 20
PASSWORD = "seven grey panes of glass"


@pytest.fixture(scope="module")
def network():
    """Return a node with chain id 1337 that does not have the published accounts; one of them has ether."""
    with DevNode(chain_id=1337, options=["--mnemonic", OTHER_MNEMONIC]) as node:
        node.rpc().call("anvil_setBalance", FUNDED, hex(10**21))
        yield node


@pytest.fixture
def run(network, tmp_path, monkeypatch):
    """Return a function that runs a command on the network and returns its JSON."""
    monkeypatch.setenv("CHROMATRACE_KEY_PASSWORD", PASSWORD)

    def run(*arguments, status=0, **options):
        words = ["--rpc-url", network.url, "--data", str(tmp_path / "data"), *map(str, arguments), "--json"]
        monkeypatch.setattr("sys.argv", ["chromatrace", *words])
        result = CliRunner().invoke(main, words, **options)
        assert result.exit_code == status, result.output
        return json.loads(result.stdout)

    return run


@pytest.fixture
def keystore(run, tmp_path):
    """Return the keystore of the funded account, imported from standard input."""
    path = tmp_path / "funded.json"
    created = run("key", "import", path, "--from", "-", input=f"0x{_derived_key(0).hex()}\n")
    assert created == {"address": FUNDED, "keystore": str(path)}
    return path


def balance(network, address):
    return int(network.rpc().call("eth_getBalance", address, "latest"), 16)


def test_an_imported_key_is_stored_encrypted(keystore):
    assert keystore.stat().st_mode & 0o777 == 0o600
    assert keystore_signer(keystore, PASSWORD).address == FUNDED


@pytest.mark.parametrize("text", ["", "0x12", "g" * 64, "0" * 64, "f" * 64, "{}"])
def test_a_malformed_key_is_rejected_and_not_repeated(run, tmp_path, text):
    error = run("key", "import", tmp_path / "key.json", "--from", "-", input=text, status=1)
    assert (error["error"], error["field"]) == ("KeystoreError", "private_key")
    assert not text or text not in error["message"]
    assert not (tmp_path / "key.json").exists()


def test_development_keys_are_used_only_if_the_node_has_them(run):
    error = run("--dev-account", "2", "key", "show", status=1)
    assert (error["error"], error["field"]) == ("KeystoreError", "dev_account")
    assert "does not have the development account 0x" in error["message"]
    assert "key import" in error["hint"]


def test_ether_is_sent_on_any_network(run, network, keystore):
    """The contracts are not deployed there."""
    before = balance(network, OPERATOR)
    sent = run("--keystore", keystore, "key", "send", OPERATOR, "--ether", "12.500000000000000001", "--yes")
    assert (sent["from"], sent["ether"]) == (FUNDED, "12.500000000000000001")
    assert balance(network, OPERATOR) == before + 12_500_000_000_000_000_001
    receipt = network.rpc().call("eth_getTransactionReceipt", sent["tx"])
    assert int(receipt["blockNumber"], 16) == sent["block"]


def test_a_transfer_must_be_confirmed(run, network, keystore):
    before = balance(network, FUNDED)
    error = run("--keystore", keystore, "key", "send", OPERATOR, "--ether", "1", status=1)
    assert (error["error"], error["field"]) == ("InvalidInput", "yes")
    assert "Send 1 ether on chain 1337 from" in error["message"]
    assert balance(network, FUNDED) == before


@pytest.mark.parametrize("amount", ["0", "-1", "1_000", "nan", "inf", "1e-19", "much", "٣", ""])
def test_a_malformed_amount_is_rejected(run, keystore, amount):
    error = run("--keystore", keystore, "key", "send", OPERATOR, "--ether", amount, "--yes", status=1)
    assert (error["error"], error["field"]) == ("InvalidInput", "ether")


def test_a_transfer_above_the_balance_names_the_command(run, keystore):
    error = run("--keystore", keystore, "key", "send", OPERATOR, "--ether", "100000", "--yes", status=1)
    assert (error["error"], error["field"]) == ("InsufficientFundsError", "signer")


def test_a_node_without_unlocked_accounts_names_the_command(run, network, monkeypatch):
    monkeypatch.setattr("chromatrace.services.funding.DEV_CHAINS", ())
    error = run("key", "fund", OPERATOR, status=1)
    assert "key send" in error["hint"]
