"""Python functions that call `BLS12381.sol` on a real node, to run published vectors through the contract."""

from __future__ import annotations

import json
from pathlib import Path

from eth_abi import decode, encode
from eth_utils import keccak

from chromatrace.chain.dev_node import DevNode

BUILD = Path(__file__).resolve().parents[2] / "build" / "contracts" / "BLS12381Harness.json"
GAS = hex(2**24)


class Reverted(Exception):
    """The call reverted: name of the custom error, and the precompile in its argument."""


class Harness:
    """The deployed `BLS12381Harness`."""

    def __init__(self, node: DevNode) -> None:
        self._rpc = node.rpc(timeout_s=120)
        built = json.loads(BUILD.read_text(encoding="utf-8"))
        sender = self._rpc.call("eth_accounts")[0]
        code = "0x" + built["bytecode"].removeprefix("0x")
        sent = self._rpc.call("eth_sendTransaction", {"from": sender, "data": code, "gas": hex(3_000_000)})
        self._rpc.call("evm_mine")
        self.address = self._rpc.call("eth_getTransactionReceipt", sent)["contractAddress"]

    def hash_to_g1(self, message: bytes, dst: bytes) -> bytes:
        return self._call("hashToG1(bytes,bytes)", [message, dst], "bytes")

    def hash_digests_to_g1(self, digests: list[bytes], dst: bytes) -> list[bytes]:
        payloads = [_payload("hashDigestToG1(bytes32,bytes)", [digest, dst]) for digest in digests]
        answers = self._rpc.batch([("eth_call", [self._fields(payload), "latest"]) for payload in payloads])
        return [decode(["bytes"], bytes.fromhex(answer[2:]))[0] for answer in answers]

    def pairing_holds(self, pairs: bytes) -> bool:
        return self._call("pairingHolds(bytes)", [pairs], "bool")

    def linear_combination(self, terms: bytes) -> bytes:
        return self._call("linearCombination(bytes)", [terms], "bytes")

    def run(self, precompile: int, data: bytes, output: int) -> bytes:
        return self._call("run(address,bytes,uint256)", [precompile.to_bytes(20, "big"), data, output], "bytes")

    def negated_generator(self) -> bytes:
        return self._call("negatedGenerator()", [], "bytes")

    def available(self) -> bool:
        return self._call("available()", [], "bool")

    def _call(self, signature, args, output):
        (answer,) = self._rpc.batch_outcomes([("eth_call", [self._fields(_payload(signature, args)), "latest"])])
        if isinstance(answer, Exception):
            data = answer.data if isinstance(answer.data, str) else answer.data["data"]
            raise Reverted(*_reason(bytes.fromhex(data.removeprefix("0x"))))
        return decode([output], bytes.fromhex(answer[2:]))[0]

    def _fields(self, payload):
        return {"to": self.address, "data": "0x" + payload.hex(), "gas": GAS}


def _payload(signature, args):
    return keccak(text=signature)[:4] + encode(signature.partition("(")[2].rstrip(")").split(",") if args else [], args)


def _reason(data):
    for name in ("PrecompileCallFailed", "PrecompileUnavailable"):
        if data[:4] == keccak(text=f"{name}(address)")[:4]:
            return name, int.from_bytes(data[4:], "big")
    return data.hex(), 0
