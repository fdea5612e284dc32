"""A small consortium on the test chain, and the verbs of a batch's life with sensible defaults."""

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
from chromatrace.domain.rights import BatchState, OrganisationKind, Role, SalesChannel, Stage, Verdict
from chromatrace.ethereum.rpc import RpcClient

GTIN = "09521234543213"
ADMIN_DELAY_S = 3600
FOREVER = 2**64 - 1
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
    """The n-th GLN of the example prefix."""
    body = f"952123{number:06d}"
    return int(body + check_digit(body))


@dataclass(frozen=True)
class Batch:
    """`IBatchRegistry.Batch`, in its order."""

    state: BatchState
    on_hold: bool
    recalled: bool
    channels: int
    first_verdict: Verdict
    final_verdict: Verdict
    first_revision: int
    final_revision: int
    producer: int
    custodian: int
    quantity: int
    standard: int
    defective: int
    scrap: int


@dataclass
class World:
    """Organisations by number; operators are Brownie accounts, inspectors keys that only sign."""

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
    def build(cls) -> World:
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
        world = cls(consortium, registry, inspections, custody, process, routes, consensus, registrar)
        world._populate()
        world.route = Stations(world).line(1, name="any route").design.route
        return world

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
        for place, (name, organisation, roles) in enumerate(
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
            self.operators[name] = accounts[place]
            self.appoint(accounts[place], organisation, roles)
        self.operators["stranger"] = accounts[9]
        for name, organisation, seed in (
            ("plant_inspector", self.plant, b"plant"),
            ("lab_inspector", self.lab, b"lab"),
            ("unknown_inspector", None, b"nobody"),
        ):
            self.operators[name] = Keys.from_key(keccak(seed))
            if organisation is not None:
                self.appoint(self.operators[name].address, organisation, Role.INSPECTOR)

    def __getattr__(self, name: str) -> Any:
        try:
            return self.__dict__["operators"][name]
        except KeyError:
            raise AttributeError(name) from None

    # ---------------------------------------------------------------- rights

    def appoint(self, account: Any, organisation: int, roles: int, valid_until: int = FOREVER) -> Any:
        return self.consortium.appointOperator(account, organisation, roles, valid_until, {"from": self.registrar})

    def suspend(self, organisation: int) -> Any:
        return self.consortium.suspendOrganisation(organisation, {"from": self.registrar})

    # ---------------------------------------------------------------- batches

    def registration(self, lot: str = "L1", quantity: int = 250, inputs: tuple = (), gtin: str = GTIN) -> tuple:
        """The tuple of `IBatchRegistry.Registration`."""
        return (int(gtin), lot, quantity, keccak(b"serials"), keccak(b"content"), self.route, used(inputs))

    def parts(self, inputs: tuple = ()) -> tuple:
        """The `IBatchRegistry.Parts` of a batch that was registered with `registration`'s defaults."""
        return (keccak(b"serials"), keccak(b"content"), self.route, used(inputs))

    def send(self, function: Any, *args: Any, sender: Any) -> None:
        """Sends a transaction that must succeed. Brownie's own way makes a dozen requests of each."""
        call = {"from": str(sender), "to": function._address, "data": function.encode_input(*args), "gas": hex(2**23)}
        sent = self.rpc.call("eth_sendTransaction", call)
        while (receipt := self.rpc.call("eth_getTransactionReceipt", sent)) is None:
            time.sleep(0.002)
        if receipt["status"] != "0x1":
            raise AssertionError(f"{function._name} failed in {sent}")

    def read(self, function: Any, *args: Any) -> Any:
        """What a view answers, in plain types."""
        call = {"to": function._address, "data": function.encode_input(*args)}
        answer = bytes.fromhex(self.rpc.call("eth_call", call, "latest")[2:])
        (value,) = decode([_canonical(function.abi["outputs"][0])], answer)
        return value

    @property
    def now(self) -> int:
        """Time of the latest block, Unix seconds."""
        return int(self.rpc.call("eth_getBlockByNumber", "latest", False)["timestamp"], 16)

    def register(self, lot: str = "L1", quantity: int = 250, inputs: tuple = (), sender: Any = None) -> bytes:
        registration = self.registration(lot, quantity, inputs)
        self.send(self.registry.register, registration, sender=sender or self.producer)
        return batch_id(lot)

    def batch(self, batch: bytes) -> Batch:
        values = self.read(self.registry.batch, batch)
        return Batch(BatchState(values[0]), *values[1:4], Verdict(values[4]), Verdict(values[5]), *values[6:])

    def bring_to(self, state: BatchState, lot: str = "L1", quantity: int = 250, graded: tuple = (240, 8, 2)) -> bytes:
        """A new batch, brought to `state` by the shortest way (final verdict: Pass)."""
        batch = self.register(lot, quantity)
        if state is BatchState.REGISTERED:
            return batch
        stopped = state in (BatchState.STOPPED, BatchState.RECYCLED)
        self._inspected(batch, Stage.FIRST, Verdict.FAIL if stopped else Verdict.PASS)
        if state is BatchState.RECYCLED:
            self.send(self.registry.recycle, batch, sender=self.producer)
        if stopped or state is BatchState.FIRST_PASSED:
            return batch
        self.send(self.registry.assemble, batch, sender=self.producer)
        if state is BatchState.ASSEMBLED:
            return batch
        self._inspected(batch, Stage.FINAL, Verdict.PASS)
        graded = (0, 0, quantity) if state is BatchState.SCRAPPED else graded
        self.send(self.registry.grade, batch, *graded, sender=self.producer)
        if state is BatchState.RELEASED:
            self.send(self.registry.release, batch, SalesChannel.STANDARD, sender=self.producer)
        return batch

    # ---------------------------------------------------------------- inspections

    def inspection(self, batch: bytes, stage: int = Stage.FIRST, verdict: int = Verdict.PASS, **changes: Any) -> dict:
        """An inspection by the laboratory that the ledger accepts, but for `changes`."""
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
        """The EIP-712 signature of an inspection, independent of the contract's own digest."""
        key = key or next(
            found for found in self.operators.values() if getattr(found, "address", None) == inspection["inspector"]
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
        """Signs and records an inspection; the submitter has no rights."""
        inspection = self.inspection(batch, stage, verdict, **changes)
        return self.inspections.record(tuple(inspection.values()), self.sign(inspection), {"from": self.stranger})

    def _inspected(self, batch: bytes, stage: int, verdict: int) -> None:
        inspection = self.inspection(batch, stage, verdict)
        self.send(self.inspections.record, tuple(inspection.values()), self.sign(inspection), sender=self.stranger)

    # ---------------------------------------------------------------- custody

    def hand_over(self, batch: bytes, to: int, giver: Any, taker: Any) -> Any:
        self.custody.offer(batch, to, FOREVER, {"from": giver})
        return self.custody.accept(batch, {"from": taker})


def used(inputs: tuple) -> list[tuple[bytes, int]]:
    """`IBatchRegistry.Input`s: of each batch one unit, or (batch, units)."""
    return [one if isinstance(one, tuple) else (one, 1) for one in inputs]


def event(tx: Any, name: str) -> dict[str, Any]:
    """The one event `name` of a transaction, in plain types: bytes32 as bytes."""
    (found,) = tx.events[name]
    return {key: _plain(value) for key, value in found.items()}


def plain(values: Any) -> tuple:
    """A returned struct in plain types: Brownie's own refuse to be compared with enums."""
    return tuple(_plain(value) for value in values)


def _plain(value: Any) -> Any:
    if isinstance(value, int) and not isinstance(value, bool):
        return int(value)
    if isinstance(value, HexString):
        return bytes(value)
    return plain(value) if isinstance(value, tuple | list) else value


def _canonical(output: dict[str, Any]) -> str:
    """The type of a view's output, a struct as the tuple that it is."""
    if output["type"] != "tuple":
        return output["type"]
    return f"({','.join(_canonical(part) for part in output['components'])})"


def advance_to(timestamp: int) -> None:
    """Mines a block at a time."""
    for method, params in (("evm_setNextBlockTimestamp", [timestamp]), ("evm_mine", [])):
        answer = web3.provider.make_request(method, params)
        if "error" in answer:
            raise ValueError(answer["error"])


def batch_id(lot: str, gtin: str = GTIN) -> bytes:
    """The on-chain id of a batch."""
    return bytes(BatchKey.parse(gtin, lot).batch_id)
