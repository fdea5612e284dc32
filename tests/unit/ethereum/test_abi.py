"""Calls, logs and reverts through the generated ABIs."""

import string

import pytest
from eth_abi import encode as abi_encode
from eth_utils import event_signature_to_log_topic, function_signature_to_4byte_selector

from chromatrace.domain.errors import Conflict, InvalidInput, NotAuthorised, NotFound
from chromatrace.domain.identifiers import BatchKey
from chromatrace.ethereum import abi
from chromatrace.ethereum.contract_error_arguments import ARGUMENTS, render, text_of
from chromatrace.ethereum.contract_error_messages import MESSAGES
from chromatrace.ethereum.contract_errors import decode_revert, revert_data
from chromatrace.ethereum.errors import (
    AbiError,
    ContractConflict,
    ContractInvalidInput,
    ContractNotAuthorised,
    ContractNotFound,
)

ALL_ERRORS = sorted(
    {(kind.name, tuple(kind.internal_types)) for name in abi.names() for kind in abi.contract(name).errors.values()}
)
BATCH = BatchKey.parse("09521234543213", "L2410A").batch_id
REGISTRATION = (9521234543213, "L2410A", 100, bytes(32), b"\1" * 32, bytes(32), [])


@pytest.mark.parametrize(("name", "arguments"), ALL_ERRORS)
def test_every_custom_error_has_a_message(name, arguments):
    assert name in MESSAGES, f"add {name} to chromatrace/ethereum/contract_error_messages.py"
    used = {field for _, field, _, _ in string.Formatter().parse(MESSAGES[name].text) if field}
    assert used <= set(arguments)


def test_every_message_has_a_custom_error():
    assert set(MESSAGES) == {name for name, _ in ALL_ERRORS}


def test_call_data_equals_eth_abi():
    kind = "(uint64,string,uint32,bytes32,bytes32,bytes32,(bytes32,uint32)[])"
    expected = function_signature_to_4byte_selector(f"register({kind})") + abi_encode([kind], [REGISTRATION])
    contract = abi.contract("BatchRegistry")
    assert contract.encode_call("register", REGISTRATION) == expected
    name, args = contract.decode_call(expected)
    assert (name, args["registration"]["lot"]) == ("register", "L2410A")


def test_unknown_names_are_rejected():
    with pytest.raises(AbiError, match="no contract is named 'Registry'") as raised:
        abi.contract("Registry")
    assert "BatchRegistry" in raised.value.hint
    with pytest.raises(AbiError, match="no function 'registr'"):
        abi.contract("BatchRegistry").encode_call("registr")
    with pytest.raises(AbiError) as raised:
        abi.contract("BatchRegistry").encode_call("register", (*REGISTRATION[:2], -1, *REGISTRATION[3:]))
    assert raised.value.field == "registration"


def log_of(address="0x" + "ab" * 20, topics=None):
    topic = event_signature_to_log_topic(
        "BatchRegistered(bytes32,uint32,uint64,string,uint32,bytes32,bytes32,bytes32,(bytes32,uint32)[])"
    )
    data = abi_encode(
        ["string", "uint32", "bytes32", "bytes32", "bytes32", "(bytes32,uint32)[]"],
        ["L2410A", 100, bytes(32), b"\1" * 32, bytes(32), [(b"\2" * 32, 3)]],
    )
    words = [topic, BATCH, (3).to_bytes(32, "big"), (9521234543213).to_bytes(32, "big")]
    return {
        "address": address,
        "topics": ["0x" + word.hex() for word in (topics or words)],
        "data": "0x" + data.hex(),
        "blockNumber": "0x10",
        "blockHash": "0x" + "11" * 32,
        "transactionHash": "0x" + "22" * 32,
        "transactionIndex": "0x1",
        "logIndex": "0x2",
    }


def test_log_is_decoded_to_an_event():
    event = abi.decode_log({"0x" + "ab" * 20: "BatchRegistry"}, log_of())
    assert (event.contract, event.name, event.block_number, event.tx_index, event.log_index) == (
        "BatchRegistry",
        "BatchRegistered",
        16,
        1,
        2,
    )
    assert list(event.args) == [
        "batch",
        "producer",
        "gtin",
        "lot",
        "quantity",
        "serialRoot",
        "contentDigest",
        "route",
        "inputs",
    ]
    assert event.args["batch"] == BATCH
    assert event.args["inputs"] == [{"batch": b"\2" * 32, "quantity": 3}]
    assert event == abi.decode_log("BatchRegistry", log_of())


def test_other_logs_are_none():
    assert abi.decode_log({"0x" + "cd" * 20: "BatchRegistry"}, log_of()) is None
    assert abi.decode_log("BatchRegistry", log_of(topics=[b"\1" * 32])) is None
    assert abi.decode_log("BatchRegistry", {**log_of(), "topics": []}) is None


def revert(signature, *args):
    kinds = signature.partition("(")[2].rstrip(")")
    return function_signature_to_4byte_selector(signature) + abi_encode(kinds.split(",") if kinds else [], args)


@pytest.mark.parametrize(
    ("data", "kind", "category", "name", "args", "text"),
    [
        (
            revert("QuantityMismatch(uint32,uint256)", 100, 99),
            ContractInvalidInput,
            InvalidInput,
            "QuantityMismatch",
            {"quantity": 100, "sum": 99},
            "add up to 99; the batch has 100 units",
        ),
        (
            revert("WrongState(bytes32,uint8)", BATCH, 6),
            ContractConflict,
            Conflict,
            "WrongState",
            {"batch": BATCH, "state": 6},
            "not valid in state graded",
        ),
        (
            revert("UnknownBatch(bytes32)", BATCH),
            ContractNotFound,
            NotFound,
            "UnknownBatch",
            {"batch": BATCH},
            f"batch 0x{BATCH[:5].hex()}… does not exist",
        ),
        (
            revert("MissingRole(address,uint16,uint16)", "0x" + "00" * 20, 5, 2),
            ContractNotAuthorised,
            NotAuthorised,
            "MissingRole",
            {"operator": "0x" + "00" * 20, "roles": 5, "required": 2},
            "has the roles admin+gateway; one of producer is required",
        ),
        (
            revert("InspectionExpired(uint64)", 1_700_000_000),
            ContractConflict,
            Conflict,
            "InspectionExpired",
            {"deadline": 1_700_000_000},
            "2023-11-14 22:13:20 UTC",
        ),
        (revert("Error(string)", "no"), ContractConflict, Conflict, "Error", {"message": "no"}, "reverted: no"),
        (revert("Panic(uint256)", 0x11), ContractConflict, Conflict, "Panic", {"code": 0x11}, "overflow"),
        (b"", ContractConflict, Conflict, "EmptyRevert", {}, "without a reason"),
        (b"\1\2\3\4", ContractConflict, Conflict, "UnknownError", {"data": b"\1\2\3\4"}, "0x01020304"),
        (
            revert("WrongState(bytes32,uint8)", BATCH, 6)[:40],
            ContractConflict,
            Conflict,
            "Undecodable",
            {"data": revert("WrongState(bytes32,uint8)", BATCH, 6)[:40]},
            "malformed",
        ),
    ],
)
def test_reverts_become_typed_errors(data, kind, category, name, args, text):
    error = decode_revert(data)
    assert type(error) is kind
    assert isinstance(error, category)
    assert error.name == error.as_dict()["error"] == name
    assert error.args_by_name == args
    assert text in error.message


@pytest.mark.parametrize(
    "data",
    [
        "0x08c379a0",
        "Reverted 0x08c379a0",
        {"data": "0x08c379a0"},
        {"result": "0x08c379a0", "message": "revert"},
        {"originalError": {"data": "0x08c379a0"}},
    ],
)
def test_revert_data_is_read_from_every_place_that_nodes_use(data):
    assert revert_data(data) == bytes.fromhex("08c379a0")


def test_error_without_revert_data_is_none():
    assert revert_data(None) is None
    assert revert_data("out of gas") is None


def test_arguments_are_rendered_as_text():
    assert render("validUntil", 2**64 - 1, "uint64") == "no end"
    assert render("roles", 1 << 15 | 1, "uint16") == "admin+0x8000"
    assert render("stage", 1, "enum Stage") == "final"
    assert render("kind", 2, "enum IRouteVerifier.RouteKind") == "assembly"
    assert render("state", 99, "enum IBatchRegistry.BatchState") == "99"
    assert render("revokedFrom", 1_700_000_000, "uint64") == "2023-11-14 22:13:20 UTC"
    assert render("from", 7, "OrgId") == "7"
    assert render("deadline", 1_700_000_000, "uint256") == "2023-11-14 22:13:20 UTC"
    assert render("phase", 2, "enum IQualityConsensus.Phase") == "seated"
    assert render("gtin", 9521234543213, "uint64") == "09521234543213"
    assert render("neededRole", bytes(32), "bytes32") == "DEFAULT_ADMIN"
    assert render("lastTimeNs", 1_700_000_000_000_000_000, "uint64") == "2023-11-14 22:13:20 UTC"
    assert render("character", b"/", "bytes1") == "'/'"
    assert render("character", b"\n", "bytes1") == "0x0a"


def error_arguments():
    """Return the errors of all contracts with their ABI, and the set of their arguments (name, type)."""
    errors = {error.name: error for name in abi.names() for error in abi.contract(name).errors.values()}
    return errors, {item for error in errors.values() for item in error.internal_types.items()}


def test_the_meaning_of_every_argument_of_every_error_is_known():
    errors, arguments = error_arguments()
    assert len(errors) >= 140
    assert [argument for argument in sorted(arguments) if text_of(*argument) is None] == []
    assert set(ARGUMENTS) <= arguments, "the table has arguments that no error has"


def test_every_error_is_decoded_and_shown():
    for name in abi.names():
        for selector, error in abi.contract(name).errors.items():
            decoded = decode_revert(selector + bytes(32 * len(error.internal_types) + 64))
            assert decoded.name in (error.name, "Undecodable"), error.name
            assert decoded.name == error.name or "string" in error.internal_types.values()


def test_numbers_are_shown_as_numbers_in_every_error():
    """5 is also the mask of two roles, a batch state, a phase and a time."""
    errors, _ = error_arguments()
    masks = {"roles", "permitted", "rights", "held", "scopes"}
    masked = {("MissingRole", "required"), ("NotMember", "required")}
    for error in errors.values():
        for name, kind in error.internal_types.items():
            if kind.startswith("uint"):
                text = render(name, 5, kind)
                is_mask = name in masks or (error.name, name) in masked
                assert ("+" in text) == is_mask, (error.name, name, text)
                assert is_mask or text.lstrip("0") == "5" or text.startswith("1970-01-01"), (error.name, name, text)
    shown = decode_revert(revert("NotEnoughInspectors(uint48,uint256,uint256)", 7, 3, 5)).message
    assert "needs 5 inspectors; 3 are available" in shown
