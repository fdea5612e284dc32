"""An account acts for an existing operator only if that operator signed it."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner
from eth_account import Account
from eth_account.messages import encode_defunct
from served_portal import PASSWORD

from chromatrace.cli import main
from chromatrace.ethereum.signer import DevKeyWarning, dev_signer

pytestmark = pytest.mark.filterwarnings(f"ignore::{DevKeyWarning.__module__}.{DevKeyWarning.__name__}")
COMPETITOR = 2
NAME = "front-desk@example"


@pytest.fixture
def run(consortium, data, monkeypatch):
    """Return a function that runs a command and returns its exit status and its output."""

    def run(*arguments, options=()):
        base = ["--rpc-url", consortium.node.url, "--data", data, "--manifest", consortium.manifest_path, *options]
        command = [str(word) for word in (*base, "portal", *arguments)]
        monkeypatch.setenv("CHROMATRACE_PORTAL_ACCOUNT_PASSWORD", PASSWORD)
        monkeypatch.setattr("sys.argv", ["chromatrace", *command])
        result = CliRunner().invoke(main, command)
        return result.exit_code, result.stdout

    return run


@pytest.fixture
def operator(consortium, data):
    """Return the key of another organisation's operator."""
    return dev_signer(COMPETITOR, consortium.node.chain_id)


def _sign(text, key):
    return key.sign_message(encode_defunct(text=text)).signature.to_0x_hex()


def test_account_needs_the_signature_of_its_operator(run, operator, tmp_path):
    add = ["add-account", NAME, "--wallet", operator.address.lower(), "--json"]
    code, output = run(*add)
    error = json.loads(output)
    assert (code, error["error"], error["field"]) == (1, "InvalidInput", "signature")
    assert operator.address in error["message"]
    assert f"portal wallet-message {NAME} {operator.address}" in error["hint"]

    file = tmp_path / "message.txt"
    for signer, other in ((b"\7" * 32, NAME), (None, "another-desk@example")):
        file.write_text(run("wallet-message", other, operator.address)[1])
        text = file.read_text().rstrip("\n")
        key = Account.from_key(signer or operator._key.secret)
        code, output = run(*add, "--message", file, "--signature", _sign(text, key))
        assert (code, json.loads(output)["error"]) == (1, "LoginFailedError")
    assert json.loads(run("accounts", "--json")[1]) == {"accounts": []}

    file.write_text(run("wallet-message", NAME, operator.address)[1])
    signature = _sign(file.read_text().rstrip("\n"), Account.from_key(operator._key.secret))
    code, output = run(*add, "--message", file, "--signature", signature)
    assert (code, json.loads(output)["operator"]) == (0, operator.address.lower())
    run("remove-account", NAME)
    code, output = run(*add, "--message", file, "--signature", signature)
    assert (code, "nonce" in json.loads(output)["message"]) == (1, True)


def test_operator_with_its_key_needs_no_message(run, operator):
    add = ["add-account", NAME, "--wallet", operator.address, "--json"]
    assert run(*add, options=["--dev-account", COMPETITOR + 1])[0] == 1
    code, output = run(*add, options=["--dev-account", COMPETITOR])
    assert (code, json.loads(output)["operator"]) == (0, operator.address.lower())
