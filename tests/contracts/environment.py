"""A consortium of five organisations on the test chain, and the functions of the contracts with default arguments."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Any

from brownie import (
    BatchRegistry,
    Consortium,
    CustodyLedger,
    InspectionLedger,
    ProcessLedger,
    QualityConsensus,
    RouteVerifier,
    accounts,
    chain,
    web3,
)
from brownie.convert.datatypes import HexString
from brownie.network.account import LocalAccount
from eth_abi import decode
from eth_account import Account as Keys
from eth_utils import keccak
from stations import Stations

from chromatrace.domain.identifiers import BatchKey, check_digit
from chromatrace.domain.rights import (
    FOREVER,
    BatchState,
    OrganisationKind,
    Role,
    SalesChannel,
    Stage,
    Verdict,
)
from chromatrace.domain.stored_batch import StoredBatch
from chromatrace.ethereum.rpc import RpcClient

GTIN = "09521234543213"
RIVAL_GTIN = "09521299000010"
"""Products of the plant and of its rival, each with a licensed prefix."""
PREFIXES = {1: (952123454, 9), 5: (952129900, 9)}
"""(prefix, digits) by organisation"""
BOTH_STAGES = 0b11
ADMIN_DELAY_S = 3600
NONE = b"\0" * 32
REGISTRAR, VERDICT_LEDGER, CUSTODY_LEDGER, CONSENSUS = (
    keccak(text=name) for name in ("REGISTRAR", "VERDICT_LEDGER", "CUSTODY_LEDGER", "CONSENSUS")
)
ALL_ROLES = sum(Role)

INSPECTION_FIELDS = (
    ("batch", "bytes32"),
    ("stage", "uint8"),
    ("verdict", "uint8"),
    ("revision", "uint8"),
    ("sampleSize", "uint32"),
    ("defects", "uint32"),
    ("instrument", "bytes32"),
    ("evidence", "bytes32"),
    ("inspectedAt", "uint64"),
    ("inspector", "address"),
    ("nonce", "uint256"),
    ("deadline", "uint64"),
)


def gln(number: int) -> int:
    """Return the n-th GLN of the example prefix."""
    body = f"952123{number:06d}"
    return int(body + check_digit(body))


@dataclass
class ContractEnvironment:
    """The deployed contracts, organisations and operators.

    `plant` to `rival` are organisation numbers. `operators` holds Brownie accounts, and for inspectors keys that only
    sign; they are also attributes (`env.producer`).
    """

    consortium: Any
    registry: Any
    inspections: Any
    custody: Any
    process: Any
    routes: Any
    consensus: Any
    registrar: Any
    plant: int = 1
    lab: int = 2
    shop: int = 3
    authority: int = 4
    rival: int = 5
    route: bytes = NONE
    operators: dict[str, Any] = field(default_factory=dict)
    rpc: RpcClient = field(default_factory=lambda: RpcClient(web3.provider.endpoint_uri, 180))
    chain_id: int = field(default_factory=lambda: chain.id)

    @classmethod
    def build(cls) -> ContractEnvironment:
        registrar = accounts[0]
        by_registrar = {"from": registrar}
        consortium = registrar.deploy(Consortium, ADMIN_DELAY_S, registrar)
        routes = registrar.deploy(RouteVerifier, consortium)
        registry = registrar.deploy(BatchRegistry, consortium, routes)
        inspections = registrar.deploy(InspectionLedger, registry, (100, False), (0, True))
        custody = registrar.deploy(CustodyLedger, registry)
        process = registrar.deploy(ProcessLedger, consortium)
        consensus = registrar.deploy(QualityConsensus, inspections, 0)
        consortium.grantRole(REGISTRAR, registrar, by_registrar)
        consortium.grantRole(VERDICT_LEDGER, inspections, by_registrar)
        consortium.grantRole(CUSTODY_LEDGER, custody, by_registrar)
        consortium.grantRole(CONSENSUS, consensus, by_registrar)
        env = cls(consortium, registry, inspections, custody, process, routes, consensus, registrar)
        env._populate()
        env.route = Stations(env).line(1, name="any route").design.route
        return env

    def _populate(self) -> None:
        for number, (kind, roles, name) in enumerate(
            (
                (OrganisationKind.MANUFACTURER, ALL_ROLES, "Example Glass"),
                (OrganisationKind.LABORATORY, Role.INSPECTOR, "Example Laboratory"),
                (OrganisationKind.FRANCHISEE, Role.ADMIN | Role.FRANCHISEE | Role.LOGISTICS, "Example Windows"),
                (OrganisationKind.AUTHORITY, Role.SUPERVISOR, "Example Authority"),
                (OrganisationKind.MANUFACTURER, ALL_ROLES, "Example Rival"),
            ),
            start=1,
        ):
            self.consortium.registerOrganisation(kind, gln(number), roles, FOREVER, name, {"from": self.registrar})
        for number, licence in PREFIXES.items():
            self.consortium.license(number, *licence, {"from": self.registrar})
        for index, (name, organisation, roles) in enumerate(
            (
                ("administrator", self.plant, Role.ADMIN),
                ("producer", self.plant, Role.PRODUCER),
                ("gateway", self.plant, Role.GATEWAY),
                ("supervisor", self.plant, Role.SUPERVISOR),
                ("logistics", self.plant, Role.LOGISTICS),
                ("franchisee", self.shop, Role.ADMIN | Role.FRANCHISEE),
                ("official", self.authority, Role.SUPERVISOR),
                ("competitor", self.rival, ALL_ROLES & ~Role.INSPECTOR),
            ),
            start=1,
        ):
            self.operators[name] = accounts[index]
            self.appoint(accounts[index], organisation, roles)
        self.operators["stranger"] = accounts[9]
        for name, organisation, seed in (
            ("plant_inspector", self.plant, b"plant"),
            ("lab_inspector", self.lab, b"lab"),
            ("unknown_inspector", None, b"unknown"),
        ):
            self.operators[name] = Keys.from_key(keccak(seed))
            if organisation is not None:
                self.appoint(self.operators[name].address, organisation, Role.INSPECTOR)
        for accreditor in (self.administrator, self.competitor):
            self.inspections.accredit(self.lab, [0], BOTH_STAGES, FOREVER, {"from": accreditor})

    def __getattr__(self, name: str) -> Any:
        try:
            return self.__dict__["operators"][name]
        except KeyError:
            raise AttributeError(name) from None

    # ---------------------------------------------------------------- organisations

    def appoint(self, account: Any, organisation: int, roles: int, valid_until: int = FOREVER) -> Any:
        return self.consortium.appointOperator(account, organisation, roles, valid_until, {"from": self.registrar})

    def suspend(self, organisation: int) -> Any:
        return self.consortium.suspendOrganisation(organisation, {"from": self.registrar})

    # ---------------------------------------------------------------- batches

    def registration(self, lot: str = "L1", quantity: int = 250, inputs: tuple = (), gtin: str = GTIN) -> tuple:
        """Return the tuple of `IBatchRegistry.Registration`."""
        return (int(gtin), lot, quantity, keccak(b"serials"), keccak(b"content"), self.route, as_inputs(inputs))

    def parts(self, inputs: tuple = ()) -> tuple:
        """Return the `IBatchRegistry.Parts` of a batch registered with the defaults of `registration`."""
        return (keccak(b"serials"), keccak(b"content"), self.route, as_inputs(inputs))

    def send(self, function: Any, *args: Any, sender: Any) -> None:
        """Send a transaction that must succeed. Brownie makes a dozen requests for each; this makes two."""
        call = {"from": str(sender), "to": function._address, "data": function.encode_input(*args), "gas": hex(2**23)}
        sent = self.rpc.call("eth_sendTransaction", call)
        while (receipt := self.rpc.call("eth_getTransactionReceipt", sent)) is None:
            time.sleep(0.002)
        if receipt["status"] != "0x1":
            raise AssertionError(f"{function._name} failed in {sent}")

    def read(self, function: Any, *args: Any) -> Any:
        """Return the result of a view in plain types."""
        call = {"to": function._address, "data": function.encode_input(*args)}
        result = bytes.fromhex(self.rpc.call("eth_call", call, "latest")[2:])
        (value,) = decode([_canonical(function.abi["outputs"][0])], result)
        return value

    @property
    def now(self) -> int:
        """Return the time of the latest block in Unix seconds."""
        return int(self.rpc.call("eth_getBlockByNumber", "latest", False)["timestamp"], 16)

    def register(self, lot: str = "L1", quantity: int = 250, inputs: tuple = (), sender: Any = None) -> bytes:
        """Register a batch of the plant, or of the rival if the competitor sends it."""
        gtin = RIVAL_GTIN if sender == self.competitor else GTIN
        registration = self.registration(lot, quantity, inputs, gtin)
        self.send(self.registry.register, registration, sender=sender or self.producer)
        return batch_id(lot, gtin)

    def batch(self, batch: bytes) -> StoredBatch:
        values = self.read(self.registry.batch, batch)
        return StoredBatch(BatchState(values[0]), *values[1:4], Verdict(values[4]), Verdict(values[5]), *values[6:])

    def batch_in_state(
        self, state: BatchState, lot: str = "L1", quantity: int = 250, graded: tuple = (240, 8, 2)
    ) -> bytes:
        """Register a batch and bring it to `state` by the shortest path: final verdict Pass, all channels released."""
        batch = self.register(lot, quantity)
        if state is BatchState.REGISTERED:
            return batch
        stopped = state in (BatchState.STOPPED, BatchState.RECYCLED)
        self._record_inspection(batch, Stage.FIRST, Verdict.FAIL if stopped else Verdict.PASS)
        if state is BatchState.RECYCLED:
            self.send(self.registry.recycle, batch, sender=self.producer)
        if stopped or state is BatchState.FIRST_PASSED:
            return batch
        self.send(self.registry.assemble, batch, sender=self.producer)
        if state is BatchState.ASSEMBLED:
            return batch
        self._record_inspection(batch, Stage.FINAL, Verdict.PASS)
        graded = (0, 0, quantity) if state is BatchState.SCRAPPED else graded
        self.send(self.registry.grade, batch, *graded, sender=self.producer)
        if state is BatchState.RELEASED:
            for channel, units in zip(SalesChannel, graded, strict=False):
                if units:
                    self.send(self.registry.release, batch, channel, sender=self.producer)
        return batch

    # ---------------------------------------------------------------- inspections

    def inspection(self, batch: bytes, stage: int = Stage.FIRST, verdict: int = Verdict.PASS, **changes: Any) -> dict:
        """Return a valid inspection by the laboratory, with `changes`."""
        current = self.batch(batch)
        revisions = {Stage.FIRST: current.first_revision, Stage.FINAL: current.final_revision}
        inspector = changes.pop("by", self.lab_inspector)
        values = {
            "batch": batch,
            "stage": stage,
            "verdict": verdict,
            "revision": revisions[stage] + 1,
            "sampleSize": max(1, -(-current.quantity // 100)),
            "defects": 0,
            "instrument": keccak(b"instrument"),
            "evidence": keccak(b"evidence"),
            "inspectedAt": self.now,
            "inspector": inspector.address,
            "nonce": self.read(self.inspections.nonces["address,uint192"], inspector.address, 0),
            "deadline": FOREVER,
        }
        return values | changes

    def sign(self, inspection: dict, key: LocalAccount | None = None, **domain: Any) -> bytes:
        """Return the EIP-712 signature of an inspection. Does not use the digest of the contract."""
        key = key or next(
            account
            for account in self.operators.values()
            if getattr(account, "address", None) == inspection["inspector"]
        )
        signed = Keys.sign_typed_data(
            key.key,
            {
                "name": "ChromaTrace InspectionLedger",
                "version": "1",
                "chainId": self.chain_id,
                "verifyingContract": self.inspections.address,
            }
            | domain,
            {"Inspection": [{"name": name, "type": kind} for name, kind in INSPECTION_FIELDS]},
            inspection,
        )
        return bytes(signed.signature)

    def inspect(self, batch: bytes, stage: int = Stage.FIRST, verdict: int = Verdict.PASS, **changes: Any) -> Any:
        """Sign an inspection and submit it from an account without rights."""
        inspection = self.inspection(batch, stage, verdict, **changes)
        return self.inspections.record(tuple(inspection.values()), self.sign(inspection), {"from": self.stranger})

    def _record_inspection(self, batch: bytes, stage: int, verdict: int) -> None:
        inspection = self.inspection(batch, stage, verdict)
        self.send(self.inspections.record, tuple(inspection.values()), self.sign(inspection), sender=self.stranger)

    # ---------------------------------------------------------------- custody

    def transfer(self, batch: bytes, to: int, sender: Any, receiver: Any) -> Any:
        self.custody.offer(batch, to, FOREVER, {"from": sender})
        return self.custody.accept(batch, {"from": receiver})


def as_inputs(inputs: tuple) -> list[tuple[bytes, int]]:
    """Return `IBatchRegistry.Input` tuples. An input is a batch id, of which one unit is used, or (batch id, units)."""
    return [item if isinstance(item, tuple) else (item, 1) for item in inputs]


def event(tx: Any, name: str) -> dict[str, Any]:
    """Return the arguments of the only event `name` of a transaction, in plain types (bytes32 as bytes)."""
    (args,) = tx.events[name]
    return {key: _plain(value) for key, value in args.items()}


def plain(values: Any) -> tuple:
    """Return a struct in plain types. Brownie's types cannot be compared with enums."""
    return tuple(_plain(value) for value in values)


def _plain(value: Any) -> Any:
    if isinstance(value, int) and not isinstance(value, bool):
        return int(value)
    if isinstance(value, HexString):
        return bytes(value)
    return plain(value) if isinstance(value, tuple | list) else value


def _canonical(output: dict[str, Any]) -> str:
    """Return the canonical ABI type of an output; structs become tuples."""
    if output["type"] != "tuple":
        return output["type"]
    return f"({','.join(_canonical(part) for part in output['components'])})"


def advance_to(timestamp: int) -> None:
    """Mine a block with this timestamp."""
    for method, params in (("evm_setNextBlockTimestamp", [timestamp]), ("evm_mine", [])):
        response = web3.provider.make_request(method, params)
        if "error" in response:
            raise ValueError(response["error"])


def batch_id(lot: str, gtin: str = GTIN) -> bytes:
    """Return the on-chain id of a batch."""
    return bytes(BatchKey.parse(gtin, lot).batch_id)
