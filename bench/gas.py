"""Gas of named scenarios, next to an EAS attestation of the same payload on the same chain.

The baseline is the Ethereum Attestation Service, deployed from its npm package as published (`bench/eas`). Measured on
Anvil with the Prague rules; gas does not depend on the machine. The account, the channel and the inspector's nonce lane
have been used before; a first use costs up to 17,100 gas more per slot.
"""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from eth_abi.abi import encode as abi_encode

from bench.figure import Figure
from chromatrace.chain import calls
from chromatrace.chain.calls import Call
from chromatrace.chain.client import Chain
from chromatrace.chain.deployment import deploy_contracts
from chromatrace.chain.dev_node import DevNode
from chromatrace.chain.outbox import Outbox
from chromatrace.crypto.eip712 import Inspection, sign_inspection
from chromatrace.domain.identifiers import BatchKey, CompanyPrefix, Gln, Gtin, OrganisationId
from chromatrace.domain.rights import OrganisationKind, Role, Stage, Verdict
from chromatrace.ethereum.abi import ContractAbi
from chromatrace.ethereum.codec import Parameters
from chromatrace.ethereum.manifest import Manifest
from chromatrace.ethereum.rpc import RpcClient
from chromatrace.ethereum.signer import DevKeyWarning, dev_signer

ROOT = Path(__file__).resolve().parent.parent
EAS = ROOT / "bench" / "eas"
ARTIFACTS = EAS / "node_modules" / "@ethereum-attestation-service" / "eas-contracts" / "artifacts" / "contracts"
GTIN = "09521234543213"
ALL_ROLES = Role((1 << 7) - 1)
_MANY = 100


@contextmanager
def deployed_chain(**node_options: Any) -> Iterator[tuple[DevNode, Chain]]:
    """Yield a new Anvil with the contracts deployed, and a chain whose signer acts for Example Glass.

    `node_options`: see `DevNode`.
    """
    with tempfile.TemporaryDirectory() as folder, DevNode(**node_options) as node:
        path = Path(folder) / f"{node.chain_id}.json"
        deploy_contracts(node.url, path)
        manifest = Manifest.load(path)
        with warnings.catch_warnings(), Outbox(Path(folder) / "outbox.db", limit=1_000_000) as outbox:
            warnings.simplefilter("ignore", DevKeyWarning)
            chain = Chain(node.rpc(60), manifest, outbox, dev_signer(0, node.chain_id))
            gln = Gln("9521234000013")
            chain.submit(calls.register_organisation(OrganisationKind.MANUFACTURER, gln, ALL_ROLES, "Example Glass"))
            chain.submit(calls.appoint_operator(chain.sender, OrganisationId(1), ALL_ROLES))
            chain.submit(calls.license_prefix(OrganisationId(1), CompanyPrefix.of_item(Gtin(GTIN))))
            yield node, chain


def registration(lot: str) -> calls.Registration:
    """Return a batch of a thousand panes with serials and content, without inputs."""
    digest = hashlib.sha256(lot.encode()).digest()
    return calls.Registration(BatchKey.parse(GTIN, lot), 1000, digest, serial_root=digest)


class EasBaseline:
    """EAS with one schema per payload; measures the gas of `attest` and `multiAttest`."""

    def __init__(self, rpc: RpcClient, sender: str) -> None:
        self._rpc, self._sender = rpc, sender
        self._registry, self._registry_abi = self._deploy("SchemaRegistry")
        self._eas, self._eas_abi = self._deploy("EAS", self._registry)
        self._schemas: dict[str, bytes] = {}

    def _deploy(self, name: str, *args: str) -> tuple[str, ContractAbi]:
        artifact = json.loads((ARTIFACTS / f"{name}.sol" / f"{name}.json").read_text(encoding="utf-8"))
        inputs: list[Any] = next((entry["inputs"] for entry in artifact["abi"] if entry["type"] == "constructor"), [])
        code = artifact["bytecode"] + Parameters.of(inputs).encode(args).hex()
        receipt = self._send({"data": code})
        return receipt["contractAddress"], ContractAbi(name, artifact["abi"])

    def _send(self, fields: dict[str, str]) -> dict[str, Any]:
        tx_hash = self._rpc.call("eth_sendTransaction", {"from": self._sender, "gas": hex(1 << 24), **fields})
        while True:
            receipt: dict[str, Any] | None = self._rpc.call("eth_getTransactionReceipt", tx_hash)
            if receipt is not None:
                break
            time.sleep(0.01)
        if receipt["status"] != "0x1":
            raise RuntimeError(f"a transaction of EAS failed: {receipt}")
        return receipt

    def _schema(self, types: str) -> bytes:
        if types not in self._schemas:
            data = self._registry_abi.encode_call("register", types, "0x" + "00" * 20, True)
            receipt = self._send({"to": self._registry, "data": "0x" + data.hex()})
            self._schemas[types] = bytes.fromhex(receipt["logs"][0]["topics"][1][2:])
        return self._schemas[types]

    def gas(self, types: str, payloads: Sequence[Sequence[Any]]) -> float:
        """Return the gas per payload of attesting all payloads in one call."""
        schema = self._schema(types)
        self._attest(schema, types, payloads[:1])  # a first attestation of an account costs more
        return self._attest(schema, types, payloads) / len(payloads)

    def _attest(self, schema: bytes, types: str, payloads: Sequence[Sequence[Any]]) -> int:
        kinds = [part.split(" ")[0] for part in types.split(",")]
        requests = [(self._sender, 0, True, bytes(32), abi_encode(kinds, [*values]), 0) for values in payloads]
        if len(requests) == 1:
            data = self._eas_abi.encode_call("attest", (schema, requests[0]))
        else:
            data = self._eas_abi.encode_call("multiAttest", [(schema, requests)])
        return int(self._send({"to": self._eas, "data": "0x" + data.hex()})["gasUsed"], 16)


REGISTRATION = (
    "uint64 gtin,string lot,uint32 quantity,bytes32 serialRoot,bytes32 contentDigest,bytes32 route,bytes32[] inputs"
)
INSPECTION = (
    "bytes32 batch,uint8 stage,uint8 verdict,uint8 revision,uint32 sampleSize,uint32 defects,bytes32 instrument,"
    "bytes32 evidence,uint64 inspectedAt,address inspector"
)
ANCHOR = "bytes32 channel,uint64 size,bytes32 root,uint64 firstTimeNs,uint64 lastTimeNs"


def run(progress: Callable[[str], None]) -> list[Figure]:
    """Deploy both, send each scenario once and read the receipts."""
    if not ARTIFACTS.exists():
        progress("installing the baseline (once)")
        subprocess.run(
            ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"], cwd=EAS, check=True, stdout=sys.stderr
        )
    with deployed_chain() as (_, chain):
        progress("deployed")
        baseline = EasBaseline(chain.rpc, chain.sender)
        return [*_registering(chain, baseline), _inspecting(chain, baseline), _anchoring(chain, baseline)]


def _gas(chain: Chain, call: Call) -> int:
    gas = chain.submit(call).gas_used
    assert gas is not None
    return gas


def _figure(name: str, gas: float, target: float, baseline: float) -> Figure:
    return Figure(f"gas: {name}", round(gas), "gas", "lower", target, "EAS attestation, same payload", round(baseline))


def _registering(chain: Chain, baseline: EasBaseline) -> list[Figure]:
    alone = _gas(chain, calls.register_batch(registration("L2410A")))
    lots = [registration(f"L2410B{number:03d}") for number in range(_MANY)]
    many = _gas(chain, calls.register_batches(lots)) / _MANY
    structs = [lot.as_struct() for lot in lots]
    return [
        _figure("register a batch alone", alone, 95_000, baseline.gas(REGISTRATION, structs[:1])),
        # A hundred attestations exceed the 2^24 gas of one transaction.
        _figure("register a batch, in a call of 100", many, 60_000, baseline.gas(REGISTRATION, structs[:50])),
    ]


def _inspecting(chain: Chain, baseline: EasBaseline) -> Figure:
    ledger, now = chain.manifest.address("InspectionLedger"), _now(chain)
    gas = 0
    for number, lot in enumerate(("L2411A", "L2411B")):
        batch = chain.submit(calls.register_batch(registration(lot))).event("BatchRegistered").args["batch"]
        digest = hashlib.sha256(lot.encode()).digest()
        inspection = Inspection(
            batch=batch,
            stage=Stage.FIRST,
            verdict=Verdict.PASS,
            revision=1,
            sample_size=10,
            defects=0,
            instrument=digest,
            evidence=digest,
            inspected_at=now,
            inspector=chain.sender,
            nonce=number,
            deadline=now + 3600,
        )
        assert chain.signer is not None
        signature = sign_inspection(inspection, chain.signer, chain.manifest.chain_id, ledger)
        gas = _gas(chain, calls.record_inspection(inspection, signature))
    return _figure("record a signed inspection", gas, 70_000, baseline.gas(INSPECTION, [inspection.as_struct()[:10]]))


def _anchoring(chain: Chain, baseline: EasBaseline) -> Figure:
    channel = chain.submit(calls.open_channel("line-1")).event("ChannelOpened").args["channel"]
    gas = 0
    for number in (1, 2):
        payload = (channel, number * 1000, bytes([number]) * 32, _now(chain) * 10**9, _now(chain) * 10**9 + 1)
        gas = _gas(chain, calls.anchor(*payload))
    return _figure("anchor a log head", gas, 45_000, baseline.gas(ANCHOR, [payload]))


def _now(chain: Chain) -> int:
    return int(chain.rpc.call("eth_getBlockByNumber", "latest", False)["timestamp"], 16)
