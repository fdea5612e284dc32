"""A panel of inspectors: keys that only sign, and the functions of a round with default arguments."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache
from typing import Any

from environment import FOREVER, ContractEnvironment, advance_to
from eth_account import Account as Keys
from eth_account.signers.local import LocalAccount
from eth_utils import keccak

from chromatrace.crypto.sealed_answer import SealedAnswer, commitment_digest, compact_signature, lane_id
from chromatrace.domain.rights import Role, Stage
from chromatrace.quality.rules import UNIT

PASS, FAIL = 0, 1
SUBJECT = keccak(b"a workpiece")
NONE, REQUESTED, SEATED, DECIDED, LAPSED = range(5)
DRAWN, COMMITTED, STALLED, REVEALED = range(4)
MAJORITY, CONFIDENCE, NOISY_OR, LOG_ODDS = range(4)

RULE = {
    "states": 2,
    "minimum": 3,
    "maximum": 3,
    "firstWave": 3,
    "weighing": MAJORITY,
    "threshold": 2 * UNIT,
    "minimumCapability": 0,
    "stallPenalty": 500,
    "commitSeconds": 60,
    "revealSeconds": 60,
    "passing": PASS,
    "decidesFirst": False,
    "decidesFinal": False,
}


@cache
def key_of(number: int) -> LocalAccount:
    """Return the key of an inspector by its number in the panel, starting at 1."""
    return Keys.from_key(keccak(b"inspector %d" % number))


@dataclass
class Panel:
    """The panel of the plant.

    `capability` is the initial capability, in 1/10,000; `capabilities` lists exceptions by inspector number. `sealed`
    holds the committed answers by lane and seat.
    """

    env: ContractEnvironment
    size: int = 5
    rule: dict[str, Any] = field(default_factory=lambda: dict(RULE))
    capability: int = 1_000
    capabilities: dict[int, int] = field(default_factory=dict)
    sealed: dict[tuple[int, int], SealedAnswer] = field(default_factory=dict)

    def __post_init__(self) -> None:
        appoint, registrar = self.env.consortium.appointOperator, self.env.registrar
        for number in range(1, self.size + 1):
            address = key_of(number).address
            self.env.send(appoint, address, self.env.plant, int(Role.INSPECTOR), FOREVER, sender=registrar)
            self.enrol(number, self.capabilities.get(number))
        self.set_rule()

    @property
    def contract(self) -> Any:
        return self.env.consensus

    def enrol(self, number: int, capability: int | None = None) -> None:
        initial = self.capability if capability is None else capability
        self._send("enrol", key_of(number).address, initial, keccak(b"gauge"), sender=self.env.administrator)

    def set_rule(self, **changes: Any) -> None:
        self.rule |= changes
        names = ["pass", "fail", *(f"state {n}" for n in range(2, self.rule["states"]))]
        self._send("setRule", tuple(self.rule.values()), names, sender=self.env.administrator)

    def open(
        self,
        subject: bytes = SUBJECT,
        step: int = 1,
        stage: int = Stage.FIRST,
        first: int = 1,
        sample: int = 1,
        lane: int = 0,
    ) -> int:
        """Request a round and return its lane id."""
        self._send("open", [(lane, subject, step, stage, first, sample)], sender=self.env.producer)
        return lane_id(self.env.plant, lane)

    def draw(self, lane: int) -> list[int]:
        """Draw and return the numbers of all seated inspectors."""
        self._send("draw", [lane])
        return [seat[0] for seat in self.seats(lane)]

    def opened(self, **request: Any) -> int:
        """Request a round, draw its seats and return its lane id."""
        lane = self.open(**request)
        self.draw(lane)
        return lane

    def state(self, lane: int) -> dict[str, Any]:
        function = self.contract.round
        data = self.env.rpc.call("eth_call", {"to": function._address, "data": function.encode_input(lane)}, "latest")
        identity, current, seats = function.decode_output(data)
        names = [part["name"] for part in function.abi["outputs"][1]["components"]]
        return dict(zip(names, (_plain(value) for value in current), strict=True)) | {
            "id": bytes(identity),
            "seats": [tuple(int(value) for value in seat) for seat in seats],
        }

    def seats(self, lane: int) -> list[tuple[int, int, int]]:
        """Return (inspector, status, state) of every seat."""
        return self.state(lane)["seats"]

    def inspector(self, number: int) -> dict[str, Any]:
        function = self.contract.inspector
        call = {"to": function._address, "data": function.encode_input(self.env.plant, number)}
        values = function.decode_output(self.env.rpc.call("eth_call", call, "latest"))
        names = [part["name"] for part in function.abi["outputs"][0]["components"]]
        return dict(zip(names, (_plain(value) for value in values), strict=True))

    def round_id(self, lane: int) -> bytes:
        return self.state(lane)["id"]

    def commitment(self, lane: int, seat: int, state: int = PASS, by: LocalAccount | None = None) -> tuple:
        """Return a signed commitment and store its answer in `sealed`."""
        signer = by or key_of(self.seats(lane)[seat][0])
        identity = self.round_id(lane)
        answer = SealedAnswer(state, 0, keccak(b"evidence of %d" % seat), keccak(b"salt %d" % seat))
        self.sealed[lane, seat] = answer
        return self.signed(identity, seat, answer.digest(identity, signer.address), signer)

    def signed(self, identity: bytes, seat: int, digest: bytes, signer: LocalAccount) -> tuple:
        message = commitment_digest(identity, seat, digest, self.env.chain_id, self.contract.address)
        signature = bytes(signer.unsafe_sign_hash(message).signature)
        return (seat, digest, *compact_signature(signature))

    def answer(self, lane: int, seat: int) -> tuple:
        sealed = self.sealed[lane, seat]
        return (seat, sealed.state, sealed.defects, sealed.evidence, sealed.salt)

    def commit(self, lane: int, states: dict[int, int]) -> None:
        self._send("commit", [(lane, [self.commitment(lane, seat, state) for seat, state in states.items()])])

    def reveal(self, lane: int, seats: list[int]) -> None:
        self._send("reveal", [(lane, [self.answer(lane, seat) for seat in seats])])

    def play(self, states: list[int], **request: Any) -> int:
        """Run a whole round in which the seats answer `states` in order, and return its lane id."""
        lane = self.open(**request)
        answered = 0
        while self.state(lane)["phase"] == REQUESTED:
            count = len(self.draw(lane))
            self.commit(lane, {seat: states[seat] for seat in range(answered, count)})
            self.reveal(lane, list(range(answered, count)))
            answered = count
        return lane

    def close(self, lane: int) -> None:
        self._send("close", lane)

    def overdue(self, lane: int) -> None:
        """Advance the time beyond every deadline of the round."""
        advance_to(max(self.env.now, self.state(lane)["deadline"]) + self.rule["revealSeconds"] + 1)

    def _send(self, function: str, *args: Any, sender: Any = None) -> None:
        self.env.send(getattr(self.contract, function), *args, sender=sender or self.env.stranger)


def _plain(value: Any) -> Any:
    if isinstance(value, bool):
        return value
    return int(value) if isinstance(value, int) else value
