"""Reading a manifest."""

import json

import pytest

from chromatrace.domain.errors import InvalidInput, NotFound
from chromatrace.ethereum.manifest import Manifest

ADDRESS = "0x5fbdb2315678afecb367f032d93f642f64180aa3"


def content(**changes):
    entry = {"address": ADDRESS, "tx": "0x" + "11" * 32, "block": 3, "code_hash": "0x" + "22" * 32}
    whole = {"chain_id": 31337, "block": 3, "admin": ADDRESS, "compiler": {"solc": "0.8.37"}}
    return {**whole, "contracts": {"Consortium": {**entry, **changes}}}


def test_manifest_is_read(tmp_path):
    path = tmp_path / "31337.json"
    path.write_text(json.dumps(content()))
    manifest = Manifest.load(path)
    assert (manifest.chain_id, manifest.block) == (31337, 3)
    assert manifest.address("Consortium") == "0x5FbDB2315678afecb367f032d93F642f64180aa3"
    assert manifest.names_by_address == {ADDRESS: "Consortium"}
    with pytest.raises(NotFound, match="no contract 'Registry'"):
        manifest.address("Registry")


def test_missing_manifest_is_reported(tmp_path):
    with pytest.raises(NotFound) as raised:
        Manifest.load(tmp_path / "1.json")
    assert raised.value.field == "manifest"


@pytest.mark.parametrize(
    ("broken", "field"),
    [
        ([], "manifest"),
        ({**content(), "chain_id": "31337"}, "manifest.chain_id"),
        ({**content(), "block": -1}, "manifest.block"),
        ({**content(), "contracts": {}}, "manifest.contracts"),
        ({**content(), "contracts": {"Consortium": 1}}, "manifest.contracts.Consortium"),
        (content(address="0x12"), "manifest.contracts.Consortium.address"),
        (content(address=None), "manifest.contracts.Consortium.address"),
        (content(code_hash="22"), "manifest.contracts.Consortium.code_hash"),
        (content(block=None), "manifest.contracts.Consortium.block"),
    ],
)
def test_invalid_manifest_names_the_field(tmp_path, broken, field):
    path = tmp_path / "31337.json"
    path.write_text(json.dumps(broken))
    with pytest.raises(InvalidInput) as raised:
        Manifest.load(path)
    assert raised.value.field == field


def test_manifest_must_be_json(tmp_path):
    path = tmp_path / "31337.json"
    path.write_text("{")
    with pytest.raises(InvalidInput, match="not valid JSON"):
        Manifest.load(path)
