"""Every typed call and read fits the ABI of its contract."""

import inspect
import typing
from enum import Enum

import pytest

from chromatrace.chain import calls, reads
from chromatrace.chain.calls import Call
from chromatrace.chain.reads import Read
from chromatrace.crypto.eip712 import Inspection
from chromatrace.crypto.route.onchain import ProofStruct
from chromatrace.crypto.sealed_answer import SealedAnswer
from chromatrace.domain.genealogy import Input
from chromatrace.domain.identifiers import BatchId, BatchKey, CompanyPrefix, Gln, Gtin
from chromatrace.domain.rights import ALL_STAGES, Stage, Verdict
from chromatrace.ethereum import abi
from chromatrace.quality.rules import Rule

WORD = b"\1" * 32
ACCOUNT = "0x70997970C51812dc3A010C7d01b50e0d17dc79C8"
GTIN = Gtin("09521234543213")
PROOF = ProofStruct(WORD, WORD, (WORD,) * 4)
INPUT = Input(BatchId(WORD), 1)
ARGUMENTS = {
    "registration": calls.Registration(BatchKey(GTIN, "L1"), 1, WORD, inputs=(INPUT,)),
    "registrations": [calls.Registration(BatchKey(GTIN, "L1"), 1, WORD)],
    "children": [(WORD, calls.Parts(WORD, WORD, WORD, (INPUT,)))],
    "inspection": Inspection(WORD, Stage.FIRST, Verdict.PASS, 1, 1, 0, WORD, WORD, 1, ACCOUNT, 0, 1),
    "gtins": [GTIN],
    "public_key": [WORD] * 8,
    "possession": [WORD] * 4,
    "keys": [WORD],
    "processes": ["coating"],
    "proof": PROOF,
    "proofs": [PROOF],
    "messages": [WORD],
    "components": [(WORD, WORD)],
    "rule": Rule(),
    "requests": [calls.RoundRequest(0, WORD, 1, Stage.FIRST, 1, 1)],
    "lanes": [1],
    "rounds": [],
    "account": ACCOUNT,
    "operator": ACCOUNT,
    "member": ACCOUNT,
    "inspector": ACCOUNT,
    "gln": Gln("9521234000013"),
    "gtin": GTIN,
    "prefix": CompanyPrefix("95212345"),
    "stages": ALL_STAGES,
}
FOR_TYPE_CHECKING = {kind.__name__: kind for kind in (Inspection, ProofStruct, Rule, SealedAnswer)}
ROUNDS = {
    calls.commit_answers: [(1, [calls.Commitment(0, WORD, WORD, WORD)])],
    calls.reveal_answers: [(1, [(0, SealedAnswer(0, 0, WORD))])],
}


def functions(module, result):
    return [
        function
        for _, function in inspect.getmembers(module, inspect.isfunction)
        if function.__module__ == module.__name__ and str(function.__annotations__["return"]).startswith(result)
    ]


def argument(function, name, kind):
    if name == "rounds":
        return ROUNDS[function]
    if name in ARGUMENTS:
        return ARGUMENTS[name]
    base = getattr(kind, "__supertype__", kind)
    if isinstance(base, type) and issubclass(base, Enum):
        return next(iter(base))
    return {bytes: WORD, int: 1, str: "text", bool: True}[base]


def arguments(function):
    hints = typing.get_type_hints(function, localns=FOR_TYPE_CHECKING)
    parameters = inspect.signature(function).parameters.values()
    return {item.name: argument(function, item.name, hints[item.name]) for item in parameters}


@pytest.mark.parametrize("function", functions(calls, "Call"), ids=lambda function: function.__name__)
def test_every_call_encodes(function):
    call = function(**arguments(function))
    assert isinstance(call, Call)
    name, _ = abi.contract(call.contract).decode_call(call.encode())
    assert name == call.function


ZEROS = {"uint": 0, "address": "0x" + "00" * 20, "bool": False, "string": "", "bytes": b""}


def zero(kind):
    if kind.endswith("]"):
        return []
    if kind.startswith("("):
        return tuple(zero(part) for part in kind[1:-1].split(","))
    if kind.startswith("bytes") and kind != "bytes":
        return bytes(int(kind[5:]))
    return next(value for prefix, value in ZEROS.items() if kind.startswith(prefix))


@pytest.mark.parametrize("function", functions(reads, "Read"), ids=lambda function: function.__name__)
def test_every_read_encodes_and_decodes_zeros(function):
    read = function(**arguments(function))
    assert isinstance(read, Read)
    assert read.encode()
    outputs = abi.contract(read.contract).function(read.function).outputs
    read.decode(outputs.encode([zero(kind) for kind in outputs.types]))
