"""Baselines of route signatures: py_ecc, one secp256k1 signature per station, and BPDMS as published."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from hashlib import sha256
from importlib import import_module
from pathlib import Path
from typing import Any

from coincurve import PrivateKey, PublicKey

from chromatrace.chain.client import Chain
from chromatrace.crypto.bls import ORDER, SIGNATURE_TAG
from chromatrace.domain.hashing import keccak
from chromatrace.ethereum.abi import ContractAbi

BUILT = Path(__file__).resolve().parent.parent / "build" / "contracts"
PY_ECC_STATIONS = (1, 2, 5)
BPDMS_FIRST_S, BPDMS_FURTHER_S = 0.799, 0.066
BPDMS = "BPDMS, as published"

Work = Callable[[], object]


def digest(text: str) -> bytes:
    """Return 32 bytes that represent `text`."""
    return sha256(text.encode()).digest()


def ecdsa_verification(steps: int) -> Work:
    """Return the verification of one secp256k1 signature per station."""
    keys = [PrivateKey(digest(f"ecdsa {n}")) for n in range(steps)]
    signed = [
        (key.public_key.format(), key.sign(digest(str(n)), hasher=None), digest(str(n))) for n, key in enumerate(keys)
    ]

    def work() -> None:
        if not all(PublicKey(key).verify(signature, message, hasher=None) for key, signature, message in signed):
            raise RuntimeError("a signature of the baseline is invalid")

    return work


class PyEcc:
    """The same with py_ecc, one run each, because it is slow."""

    def __init__(self) -> None:
        hashing: Any = import_module("py_ecc.bls.hash_to_curve")
        self._curve: Any = import_module("py_ecc.optimized_bls12_381")
        self._hash: Callable[[bytes], Any] = lambda message: hashing.hash_to_G1(message, SIGNATURE_TAG, sha256)
        self._secrets = [int.from_bytes(digest(f"key {n}"), "big") % ORDER for n in range(max(PY_ECC_STATIONS))]
        self._keys = [self._curve.multiply(self._curve.G2, secret) for secret in self._secrets]

    def sign_ms(self) -> float:
        """Return the time of checking the previous signature, signing and adding."""
        previous = self._curve.multiply(self._hash(digest("0")), self._secrets[0])

        def work() -> None:
            if not self._holds([(digest("0"), self._keys[0])], previous):
                raise RuntimeError("py_ecc rejects its own signature")
            self._curve.add(previous, self._curve.multiply(self._hash(digest("1")), self._secrets[1]))

        return self._once_ms(work)

    def verify_ms(self, steps: int) -> float:
        """Return the time of the pairing product of `steps` stations."""
        aggregate = None
        signed = [(digest(str(n)), self._keys[n]) for n in range(steps)]
        for (message, _), secret in zip(signed, self._secrets, strict=False):
            single = self._curve.multiply(self._hash(message), secret)
            aggregate = single if aggregate is None else self._curve.add(aggregate, single)

        def work() -> None:
            if not self._holds(signed, aggregate):
                raise RuntimeError("py_ecc rejects its own aggregate")

        return self._once_ms(work)

    def _holds(self, signed: Sequence[tuple[bytes, Any]], aggregate: Any) -> bool:
        product = self._curve.pairing(self._curve.neg(self._curve.G2), aggregate, final_exponentiate=False)
        for message, key in signed:
            product *= self._curve.pairing(key, self._hash(message), final_exponentiate=False)
        return bool(self._curve.final_exponentiate(product) == self._curve.FQ12.one())

    @staticmethod
    def _once_ms(work: Callable[[], object]) -> float:
        start = time.process_time()
        work()
        return 1000 * (time.process_time() - start)


def ecdsa_gas(chain: Chain, steps: int) -> int:
    """Return the gas of the same route with one secp256k1 signature per station (`contracts/mocks/EcdsaRoute.sol`)."""
    built = json.loads((BUILT / "EcdsaRoute.json").read_text(encoding="utf-8"))
    abi = ContractAbi("EcdsaRoute", built["abi"])
    consortium = bytes.fromhex(chain.manifest.address("Consortium")[2:]).rjust(32, b"\0")
    deployed = _transact(chain, {"data": "0x" + built["bytecode"].removeprefix("0x") + consortium.hex()})
    address = deployed["contractAddress"]
    keys = [PrivateKey(digest(f"ecdsa {n}")) for n in range(steps)]
    stations = [keccak(key.public_key.format(compressed=False)[1:])[12:] for key in keys]
    designed = abi.encode_call("design", ["0x" + station.hex() for station in stations])
    _transact(chain, {"to": address, "data": "0x" + designed.hex()})
    route, subject, messages = digest("route"), digest("batch"), [digest(f"step {n}") for n in range(steps)]
    words = (chain.manifest.chain_id.to_bytes(32, "big"), bytes.fromhex(address[2:]).rjust(32, b"\0"), route, subject)
    link, signatures = keccak(b"".join(words)), b""
    for step, (message, key, station) in enumerate(zip(messages, keys, stations, strict=True), 1):
        tag = keccak(b"ChromaTrace route link/1")
        link = keccak(tag + link + message + station.rjust(32, b"\0") + step.to_bytes(32, "big"))
        signature = key.sign_recoverable(link, hasher=None)
        signatures += signature[:64] + bytes([signature[64] + 27])
    proven = _transact(
        chain, {"to": address, "data": "0x" + abi.encode_call("prove", route, subject, messages, signatures).hex()}
    )
    return int(proven["gasUsed"], 16)


def _transact(chain: Chain, fields: dict[str, str]) -> dict[str, Any]:
    sent = chain.rpc.call("eth_sendTransaction", {"from": chain.sender, "gas": hex(3_000_000), **fields})
    receipt: dict[str, Any] | None = None
    while receipt is None:
        receipt = chain.rpc.call("eth_getTransactionReceipt", sent)
    if receipt["status"] != "0x1":
        raise RuntimeError(f"the baseline's transaction failed: {receipt}")
    return receipt
